//! Tells one firewall the bans that it was not told yet, and notes the results.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::firewall::{Backend, Entry, Firewall, lasts};
use crate::ledger::{BackendLock, Ban, Change, Complete, Ledger, Note};
use crate::target::Target;
use crate::unentered;
use pipeban::complain::{self, Fault, describe};
use pipeban::time::Time;

/// If this number of bans fail and none works, the fault is the firewall's.
const FAILURES: usize = 100;
/// A lift that failed is tried again after the time that has passed since the ban's end, within
/// these bounds.
const RETRY: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(3_600)];

/// If bans were told later than this after the look at the clock, they are told again, at most
/// this number of times.
const STILL: Duration = Duration::from_secs(1);
const LOOKS: usize = 10;
/// The shortest ban: one that ends just now.
const TICK: Duration = Duration::from_millis(1);

/// The result of telling a firewall.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Bans have to be lifted later, in any firewall: they do not end by themselves.
    pub later: bool,
    /// The ended bans that were lifted.
    pub lifted: Vec<Ban>,
    /// The addresses whose lift failed. They were reported, and are tried again.
    pub not_lifted: HashSet<Target>,
    /// The addresses that the firewall refused to ban while it banned others. They were reported,
    /// and their bans have ended in the ledger.
    pub refused: HashSet<Target>,
}

/// A ban with its number in the ledger.
pub(crate) type Numbered = (i64, Ban);

