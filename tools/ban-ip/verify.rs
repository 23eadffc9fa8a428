//! `--verify`: rules that would let a banned address through, and bans that ledger and firewall do
//! not both hold.

use std::path::Path;

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::time::Time;
use pipeban_ban::compare::{Comparison, Seen, compare};
use pipeban_ban::firewall::Backend;
use pipeban_ban::ledger::{Ledger, seconds};

use crate::against_log;
use crate::arguments::Arguments;
use crate::findings::add;

/// Prints a line for each finding; answers whether there was none. With addresses it looks at
/// their bans alone.
pub fn run(arguments: &Arguments, backend: &Backend, output: &mut Output) -> Result<bool, Fault> {
    let mut firewall = backend.open()?;
    let rules = firewall.verify().map_err(|e| backend.fault(&e))?;
    for finding in &rules {
        output.line(finding.as_bytes())?;
    }
    let state_file = arguments.state_file.as_deref();
    let good = if arguments.addresses.is_empty() {
        let found = differences(backend, state_file)?;
        for finding in &found {
            output.line(finding.as_bytes())?;
        }
        found.is_empty()
    } else {
        against_log::run(arguments, backend, firewall.as_mut(), output)?
    };
    output.flush()?;
    Ok(rules.is_empty() && good)
}

/// The differences between firewall and ledger, in words.
fn differences(backend: &Backend, state_file: Option<&Path>) -> Result<Vec<String>, Fault> {
    let ledger = match Ledger::look(state_file) {
        Ok(Some(ledger)) => ledger,
        Ok(None) => return Ok(vec![]),
        // The other findings are still worth printing.
        Err(fault) => {
            complain::fault(fault)?;
            return Ok(vec![]);
        }
    };
    let snapshot = ledger.snapshot(Time::now(), None)?;
    let mut firewall = backend.open()?;
    let comparison = compare(Some(&ledger), snapshot, backend, firewall.as_mut())?;
    if !comparison.can_tell {
        return Ok(vec![]);
    }
    let Comparison { bans, others, .. } = &comparison;
    let key = backend.to_string();
    let of_it = bans.iter().filter(|(details, _)| details.backend == key);
    let differ = of_it.clone().filter_map(|(details, seen)| {
        let theirs = end(seen.filter(|seen| !seen.agrees)?);
        let ours = details.ban.until.map_or("never".into(), seconds);
        let target = details.ban.target;
        Some(format!(
            "{target}: ends in the firewall {theirs}, in the ledger {ours}"
        ))
    });
    let mut found = Vec::new();
    add(&mut found, differ, "more ends differ");
    let missing = of_it
        .filter(|(_, seen)| seen.is_none())
        .map(|(details, _)| format!("{}: only in the ledger", details.ban.target));
    add(&mut found, missing, "more are only in the ledger");
    let others = others
        .iter()
        .map(|(target, _)| format!("{target}: only in the firewall"));
    add(&mut found, others, "more are only in the firewall");
    Ok(found)
}

fn end(seen: Seen) -> String {
    seen.until.map_or("never".into(), seconds)
}
