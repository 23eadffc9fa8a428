//! `--list`: what is banned now, from the firewall and the ledger together.

use std::collections::BTreeMap;

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::firewall::{Backend, Counted, Firewall, name_in};
use pipeban_ban::ledger::{BanDetails, BanFormatter, Complete, Ledger, seconds};
use pipeban_ban::restore::agree;
use pipeban_ban::target::Target;
use pipeban_ban::whose;

use crate::arguments::Arguments;
use crate::listing::Listing;

/// Prints a record for each ban, or for each that one host has asked for.
pub fn run(arguments: &Arguments, backend: &Backend, output: &mut Output) -> Result<bool, Fault> {
    let origin = origin(arguments);
    let current = |now| match Ledger::look(arguments.state_file.as_deref())? {
        Some(ledger) => ledger.current(now, origin),
        None => Ok(vec![]),
    };
    let found = match origin {
        Some(_) => print_ledger(backend, &current(Time::now())?, output)?,
        None => {
            let ledger = Ledger::look(arguments.state_file.as_deref());
            let complete = ledger.ok().flatten();
            let complete = complete.and_then(|l| l.complete(&backend.to_string()).ok());
            print(backend, complete.flatten(), current, output)?
        }
    };
    output.flush()?;
    if !found {
        whose::tell(arguments.state_file.as_deref());
    }
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
        let record = of_ban(details, &key, &mut formatter);
        listing.add(record, details.ban.target.port, None)?;
    }
    listing.finish()
}

/// Prints a record for each ban that the firewall holds and for each of `in_ledger`, which is
/// called when the firewall was read. If the firewall is in the state in which it was `complete`,
/// it is asked for the ledger's bans alone: a list of all takes the longer, the more there are.
///
/// `only=ledger` or `only=firewall` marks a ban that the other does not hold, and
/// `firewall-until=` one that ends in the firewall at another time.
pub fn print(
    backend: &Backend,
    complete: Option<Complete>,
    in_ledger: impl FnOnce(Time) -> Result<Vec<BanDetails>, Fault>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let key = backend.to_string();
    // The firewall first: a ban made meanwhile is no difference then.
    let (firewall, look) = match look(backend, complete) {
        Ok((firewall, look)) => (Some(firewall), look),
        Err(fault) => {
            // The ledger's bans are still worth printing.
            complain::fault(fault)?;
            (None, Look::Listed(None))
        }
    };
    let in_ledger = match in_ledger(Time::now()) {
        Ok(bans) => bans,
        Err(fault) => {
            // And so are the firewall's.
            complain::fault(fault)?;
            vec![]
        }
    };
    let (firewall, in_firewall) = match (firewall, look) {
        (Some(mut firewall), Look::Complete) => {
            let own = in_ledger.iter().filter(|details| details.backend == key);
            let targets: Vec<Target> = own.map(|details| details.ban.target).collect();
            let held = firewall.counted(Some(&targets));
            match held.map_err(|e| backend.fault(&e)) {
                Ok(held) => (Some(firewall), held),
                Err(fault) => {
                    complain::fault(fault)?;
                    (None, None)
                }
            }
        }
        (firewall, Look::Complete) => (firewall, None),
        (firewall, Look::Listed(held)) => (firewall, held),
    };
    let now = Time::now();
    let known = in_firewall.is_some();
    let in_firewall = in_firewall.into_iter().flatten();
    let in_firewall = in_firewall.map(|((target, left), dropped)| (target, (left, dropped)));
    let mut in_firewall: BTreeMap<Target, _> = in_firewall.collect();

    let mut listing = Listing::new(output);
    let mut formatter = BanFormatter::default();
    for details in in_ledger {
        let mut record = of_ban(&details, &key, &mut formatter);
        let mut counted = None;
        if details.backend != key {
            // Only the usual firewall was looked at.
        } else if let Some((left, dropped)) = in_firewall.remove(&details.ban.target) {
            counted = dropped;
            if let Some(firewall) = &firewall
                && !agree(firewall.as_ref(), left, details.ban.left(now))
            {
                let until = left.map_or("never".into(), |left| seconds(now + left));
                record.set("firewall-until", until.as_bytes());
            }
        } else if known {
            record.set("only", b"ledger");
        }
        listing.add(record, details.ban.target.port, counted)?;
    }
    for (target, (left, dropped)) in in_firewall {
        let mut record = Record::new(target.address);
        let until = left.map_or("never".into(), |left| seconds(now + left));
        record.set("until", until.as_bytes());
        record.set("only", b"firewall");
        listing.add(record, target.port, dropped)?;
    }
    listing.finish()
}

/// The record of a ban, without its evidence and ports; `backend=` names a firewall other than the
/// `usual`.
pub fn of_ban(details: &BanDetails, usual: &str, formatter: &mut BanFormatter) -> Record {
    let mut record = Record::with_fields(details.ban.target.address, &details.facts);
    record.remove("line");
    if !details.origin.is_empty() {
        record.set("origin", details.origin.as_bytes());
    }
    formatter.describe(&details.ban, &mut record);
    if details.backend != usual {
        record.set("backend", name_in(&details.backend).as_bytes());
    }
    record
}

/// A look at a firewall.
enum Look {
    /// It holds exactly the bans that it was told.
    Complete,
    /// All that it holds; `None` if it can't tell.
    Listed(Option<Vec<Counted>>),
}

fn look(backend: &Backend, complete: Option<Complete>) -> Result<(Box<dyn Firewall>, Look), Fault> {
    let mut firewall = backend.open()?;
    if let Some(complete) = complete {
        let state = firewall.seen_state().map_err(|e| backend.fault(&e))?;
        if state.is_some_and(|state| complete.is_now(&state)) {
            return Ok((firewall, Look::Complete));
        }
    }
    let held = firewall.counted(None).map_err(|e| backend.fault(&e))?;
    Ok((firewall, Look::Listed(held)))
}
