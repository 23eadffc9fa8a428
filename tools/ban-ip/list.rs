//! `--list`: what is banned now, from the firewall and the ledger together.

use std::collections::BTreeMap;
use std::path::Path;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::firewall;
use pipeban::input::describe;
use pipeban::ledger::{Ban, Ledger};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

/// Prints a record for each ban; `only=ledger` or `only=firewall` marks one that the other does not hold.
pub fn run(backend: &str, state_file: Option<&Path>, output: &mut Output) -> Result<bool, Fault> {
    let now = Time::now();
    let ledger = Ledger::look(state_file)?;
    let in_ledger = ledger.map_or(Ok(vec![]), |ledger| ledger.current(now))?;
    // Without the firewall's word the ledger's is still worth printing.
    let in_firewall = match firewall::open(backend).and_then(|mut f| f.list()) {
        Ok(bans) => bans,
        Err(e) => {
            complain::error(backend, describe(&e));
            None
        }
    };
    let known = in_firewall.is_some();
    let mut in_firewall: BTreeMap<Address, _> = in_firewall.into_iter().flatten().collect();

    let mut bans: BTreeMap<Address, Record> = BTreeMap::new();
    for ban in in_ledger {
        let mut record = Record::new(ban.address);
        ban.describe(&mut record);
        let held = in_firewall.remove(&ban.address).is_some();
        if known && !held && ban.backend == backend {
            record.set("only", b"ledger");
        }
        bans.insert(ban.address, record);
    }
    for (address, left) in in_firewall {
        let mut record = Record::new(address);
        let until = left.map(|left| now + left);
        Ban {
            address,
            since: now,
            until,
            backend: backend.into(),
        }
        .describe(&mut record);
        record.remove("since");
        record.set("only", b"firewall");
        bans.insert(address, record);
    }
    bans.values().try_for_each(|record| output.record(record))?;
    output.flush()?;
    Ok(!bans.is_empty())
}