/// A firewall and the ledger from which it is told.
pub(crate) struct Teller<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) backend: &'a Backend,
    /// The backend as the ledger writes it.
    pub(crate) key: String,
    pub(crate) firewall: &'a mut dyn Firewall,
    /// Bans with greater numbers were told since the firewall was last found to have lost bans: it
    /// holds them, unless it loses some again.
    pub(crate) told_before: Option<i64>,
    /// All bans in force, as they were read when the [numbers](Ledger::numbers) were these.
    pub(crate) read: Option<((i64, i64), Vec<Numbered>)>,
    /// The firewall's lock, held since before the last bans were entered.
    lock: Option<BackendLock>,
    /// It is held, and was since then.
    held: bool,
    /// Some ban or lift worked.
    worked: bool,
    /// The bans that failed before any worked, with their numbers.
    failed: Vec<(i64, Ban, io::Error)>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(
        ledger: &'a mut Ledger,
        backend: &'a Backend,
        firewall: &'a mut dyn Firewall,
    ) -> Self {
        Teller {
            ledger,
            backend,
            key: backend.to_string(),
            firewall,
            told_before: None,
            read: None,
            lock: None,
            held: false,
            worked: false,
            failed: vec![],
        }
    }

    /// The same; the firewall's lock may be held since before the last bans were entered.
    pub(crate) fn holding(self, lock: Option<BackendLock>) -> Self {
        Teller { lock, ..self }
    }

    pub(crate) fn failure(&self, e: &io::Error) -> Failure {
        Failure::of(self.backend, e)
    }

    /// Whether the firewall holds all bans that it was told, as far as it can tell that at once.
    pub(crate) fn is_complete(&mut self) -> Result<bool, Failure> {
        let complete = self.ledger.complete(&self.key)?;
        self.is_as(complete.as_ref())
    }

    /// Whether the firewall is in this state.
    fn is_as(&mut self, complete: Option<&Complete>) -> Result<bool, Failure> {
        let state = self.firewall.state().map_err(|e| self.failure(&e))?;
        Ok(complete
            .zip(state)
            .is_some_and(|(complete, state)| complete.is_now(&state)))
    }

    /// The firewall's state, if nobody else has changed it since the last
    /// [`is_complete`](Self::is_complete).
    pub(crate) fn state_after(&mut self) -> Result<Option<String>, Failure> {
        self.firewall.state_after().map_err(|e| self.failure(&e))
    }

    /// Enters the changes without the ledger that the firewall keeps; the lock is held.
    pub(crate) fn enter_kept(&mut self) -> Result<(), Failure> {
        unentered::enter_kept_locked(self.ledger, self.backend, self.firewall)
    }

    /// Does `work` while no other process tells this firewall.
    pub(crate) fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lock = self.lock.take();
        self.held = lock.is_some();
        let _lock = match lock {
            Some(lock) => lock,
            None => self.ledger.lock(self.backend.name())?,
        };
        work(self)
    }

    /// Makes sure that the firewall is in place, unless it is `ensured` already whether it has lost
    /// bans; tells it all bans that were entered by now, and lifts the bans that are due. No lock
    /// is held while `made` gets the bans that were made.
    ///
    /// Answers whether the firewall may have lost bans.
    pub(crate) fn tell_untold(
        &mut self,
        ensured: Option<bool>,
        outcome: &mut Outcome,
        made: &mut dyn FnMut(&[Ban]) -> Result<(), Fault>,
    ) -> Result<bool, Failure> {
        let limit = self.firewall.at_once();
        let (mut lost, mut tried) = (ensured, HashSet::new());
        let mut entered_kept = false;
        let (mut after, mut last) = (0, None);
        loop {
            let (bans, more) = self.locked(|teller| {
                if lost.is_none() {
                    lost = Some(teller.firewall.ensure().map_err(|e| teller.failure(&e))?);
                    let before = lost.filter(|lost| *lost);
                    let before = before.map(|_| teller.ledger.told(&teller.key));
                    teller.told_before = before.transpose()?;
                }
                if lost == Some(true) && !std::mem::replace(&mut entered_kept, true) {
                    teller.enter_kept()?;
                }
                let entered = match teller.held && lost == Some(false) && last.is_none() {
                    true => teller.ledger.pending_entered(&teller.key, limit),
                    false => None,
                };
                let mut pending = match entered {
                    Some(pending) => pending,
                    None => teller.ledger.pending(&teller.key, after, last, limit)?,
                };
                outcome.later = pending.later;
                let complete = pending.complete.as_ref();
                pending.due.retain(|change| !tried.contains(&change.id));
                if !pending.due.is_empty() {
                    pending.due.truncate(limit);
                    tried.extend(pending.due.iter().map(|change| change.id));
                    teller.tell_chunk(&pending.due, (0, false), complete, outcome)?;
                    return Ok((vec![], true));
                }
                let Some(end) = pending.last else {
                    return Ok((vec![], false));
                };
                // Rows that can't be read are passed over.
                let told = pending.untold.last().map_or(end, |change| change.id);
                (after, last) = (told, Some(end));
                let told_first = (told, pending.are_first);
                let bans = teller.tell_chunk(&pending.untold, told_first, complete, outcome)?;
                Ok((bans, told < end))
            })?;
            if !bans.is_empty() {
                made(&bans)?;
            }
            if !more {
                break;
            }
        }
        match self.failed.first() {
            Some((_, _, e)) => Err(Failure::of(self.backend, e)),
            None => Ok(lost.unwrap_or_default()),
        }
    }

    /// Tells these, most likely the `first` of their targets, and notes the results and that all
    /// bans up to the number `last` were told; answers the bans that were made.
    fn tell_chunk(
        &mut self,
        chunk: &[Change],
        (last, first): (i64, bool),
        complete: Option<&Complete>,
        outcome: &mut Outcome,
    ) -> Result<Vec<Ban>, Failure> {
        let now = Time::now();
        let was_complete = self.is_as(complete)?;
        let mut failed = match tell(self.firewall, chunk, first, now) {
            Ok(failed) => failed,
            Err(e) => {
                if !lasts(&e) {
                    // The next run begins with others.
                    self.postpone(chunk.iter().map(|change| change.id))?;
                }
                return Err(self.failure(&e));
            }
        };
        self.worked |= failed.len() < chunk.len();
        let (mut bans, mut notes) = (Vec::new(), Vec::new());
        for Change { id, ban, held } in chunk {
            match failed.remove(id) {
                Some(e) if ban.has_ended(now) => {
                    complain::error(self.backend.name(), describe(&e));
                    outcome.not_lifted.insert(ban.target);
                    let failing = ban.until.map_or(Duration::ZERO, |until| now.since(until));
                    let pause = failing.clamp(RETRY[0], RETRY[1]);
                    notes.push(Note::LiftAt(*id, now + pause));
                    outcome.later = true;
                }
                Some(e) => self.failed.push((*id, *ban, e)),
                None if ban.has_ended(now) => {
                    notes.push(Note::Lifted(*id));
                    if held.has_ended(now) {
                        outcome.lifted.push(*ban);
                    }
                }
                None => {
                    if ban
                        .left(now)
                        .is_some_and(|left| !self.firewall.expires(left))
                    {
                        notes.push(Note::LiftWhenItEnds(*id));
                        outcome.later = true;
                    }
                    // Beside a longer one it makes no difference.
                    if ban == held {
                        bans.push(*ban);
                    }
                }
            }
        }
        if self.worked {
            for (id, ban, e) in self.failed.drain(..) {
                complain::error(self.backend.name(), describe(&e));
                notes.push(Note::Refused(id));
                outcome.refused.insert(ban.target);
            }
        } else if let (Some((_, _, e)), FAILURES..) = (self.failed.first(), self.failed.len()) {
            let failure = self.failure(e);
            let failed = std::mem::take(&mut self.failed);
            self.postpone(failed.iter().map(|(id, _, _)| *id))?;
            return Err(failure);
        }
        // Before any works, the failed ones have to be tried again.
        let told = if self.failed.is_empty() { last } else { 0 };
        if told > 0 || !notes.is_empty() {
            let state = match was_complete && told > 0 {
                true => self.state_after()?,
                false => None,
            };
            let state = state.as_deref();
            self.ledger.note(&self.key, told, &notes, state)?;
        }
        Ok(bans)
    }

    /// Puts the first of these behind all others, so that the next run does not begin with them.
    fn postpone(&mut self, ids: impl Iterator<Item = i64>) -> Result<(), Failure> {
        for id in ids.take(FAILURES) {
            self.ledger.postpone(id)?;
        }
        Ok(())
    }

    /// Bans these, which the firewall was told before; answers those that failed and reports them.
    pub(crate) fn put(&mut self, bans: &[Ban]) -> Result<HashSet<Target>, Failure> {
        let now = Time::now();
        let changes = (0..).zip(bans).map(|(id, ban)| Change {
            id,
            ban: *ban,
            held: *ban,
        });
        let changes: Vec<Change> = changes.collect();
        let mut refused = HashSet::new();
        for chunk in changes.chunks(self.firewall.at_once()) {
            let failed = tell(self.firewall, chunk, false, now).map_err(|e| self.failure(&e))?;
            for (i, e) in failed {
                complain::error(self.backend.name(), describe(&e));
                refused.insert(changes[i as usize].ban.target);
            }
        }
        Ok(refused)
    }
}

