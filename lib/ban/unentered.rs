//! Bans and lifts that were made without the ledger, as on a full disk: they are in the firewall
//! alone, and are entered by the next process that can.
//!
//! The firewall has a mark that there are such changes, and [keeps](Kept) those among them that a
//! look at its bans would not tell: lifts, and ends of bans that may be later in the ledger. Who
//! changes it, and when:
//!
//! 1. A change without the ledger and its mark are made together, so that no kill comes between.
//!    The mark says that bans are not complete: whoever changes the firewall next restores them.
//! 2. Whoever changes the firewall holds its lock, also without the ledger, as long as the lock's
//!    file can be opened; and so does a program that goes on after its caller was killed.
//! 3. A kept change is the last one of its target: kept changes are entered, and then forgotten,
//!    before any ban is entered or told ([`enter_kept_locked`]). A ban without the ledger makes a
//!    kept lift of its target a kept end. A lift ends all bans of the ledger, also one that was
//!    entered beside it and told before the lift was seen: the mark is looked for again after that.
//!    The firewall counts as told of such lifts, if it was told all else: they are made once more
//!    when they are forgotten, by nft only if nothing was changed meanwhile, and not later, when
//!    the target may be banned anew without the ledger.
//! 4. The mark is removed only by a restorer, when nothing is kept: it has the firewall's lock, it
//!    has listed the bans after it took it, and each of them that the ledger does not have is
//!    entered, or is lifted, or has a change in the ledger that the firewall has still to be told.
//! 5. Where the lock's file can't be opened, or is another one, a change without the ledger can
//!    come between 4's list and its removal of the mark. Then the mark is another one than at the
//!    beginning, and the restorer begins again. A kill leaves the mark. An end that is set so
//!    while the restorer puts the same ban back is the restorer's: the ban may end later. A kept
//!    lift that is entered beside changes that the firewall has still to be told is told with them:
//!    a ban of the same target that comes between the two is lost.
//!
//! The order of changes is that of the ledger's numbers and of the lock; no clock is asked, because
//! clocks are set.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use crate::failure::Failure;
use crate::firewall::{Backend, Entry, Firewall};
use crate::ledger::{Ledger, NewBan};
use crate::target::Target;
use pipeban::time::Time;

/// The number of times that kept changes are read while others are made.
const ATTEMPTS: usize = 100;
/// A firewall's ends may be wrong by this: it counts in whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Enters the changes that are kept; the firewall's lock is held.
pub(crate) fn enter_kept_locked(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<(), Failure> {
    let failure = |e| Failure::of(backend, &e);
    let key = backend.to_string();
    for _ in 0..ATTEMPTS {
        let Some(kept) = firewall
            .kept()
            .map_err(failure)?
            .filter(|kept| !kept.is_empty())
        else {
            break;
        };
        let begun = Time::now();
        let held: HashMap<Target, _> = held(firewall, &kept.ends).map_err(failure)?.collect();
        let left = |target: &Target| held.get(target).copied().unwrap_or(Some(Duration::ZERO));
        let ends: Vec<Entry> = kept.ends.iter().map(|t| (*t, left(t))).collect();
        ledger.enter_lifts(&key, &kept.lifts)?;
        ledger.enter_ends(&key, &ends, begun)?;
        if firewall.forget_kept(&kept).map_err(failure)? {
            break;
        }
    }
    Ok(())
}

/// Changes bans that were made without the ledger, and have still to be entered, to what the
/// firewall holds of them now: they may have been lifted by hand, or have got another end. If the
/// firewall can't tell, they stay.
pub fn as_held(firewall: &mut dyn Firewall, bans: &mut Vec<NewBan>) {
    let kept = firewall.kept().ok().flatten().unwrap_or_default();
    let gone: HashSet<Target> = kept.lifts.iter().chain(&kept.ends).copied().collect();
    let targets: Vec<Target> = bans.iter().map(|new| new.ban.target).collect();
    let now = Time::now();
    let held: HashMap<Target, _> = held(firewall, &targets)
        .map(Iterator::collect)
        .unwrap_or_default();
    bans.retain_mut(|new| {
        let Some(left) = held.get(&new.ban.target) else {
            return !gone.contains(&new.ban.target);
        };
        let end = left.map(|left: Duration| now + left);
        let is_same = end
            .zip(new.ban.until)
            .map(|(a, b)| a.max(b).since(a.min(b)) <= SECOND);
        if !is_same.unwrap_or(end == new.ban.until) {
            new.ban.until = end;
        }
        true
    });
}

/// The bans of these targets that a firewall holds.
fn held(
    firewall: &mut dyn Firewall,
    targets: &[Target],
) -> io::Result<impl Iterator<Item = Entry> + use<>> {
    let mut held = Vec::new();
    for asked in targets.chunks(firewall.asked_at_once()) {
        held.extend(firewall.held(asked)?.into_iter().flatten());
    }
    // Half a ban, for a port, is none: it has no time left.
    Ok(held
        .into_iter()
        .filter(|(_, left)| *left != Some(Duration::ZERO)))
}
