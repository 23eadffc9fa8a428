//! `--verify`: rules that would let a banned address through, and bans that ledger and firewall do
//! not both hold.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::time::Time;
use pipeban_ban::firewall::{Backend, Firewall};
use pipeban_ban::ledger::{Ban, Ledger, seconds};
use pipeban_ban::restore::agree;
use pipeban_ban::target::Target;

/// Of each kind of difference this number is printed, then a total.
const IN_FULL: usize = 10;

/// Prints a line for each finding; answers whether there was none.
pub fn run(
    backend: &Backend,
    state_file: Option<&Path>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let mut firewall = backend.open()?;
    let mut found = firewall.verify().map_err(|e| backend.fault(&e))?;
    match Ledger::look(state_file) {
        Ok(Some(ledger)) => found.extend(compare(backend, firewall.as_mut(), &ledger)?),
        Ok(None) => (),
        // The findings are still worth printing.
        Err(fault) => complain::fault(fault)?,
    }
    for finding in &found {
        output.line(finding.as_bytes())?;
    }
    output.flush()?;
    Ok(found.is_empty())
}

/// The differences between firewall and ledger, in words.
fn compare(
    backend: &Backend,
    firewall: &mut dyn Firewall,
    ledger: &Ledger,
) -> Result<Vec<String>, Fault> {
    // The firewall first: a ban made meanwhile is no difference then.
    let Some(held) = firewall.list().map_err(|e| backend.fault(&e))? else {
        return Ok(vec![]);
    };
    let mut held: HashMap<Target, Option<Duration>> = held.into_iter().collect();
    let now = Time::now();
    let key = backend.to_string();
    let current = ledger.current(now, None)?;
    let bans = current.iter().filter(|details| details.backend == key);
    let (mut differ, mut missing) = (Vec::new(), Vec::new());
    for ban in bans.map(|details| details.ban) {
        match held.remove(&ban.target) {
            Some(left) if agree(firewall, left, ban.left(now)) => (),
            Some(left) => differ.push((ban, left)),
            None => missing.push(ban),
        }
    }
    // A list may lack some that are there; each is asked for by itself.
    let targets: Vec<Target> = missing.iter().map(|ban| ban.target).collect();
    for asked in targets.chunks(firewall.asked_at_once()) {
        let there = firewall.held(asked).map_err(|e| backend.fault(&e))?;
        let there: HashMap<Target, _> = there.into_iter().flatten().collect();
        let now = Time::now();
        missing.retain(|ban: &Ban| {
            let left = there.get(&ban.target);
            let is_other = |left: &&Option<_>| !agree(firewall, **left, ban.left(now));
            differ.extend(left.filter(is_other).map(|left| (*ban, *left)));
            left.is_none() && !ban.has_ended(now)
        });
    }
    let mut others: Vec<Target> = held.into_keys().collect();
    others.sort();
    let differ = differ.iter().map(|(ban, left)| {
        let end = |left: Option<Duration>| left.map_or("never".into(), |left| seconds(now + left));
        let (theirs, ours) = (end(*left), end(ban.left(now)));
        format!(
            "{}: ends in the firewall {theirs}, in the ledger {ours}",
            ban.target
        )
    });
    let mut found = Vec::new();
    add(&mut found, differ, "more ends differ");
    let missing = missing
        .iter()
        .map(|ban| format!("{}: only in the ledger", ban.target));
    add(&mut found, missing, "more are only in the ledger");
    let others = others
        .iter()
        .map(|target| format!("{target}: only in the firewall"));
    add(&mut found, others, "more are only in the firewall");
    Ok(found)
}

/// Adds the first of these findings, and the number of the others.
fn add(to: &mut Vec<String>, mut findings: impl Iterator<Item = String>, more: &str) {
    to.extend(findings.by_ref().take(IN_FULL));
    match findings.count() {
        0 => (),
        rest => to.push(format!("{rest} {more}")),
    }
}
