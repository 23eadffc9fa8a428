//! `--list`: what is banned now, from the firewall and the ledger together.

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::compare::{Seen, compare};
use pipeban_ban::firewall::{Backend, name_in};
use pipeban_ban::ledger::{BanDetails, BanFormatter, Ledger, Snapshot, seconds};
use pipeban_ban::whose;

use crate::arguments::Arguments;
use crate::listing::Listing;

/// The usual length of `since=`, `until=`, `packets=` and `bytes=`.
const ROOM: usize = 128;

/// Prints a record for each ban, or for each that one host has asked for.
pub fn run(arguments: &Arguments, backend: &Backend, output: &mut Output) -> Result<bool, Fault> {
    let origin = origin(arguments);
    let ledger = Ledger::look(arguments.state_file.as_deref());
    let found = match origin {
        Some(_) => {
            let bans = match ledger? {
                Some(ledger) => ledger.current(Time::now(), origin)?,
                None => vec![],
            };
            print_ledger(backend, &bans, output)?
        }
        None => {
            let read = ledger.and_then(|ledger| {
                let snapshot = ledger.as_ref().map(|l| l.snapshot(Time::now(), None));
                Ok((snapshot.transpose()?.unwrap_or_default(), ledger))
            });
            let (snapshot, ledger) = match read {
                Ok(read) => read,
                Err(fault) => {
                    // The firewall's bans are still worth printing.
                    complain::fault(fault)?;
                    (Snapshot::default(), None)
                }
            };
            print(backend, ledger.as_ref(), snapshot, output)?
        }
    };
    if !found {
        whose::tell(arguments.state_file.as_deref());
    }
    output.end_table("nothing is banned")?;
    Ok(found)
}

/// The host whose bans are asked for by `--origin`; empty is this one.
pub fn origin(arguments: &Arguments) -> Option<&str> {
    let origin = arguments.origin.as_deref();
    origin.map(|name| if name == "." { "" } else { name })
}

/// Prints a record for each of these bans. Of bans of one host the firewall can't tell: it holds
/// the longest.
pub fn print_ledger(
    backend: &Backend,
    bans: &[BanDetails],
    output: &mut Output,
) -> Result<bool, Fault> {
    let (key, mut formatter) = (backend.to_string(), BanFormatter::default());
    let mut listing = Listing::new(output);
    for details in bans {
        let parts = of_ban(details, &key, &mut formatter);
        listing.add(parts, details.ban.target.port, None)?;
    }
    listing.finish()
}

/// Prints a record for each ban that the firewall holds and for each of the snapshot, which is of
/// `ledger`.
///
/// `only=ledger` or `only=firewall` marks a ban that the other does not hold, and
/// `firewall-until=` one that ends in the firewall at another time.
pub fn print(
    backend: &Backend,
    ledger: Option<&Ledger>,
    snapshot: Snapshot,
    output: &mut Output,
) -> Result<bool, Fault> {
    let key = backend.to_string();
    let comparison = match backend.open() {
        Ok(mut firewall) => match compare(ledger, snapshot, backend, firewall.as_mut()) {
            Ok(comparison) => comparison,
            Err(failure) => {
                complain::fault(failure.into())?;
                let bans = ledger.map(|ledger| ledger.current(Time::now(), None));
                return print_ledger(backend, &bans.transpose()?.unwrap_or_default(), output);
            }
        },
        Err(fault) => {
            // The ledger's bans are still worth printing.
            complain::fault(fault)?;
            return print_ledger(backend, &snapshot.bans, output);
        }
    };
    let mut listing = Listing::new(output);
    let mut formatter = BanFormatter::default();
    for (details, seen) in &comparison.bans {
        let (record, mut times) = of_ban(details, &key, &mut formatter);
        // Only this firewall was looked at.
        let looked = comparison.can_tell && details.backend == key;
        match seen {
            Some(seen) if !seen.agrees => times.set("firewall-until", &end(seen)),
            None if looked => times.set("only", b"ledger"),
            _ => (),
        }
        let dropped = seen.and_then(|seen| seen.dropped);
        listing.add((record, times), details.ban.target.port, dropped)?;
    }
    for (target, seen) in &comparison.others {
        let record = Record::new(target.address);
        let mut times = record.clone();
        times.set("until", &end(seen));
        times.set("only", b"firewall");
        listing.add((record, times), target.port, seen.dropped)?;
    }
    listing.finish()
}

/// The end of a ban in a firewall, as records have it.
fn end(seen: &Seen) -> Vec<u8> {
    seen.until.map_or("never".into(), seconds).into_bytes()
}

/// The record of a ban in two parts, without its evidence and ports, which stand between them. The
/// second has the times, and `backend=`, which names a firewall other than the `usual`.
pub fn of_ban(details: &BanDetails, usual: &str, formatter: &mut BanFormatter) -> (Record, Record) {
    let address = details.ban.target.address;
    let mut record = Record::with_fields(address, &details.facts);
    record.remove("line");
    // The times and counters are put behind it.
    record.reserve(ROOM);
    if !details.origin.is_empty() {
        record.set("origin", details.origin.as_bytes());
    }
    let mut times = Record::new(address);
    times.reserve(ROOM);
    formatter.describe(&details.ban, &mut times);
    if details.backend != usual {
        times.set("backend", name_in(&details.backend).as_bytes());
    }
    (record, times)
}
