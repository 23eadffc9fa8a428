//! The bans that a firewall holds, looked at beside those of the ledger.
//!
//! The targets of the ledger are asked for by key, as far as a firewall can be asked so: that is
//! exact and takes seconds for a million. A list of all is needed only where there are more.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use crate::firewall::{About, Counted, Dropped, Firewall};
use crate::target::Target;

/// A firewall removes a ban that has ended within this time.
const REMOVED: Duration = Duration::from_secs(2);

/// The time left of a ban in a firewall, and the packets that it has dropped.
pub type Held = (Option<Duration>, Option<Dropped>);

/// The bans of a firewall. Times left are those of the end of each answer, but for the slack.
pub struct Holdings {
    /// The firewall can tell which bans it holds.
    pub can_tell: bool,
    /// Times left are less by this at most: a list takes its time.
    pub slack: Duration,
    /// All bans and when they were asked for, where each question takes a list.
    listed: Option<(Instant, HashMap<Target, Held>)>,
    empty: bool,
    /// When each ban ends that was found by key or put.
    known: Vec<(Target, Option<Instant>)>,
    /// Some were found.
    any_found: bool,
    /// Some of the known may be there twice: found, and then put or asked for again.
    repeated: bool,
}

impl Holdings {
    /// Looks at a firewall.
    pub fn look(firewall: &mut dyn Firewall) -> io::Result<Self> {
        let mut holdings = Holdings {
            can_tell: true,
            slack: Duration::ZERO,
            listed: None,
            empty: false,
            known: vec![],
            any_found: false,
            repeated: false,
        };
        if firewall.asked_at_once() == usize::MAX {
            let begin = Instant::now();
            let all = firewall.counted(About::All)?;
            holdings.slack = begin.elapsed();
            holdings.can_tell = all.is_some();
            let all = all.into_iter().flatten();
            let all = all.map(|((target, left), dropped)| (target, (left, dropped)));
            holdings.listed = Some((begin, all.collect()));
        } else {
            holdings.empty = firewall.count()? == Some(0);
        }
        Ok(holdings)
    }

    /// Which of these targets the firewall holds. Each is to be asked for once, until it is known
    /// that the firewall [has others](Self::has_others).
    pub fn ask(
        &mut self,
        firewall: &mut dyn Firewall,
        targets: &[Target],
    ) -> io::Result<Vec<Option<Held>>> {
        let still = |when: Instant, (left, dropped): Held| match left {
            None => Some((None, dropped)),
            Some(left) => Some((Some(left.checked_sub(when.elapsed())?), dropped)),
        };
        let mut answers = Vec::with_capacity(targets.len());
        if let Some((when, all)) = &mut self.listed {
            let held = |target| all.remove(target).and_then(|held| still(*when, held));
            answers.extend(targets.iter().map(held));
        } else if self.empty {
            answers.resize(targets.len(), None);
        } else {
            for asked in targets.chunks(firewall.asked_at_once()) {
                let when = Instant::now();
                let held = firewall.held(asked)?.unwrap_or_default();
                self.known.extend(
                    held.iter()
                        .map(|(target, left)| (*target, end(when, *left))),
                );
                self.any_found |= !held.is_empty();
                let mut held = held.into_iter().peekable();
                answers.extend(asked.iter().map(|target| {
                    let (_, left) = held.next_if(|(found, _)| found == target)?;
                    still(when, (left, None))
                }));
            }
        }
        Ok(answers)
    }

    /// Whether the packets that were dropped have still to be asked for.
    pub fn lacks_figures(&self) -> bool {
        self.listed.is_none()
    }

    /// Takes bans for known that were put into the firewall just now.
    pub fn put(&mut self, bans: impl Iterator<Item = (Target, Option<Duration>)>) {
        let now = Instant::now();
        match &mut self.listed {
            Some((_, all)) => bans.for_each(|(target, _)| _ = all.remove(&target)),
            None => {
                self.repeated |= self.any_found;
                let bans = bans.map(|(target, left)| (target, end(now, left)));
                self.known.extend(bans);
            }
        }
    }

    /// Whether the firewall holds bans that were neither found nor put; `None` if only a list
    /// tells.
    pub fn has_others(&mut self, firewall: &mut dyn Firewall) -> io::Result<Option<bool>> {
        if let Some((_, rest)) = &self.listed {
            return Ok(Some(!rest.is_empty()));
        }
        let count = firewall.count()?;
        let now = Instant::now();
        self.known
            .retain(|(_, end)| end.is_none_or(|end| end + REMOVED > now));
        if std::mem::replace(&mut self.repeated, true) {
            self.known.sort_unstable();
            self.known.dedup_by_key(|(target, _)| *target);
        }
        Ok(count.map(|count| count > self.known.len()))
    }

    /// The bans of the firewall that were neither found nor put, without those that end now.
    pub fn others(&mut self, firewall: &mut dyn Firewall) -> io::Result<Vec<Counted>> {
        if let Some((when, rest)) = self.listed.take() {
            let passed = when.elapsed();
            let still = |(target, (left, dropped)): (Target, Held)| {
                let left = left.map(|left| left.saturating_sub(passed));
                ((target, left), dropped)
            };
            let mut rest: Vec<Counted> = rest.into_iter().map(still).collect();
            rest.retain(|((_, left), _)| !ends_now(*left));
            return Ok(rest);
        }
        if self.has_others(firewall)? == Some(false) {
            return Ok(vec![]);
        }
        let mut all = firewall.counted(About::All)?.unwrap_or_default();
        let known: HashSet<Target> = self.known.iter().map(|(target, _)| *target).collect();
        all.retain(|((target, left), _)| !known.contains(target) && !ends_now(*left));
        Ok(all)
    }
}

/// Whether a ban ends by itself in a moment: the ledger may say that it has. One that has no time
/// left, and is there, is half a ban for a port.
pub(crate) fn ends_now(left: Option<Duration>) -> bool {
    left.is_some_and(|left| left > Duration::ZERO && left <= REMOVED)
}

/// When a ban ends that was read then; `None` is never, or not in our time.
fn end(when: Instant, left: Option<Duration>) -> Option<Instant> {
    left.and_then(|left| when.checked_add(left))
}