/// Bans those that last and lifts those that have ended, together or else one by one, so that one
/// that fails does not hold up all others; answers the failed ones by number.
///
/// Fails if that error will come again, after a time-out, and if too many fail and none works.
fn tell(
    firewall: &mut dyn Firewall,
    chunk: &[Change],
    first: bool,
    now: Time,
) -> io::Result<BTreeMap<i64, io::Error>> {
    let is_firewalls = |e: &io::Error| lasts(e) || e.kind() == ErrorKind::TimedOut;
    match tell_together(firewall, chunk, first, now) {
        Ok(()) => return Ok(BTreeMap::new()),
        Err(e) if is_firewalls(&e) => return Err(e),
        Err(e) if chunk.len() == 1 => return Ok(BTreeMap::from([(chunk[0].id, e)])),
        Err(_) => (),
    }
    let (mut failed, mut works) = (BTreeMap::new(), false);
    for one in chunk {
        match tell_together(firewall, std::slice::from_ref(one), false, now) {
            Ok(()) => works = true,
            Err(e) if is_firewalls(&e) => return Err(e),
            Err(e) if !works && failed.len() >= FAILURES => return Err(e),
            Err(e) => _ = failed.insert(one.id, e),
        }
    }
    Ok(failed)
}

/// Bans those that last and lifts those that have ended.
///
/// A process may stand still between its look at the clock and its word to the firewall, in which
/// the bans are longer then by that time: it tells them again.
fn tell_together(
    firewall: &mut dyn Firewall,
    chunk: &[Change],
    mut first: bool,
    now: Time,
) -> io::Result<()> {
    let ended = chunk.iter().filter(|change| change.held.has_ended(now));
    let lifts: Vec<Target> = ended.map(|change| change.held.target).collect();
    for _ in 0..LOOKS {
        let (looked, read) = (Instant::now(), Time::now());
        let mut bans: Vec<Entry> = Vec::with_capacity(chunk.len() - lifts.len());
        for Change { ban, held, .. } in chunk {
            let left = held.left(read).map(|left| left.max(TICK));
            let is_new =
                ban == held || ban.has_ended(now) && left.is_some_and(|l| firewall.expires(l));
            // Else the firewall holds it already, beside a longer one or without an end.
            if !held.has_ended(now) && is_new {
                bans.push((held.target, left));
            }
        }
        match std::mem::take(&mut first) {
            true => firewall.ban_first(&bans)?,
            false => firewall.ban(&bans)?,
        }
        if bans.is_empty() || looked.elapsed() < STILL + firewall.late() {
            break;
        }
    }
    firewall.lift(&lifts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::{About, Counted};
    use pipeban::address::Address;

    /// A firewall that is told its first ban so late, and remembers each time left.
    struct Late(Vec<Option<Duration>>);

    impl Firewall for Late {
        fn ensure(&mut self) -> io::Result<bool> {
            Ok(false)
        }
        fn restored(&mut self) -> io::Result<bool> {
            Ok(true)
        }
        fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
            if self.0.is_empty() {
                std::thread::sleep(2 * STILL);
            }
            self.0.extend(entries.iter().map(|(_, left)| *left));
            Ok(())
        }
        fn lift(&mut self, _: &[Target]) -> io::Result<()> {
            Ok(())
        }
        fn counted(&mut self, _: About) -> io::Result<Option<Vec<Counted>>> {
            Ok(None)
        }
        fn verify(&mut self) -> io::Result<Vec<String>> {
            Ok(vec![])
        }
        fn expires(&self, _: Duration) -> bool {
            true
        }
    }

    #[test]
    fn a_ban_that_is_told_late_is_no_longer() {
        let now = Time::now();
        let ban = Ban {
            target: Address::parse(b"203.0.113.7").unwrap().into(),
            since: now,
            until: Some(now + Duration::from_secs(60)),
        };
        let (id, held) = (1, ban);
        let mut firewall = Late(vec![]);
        tell_together(&mut firewall, &[Change { id, ban, held }], false, now).unwrap();
        let times: Vec<Duration> = firewall.0.into_iter().flatten().collect();
        assert!(
            times.len() > 1 && times[0] >= times[1] + 2 * STILL,
            "{times:?}"
        );
    }
}
