//! Makes the firewall hold the bans of the ledger; neither of the two knows the other.
//!
//! A run ends well only if both hold the bans that it was asked for.

use std::collections::HashMap;

use crate::failure::Failure;
use crate::firewall::{Backend, Firewall};
use crate::ledger::{BackendLock, Ban, Ledger};
use crate::restore::{Refuses, agree, leave_out, restore};
use crate::target::Target;
use crate::tell::Teller;
use pipeban::complain::Fault;
use pipeban::time::Time;

pub use crate::tell::Outcome;

/// The number of times that bans are restored while others remove them again and again.
const ATTEMPTS: usize = 100;

/// Tells the firewall all bans that it was not told yet, or all bans if it has lost them. Each ban
/// of `known` is in force by the ledger: if the firewall does not hold it, it is put back. When all
/// are put back, those that `refuses` names a reason for are left out; see [`Refuses`].
///
/// `lock` is that of the firewall, if it is held since before the last bans were entered; it is
/// released. `made` gets the bans as they are made or put back, some at a time; then no lock is
/// held.
pub fn enforce(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    lock: Option<BackendLock>,
    known: &[Ban],
    refuses: Refuses,
    made: &mut dyn FnMut(&[Ban]) -> Result<(), Fault>,
) -> Result<Outcome, Failure> {
    let mut teller = Teller::new(ledger, backend, firewall).holding(lock);
    let mut outcome = Outcome::default();
    let mut ensured = None;
    if !known.is_empty() {
        ensured = Some(teller.locked(|t| t.firewall.ensure().map_err(|e| t.failure(&e)))?);
        let missing = missing(&mut teller, known)?;
        if !missing.is_empty() {
            teller.ledger.put_back(&teller.key, &missing, Time::now())?;
        }
    }
    for _ in 0..ATTEMPTS {
        if teller.tell_untold(ensured.take(), &mut outcome, made)? {
            leave_out(&mut teller, refuses)?;
            restore(&mut teller, None)?;
        } else {
            let lost = teller.firewall.lost_again();
            if !lost.map_err(|e| teller.failure(&e))? {
                return Ok(outcome);
            }
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
        let addresses: Vec<Target> = asked.iter().map(|ban| ban.target).collect();
        // The answer is as of now: to ask for many takes its time.
        let now = Time::now();
        let held = teller.firewall.held(&addresses);
        let Some(held) = held.map_err(|e| teller.failure(&e))? else {
            // Nobody can tell.
            return Ok(vec![]);
        };
        let held: HashMap<_, _> = held.into_iter().collect();
        let is_missing = |ban: &&Ban| {
            let left = held.get(&ban.target);
            !left.is_some_and(|left| agree(teller.firewall, *left, ban.left(now)))
        };
        missing.extend(asked.iter().filter(is_missing));
    }
    Ok(missing)
}
