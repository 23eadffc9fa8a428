//! Makes the firewall hold the bans of the ledger; neither of the two knows the other.
//!
//! A run ends well only if both hold the bans that it was asked for.

use std::collections::{HashMap, HashSet};

use crate::failure::Failure;
use crate::firewall::{Backend, Firewall};
use crate::ledger::{Ban, Ledger};
use crate::restore::{Refuses, agree, leave_out, restore};
use crate::tell::Teller;
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::time::Time;

pub use crate::tell::Outcome;

/// The number of times that bans are restored while others remove them again and again.
const ATTEMPTS: usize = 100;

/// Tells the firewall all bans that it was not told yet, or all bans if it has lost them. Each ban
/// of `known` is in force by the ledger: if the firewall does not hold it, it is put back. When all
/// are put back, those that `refuses` names a reason for are left out; see [`Refuses`].
///
/// `made` gets the bans as they are made or put back, some at a time; then no lock is held.
pub fn enforce(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    known: &[Ban],
    refuses: Refuses,
    made: &mut dyn FnMut(&[Ban]) -> Result<(), Fault>,
) -> Result<Outcome, Failure> {
    let mut teller = Teller::new(ledger, backend, firewall);
    let mut outcome = Outcome::default();
    let work = teller.ledger.has_work(&teller.key, Time::now())?;
    let mut lost = teller.locked(|t| t.firewall.ensure().map_err(|e| t.failure(&e)))?;
    let missing = missing(&mut teller, known)?;
    if !lost && missing.is_empty() && !work.now {
        outcome.later = work.later;
        return Ok(outcome);
    }
    let mut restored = false;
    for _ in 0..ATTEMPTS {
        if lost {
            restored = true;
            leave_out(&mut teller, refuses)?;
            restore(&mut teller, &mut Vec::new(), &mut Vec::new())?;
        }
        teller.tell_untold(&mut outcome, made)?;
        put_back(&mut teller, &missing, restored, made)?;
        lost = teller
            .firewall
            .lost_again()
            .map_err(|e| teller.failure(&e))?;
        if !lost {
            outcome.later = teller.ledger.next_due()?.is_some();
            return Ok(outcome);
        }
    }
    let text = "its bans are removed again and again";
    Err(teller.failure(&std::io::Error::other(text)))
}

/// The bans that the firewall does not hold as the ledger has them.
fn missing(teller: &mut Teller, bans: &[Ban]) -> Result<Vec<Ban>, Failure> {
    let mut missing = Vec::new();
    if bans.is_empty() || teller.is_complete()? {
        return Ok(missing);
    }
    for asked in bans.chunks(teller.firewall.asked_at_once()) {
        let addresses: Vec<Address> = asked.iter().map(|ban| ban.address).collect();
        // The answer is as of now: to ask for many takes its time.
        let now = Time::now();
        let held = teller.firewall.held(&addresses);
        let Some(held) = held.map_err(|e| teller.failure(&e))? else {
            // Nobody can tell.
            return Ok(vec![]);
        };
        let held: HashMap<_, _> = held.into_iter().collect();
        let is_missing = |ban: &&Ban| {
            let left = held.get(&ban.address);
            !left.is_some_and(|left| agree(teller.firewall, *left, ban.left(now)))
        };
        missing.extend(asked.iter().filter(is_missing));
    }
    Ok(missing)
}

/// Bans these again, if they are still in force, and gives them to `made`; if all bans were
/// `restored` meanwhile, these were among them.
fn put_back(
    teller: &mut Teller,
    missing_before: &[Ban],
    restored: bool,
    made: &mut dyn FnMut(&[Ban]) -> Result<(), Fault>,
) -> Result<(), Failure> {
    if missing_before.is_empty() {
        return Ok(());
    }
    let back = teller.locked(|t| {
        let mut back = Vec::new();
        for ban in missing_before {
            let now = t.ledger.find(&t.key, &ban.address, None)?;
            back.extend(now);
        }
        let missing = missing(t, &back)?;
        let refused = t.put(&missing)?;
        let missing: HashSet<Address> = missing.iter().map(|ban| ban.address).collect();
        back.retain(|ban| restored || missing.contains(&ban.address));
        back.retain(|ban| !refused.contains(&ban.address));
        Ok(back)
    })?;
    if !back.is_empty() {
        made(&back)?;
    }
    Ok(())
}
