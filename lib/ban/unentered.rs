//! Bans and lifts that were made without the ledger, as on a full disk: they are in the firewall
//! alone, and are entered by the next process that can.
//!
//! The firewall has a mark that there are such changes, and keeps the lifts among them
//! ([`Firewall::ban_unentered`], [`Firewall::lift_unentered`]). Who changes it, and when:
//!
//! 1. A change without the ledger and its mark are made together, so that no kill comes between.
//!    The mark says that bans are not complete: whoever changes the firewall next restores them.
//! 2. Whoever changes the firewall holds its lock, also without the ledger, as long as the lock's
//!    file can be opened; and so does a program that goes on after its caller was killed.
//! 3. A kept lift is the last change of its target: kept lifts are entered, and then forgotten,
//!    before any ban is entered or told ([`enter_lifts`]), and a ban without the ledger forgets
//!    that of its target. So the lift ends all bans of the ledger, also one that was entered
//!    beside it and told before the lift was seen: the mark is looked for again after that.
//! 4. The mark is removed only by a restorer, when no lift is kept: it has the firewall's lock, it
//!    has listed the bans after it took it, and each of them that the ledger does not have is
//!    entered, or is lifted, or has a change in the ledger that the firewall has still to be told.
//! 5. Where the lock's file can't be opened, or is another one, a change without the ledger can
//!    come between 4's list and its removal of the mark. Then the mark is another one than at the
//!    beginning, and the restorer begins again. A kill leaves the mark.
//!
//! The order of changes is that of the ledger's numbers and of the lock; no clock is asked, because
//! clocks are set.

use crate::failure::Failure;
use crate::firewall::{Backend, Firewall};
use crate::ledger::Ledger;

/// The number of times that kept lifts are read while others are made.
const ATTEMPTS: usize = 100;

/// Enters the lifts that were made without the ledger. To be called before bans are entered; it
/// costs next to nothing if there are none.
pub fn enter_lifts(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<(), Failure> {
    let failure = |e| Failure::of(backend, &e);
    if firewall.kept_lifts().map_err(failure)?.is_empty() {
        return Ok(());
    }
    let _lock = ledger.lock(backend.name())?;
    enter_lifts_locked(ledger, backend, firewall)
}

/// The same; the firewall's lock is held.
pub fn enter_lifts_locked(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<(), Failure> {
    let failure = |e| Failure::of(backend, &e);
    for _ in 0..ATTEMPTS {
        let kept = firewall.kept_lifts().map_err(failure)?;
        if kept.is_empty() {
            break;
        }
        ledger.enter_lifts(&backend.to_string(), &kept)?;
        if firewall.forget_lifts(&kept).map_err(failure)? {
            break;
        }
    }
    Ok(())
}
