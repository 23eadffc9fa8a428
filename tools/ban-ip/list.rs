//! `--list`: what is banned now, from the firewall and the ledger together.

use std::collections::BTreeMap;
use std::path::Path;

use pipeban::address::Address;
use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::agree;
use pipeban_ban::firewall::{self, Firewall};
use pipeban_ban::ledger::{Clerk, Ledger, seconds};

/// Prints a record for each ban; `only=ledger` or `only=firewall` marks one that the other does not hold, and
/// `firewall-until=` one that ends there at another time.
pub fn run(backend: &str, state_file: Option<&Path>, output: &mut Output) -> Result<bool, Fault> {
    // The firewall first: a ban made meanwhile is no difference then.
    let (firewall, in_firewall) = match look(backend) {
        Ok((firewall, bans)) => (Some(firewall), bans),
        Err(e) => {
            // Without the firewall's word the ledger's is still worth printing.
            complain::error(firewall::name(backend), describe(&e));
            (None, None)
        }
    };
    let known = in_firewall.is_some();
    let mut in_firewall: BTreeMap<Address, _> = in_firewall.into_iter().flatten().collect();
    let now = Time::now();
    let ledger = Ledger::look(state_file)?;
    let in_ledger = ledger.map_or(Ok(vec![]), |ledger| ledger.current(now))?;

    let mut found = false;
    let mut strangers = Vec::new();
    let mut clerk = Clerk::default();
    for story in in_ledger {
        let mut record = Record::with_fields(story.ban.address, &story.facts);
        record.remove("line");
        clerk.describe(&story.ban, &mut record);
        if story.backend != backend {
            record.set("backend", firewall::name(&story.backend).as_bytes());
        } else if let Some(left) = in_firewall.remove(&story.ban.address) {
            if let Some(firewall) = &firewall
                && !agree(firewall.as_ref(), left, story.ban.left(now))
            {
                let until = left.map_or("never".into(), |left| seconds(now + left));
                record.set("firewall-until", until.as_bytes());
            }
        } else if known {
            record.set("only", b"ledger");
        }
        output.record(&record)?;
        found = true;
    }
    for (address, left) in in_firewall {
        let mut record = Record::new(address);
        let until = left.map_or("never".into(), |left| seconds(now + left));
        record.set("until", until.as_bytes());
        record.set("only", b"firewall");
        strangers.push(record);
    }
    strangers
        .iter()
        .try_for_each(|record| output.record(record))?;
    output.flush()?;
    Ok(found || !strangers.is_empty())
}

type Held = Option<Vec<firewall::Ban>>;

fn look(backend: &str) -> std::io::Result<(Box<dyn Firewall>, Held)> {
    let mut firewall = firewall::open(backend)?;
    let held = firewall.list()?;
    Ok((firewall, held))
}
