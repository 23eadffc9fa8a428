//! `--why ADDRESS`: the history of its bans, of those of networks around it, and of those inside
//! it, with their evidence.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::firewall::{About, Dropped, name_in};
use pipeban_ban::ledger::{BanDetails, Ledger, seconds};
use pipeban_ban::look::Firewalls;
use pipeban_ban::target::Target;
use pipeban_ban::whose;

use crate::listing::{count, set_port};

/// The time left of a ban in a firewall, and the packets that were dropped.
type Held = (Option<Duration>, Option<Dropped>);

/// Prints a record for each ban: first those of networks around the address, the widest first, then
/// its own, then those inside it; the oldest ban of each first.
///
/// `lifted=` is the moment of a lift before the ban's `until=`; `only=firewall` marks a ban that a
/// firewall holds and the ledger does not.
pub fn run(
    address: &Address,
    state_file: Option<&Path>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let now = Time::now();
    let around: Vec<Address> = (0..=address.prefix_len())
        .map(|l| address.widen(l))
        .collect();
    let history = match remembered(address, &around, state_file) {
        Ok(history) => history,
        Err(fault) => {
            // The firewalls still know of the bans in force.
            complain::fault(fault)?;
            vec![]
        }
    };
    // A firewall that is not used here, or that this user may not ask, is no fault.
    let about = match address.is_host() {
        true => About::Addresses(&around),
        false => About::All,
    };
    let held = Firewalls::default().ask(|_| false, |_, firewall| firewall.counted(about));
    let mut unknown: BTreeMap<(Target, &str), Held> = BTreeMap::new();
    for (backend, held) in &held {
        let about = held
            .iter()
            .filter(|((a, _), _)| a.contains(address) || address.contains(a));
        unknown.extend(about.map(|((a, left), dropped)| ((*a, backend.name()), (*left, *dropped))));
    }
    let mut in_force = HashSet::new();
    for details in &history {
        let mut dropped = None;
        if !details.has_ended(now) {
            let key = (details.ban.target, details.backend.as_str());
            dropped = unknown.get(&key).and_then(|(_, dropped)| *dropped);
            in_force.insert(key);
        }
        output.record(&record(details, dropped))?;
    }
    unknown.retain(|key, _| !in_force.contains(key));
    let found = !history.is_empty() || !unknown.is_empty();
    for ((target, backend), (left, dropped)) in unknown {
        let mut record = Record::new(target.address);
        set_port(&target, &mut record);
        let until = left.map_or("never".into(), |left| seconds(now + left));
        record.set("until", until.as_bytes());
        record.set("backend", backend.as_bytes());
        record.set("only", b"firewall");
        dropped
            .iter()
            .for_each(|dropped| count(dropped, &mut record));
        output.record(&record)?;
    }
    if !found {
        whose::tell(state_file);
    }
    output.end_table(&format!("{address} was never banned"))?;
    Ok(found)
}

/// The bans of these networks around an address, and of those inside it, in the ledger.
fn remembered(
    address: &Address,
    around: &[Address],
    state_file: Option<&Path>,
) -> Result<Vec<BanDetails>, Fault> {
    let mut history = Vec::new();
    if let Some(ledger) = Ledger::look(state_file)? {
        for network in around {
            history.extend(ledger.history(network)?);
        }
        if !address.is_host() {
            history.extend(ledger.history_inside(address)?);
        }
    }
    Ok(history)
}

fn record(details: &BanDetails, dropped: Option<Dropped>) -> Record {
    let mut record = Record::with_fields(details.ban.target.address, &details.facts);
    if !details.origin.is_empty() {
        record.set("origin", details.origin.as_bytes());
    }
    set_port(&details.ban.target, &mut record);
    record.set("since", seconds(details.ban.since).as_bytes());
    let until = |until: Option<Time>| until.map_or("never".into(), seconds);
    record.set("until", until(details.planned_end).as_bytes());
    if details.planned_end != details.ban.until {
        record.set("lifted", until(details.ban.until).as_bytes());
    }
    record.set("backend", name_in(&details.backend).as_bytes());
    dropped
        .iter()
        .for_each(|dropped| count(dropped, &mut record));
    record
}
