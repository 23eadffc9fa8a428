//! The bans of the ledger beside those of a firewall, while other processes ban and lift.

use std::collections::{HashMap, HashSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::firewall::{About, Backend, Dropped, Firewall};
use crate::holdings::{Held, Holdings, ends_now};
use crate::ledger::{BanDetails, Ledger, Snapshot};
use crate::restore::agree_within;
use crate::target::Target;
use pipeban::time::Time;

/// The number of bans that are asked for together.
const CHUNK: usize = 20_000;
/// The number of times that bans are looked for that were entered meanwhile.
const CHANGES: usize = 3;
/// Up to this number, differences are looked at again: more are not those of a moment.
const FEW: usize = 20_000;
/// A process enters a ban and then tells the firewall: such a difference is looked at again after
/// this pause, this number of times.
const PAUSE: Duration = Duration::from_millis(50);
const LOOKS: usize = 20;

/// A ban as a firewall holds it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When it ends there; `None` is until lifted.
    pub until: Option<Time>,
    /// The packets that were dropped, if the firewall counts them.
    pub dropped: Option<Dropped>,
    /// The ledger has the same end, as far as the firewall has ends.
    pub agrees: bool,
}

/// The bans of the ledger and of one firewall.
#[derive(Default)]
pub struct Comparison {
    /// The bans of the ledger in the order of their addresses, also those of other firewalls; each
    /// as this firewall holds it, if it does.
    pub bans: Vec<(BanDetails, Option<Seen>)>,
    /// The bans of the firewall that are not in the ledger.
    pub others: Vec<(Target, Seen)>,
    /// The firewall can tell which bans it holds.
    pub can_tell: bool,
}

/// Compares; `ledger` is that of the snapshot, `None` if there is none.
pub fn compare(
    ledger: Option<&Ledger>,
    snapshot: Snapshot,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<Comparison, Failure> {
    let failure = |e| Failure::of(backend, &e);
    let key = backend.to_string();
    let mut holdings = Holdings::look(firewall).map_err(failure)?;
    let mut comparison = Comparison {
        can_tell: holdings.can_tell,
        ..Comparison::default()
    };
    let mut last = snapshot.last;
    let mut bans = snapshot.bans.into_iter().peekable();
    while bans.peek().is_some() {
        let chunk: Vec<BanDetails> = bans.by_ref().take(CHUNK).collect();
        let of_it = chunk.iter().filter(|details| details.backend == key);
        let targets: Vec<Target> = of_it.map(|details| details.ban.target).collect();
        let held = holdings.ask(firewall, &targets).map_err(failure)?;
        let now = Time::now();
        let (firewall, slack) = (&*firewall, holdings.slack);
        let mut held = held.into_iter();
        comparison.bans.extend(chunk.into_iter().map(|details| {
            let held = match details.backend == key {
                true => held.next().flatten(),
                false => None,
            };
            let seen = held.map(|held| seen(firewall, &held, details.ban.left(now), now, slack));
            (details, seen)
        }));
    }
    if holdings.lacks_figures() {
        let bans = comparison.bans.iter_mut();
        let held = bans.filter_map(|(details, seen)| Some((details.ban.target, seen.as_mut()?)));
        let (targets, seen): (Vec<Target>, Vec<&mut Seen>) = held.unzip();
        let dropped = firewall.dropped(&targets).map_err(failure)?;
        for (seen, dropped) in seen.into_iter().zip(dropped) {
            seen.dropped = dropped;
        }
    }
    // Bans that were entered meanwhile are no reason to list all.
    for _ in 0..CHANGES {
        let Some(ledger) = ledger else { break };
        if holdings.has_others(firewall).map_err(failure)? != Some(true) {
            break;
        }
        let changed = changed(ledger, &mut last, &key)?;
        let changed: Vec<Target> = changed.into_iter().collect();
        holdings.ask(firewall, &changed).map_err(failure)?;
    }
    let now = Time::now();
    let others = holdings.others(firewall).map_err(failure)?;
    let others = others.into_iter().map(|((target, left), dropped)| {
        let ours = Some(Duration::ZERO);
        let seen = seen(firewall, &(left, dropped), ours, now, Duration::ZERO);
        (target, seen)
    });
    comparison.others = others.collect();
    if let Some(ledger) = ledger.filter(|_| !comparison.others.is_empty()) {
        let changed = changed(ledger, &mut last, &key)?;
        comparison
            .others
            .retain(|(target, _)| !changed.contains(target));
    }
    let now = Time::now();
    comparison
        .bans
        .retain(|(details, seen)| seen.is_some() || !details.has_ended(now));
    if let Some(ledger) = ledger.filter(|_| comparison.can_tell) {
        settle(&mut comparison, ledger, backend, firewall)?;
    }
    comparison.others.sort_by_key(|(target, _)| *target);
    Ok(comparison)
}

/// The targets whose bans were changed after the change of this number; it becomes the last one.
fn changed(ledger: &Ledger, last: &mut i64, key: &str) -> Result<HashSet<Target>, Failure> {
    let mut targets = HashSet::new();
    loop {
        let changes = ledger.changed_after(*last)?;
        let Some(change) = changes.last() else {
            return Ok(targets);
        };
        *last = change.id;
        let of_it = changes.iter().filter(|c| c.details.backend == key);
        targets.extend(of_it.map(|change| change.details.ban.target));
    }
}

fn seen(
    firewall: &dyn Firewall,
    held: &Held,
    ours: Option<Duration>,
    now: Time,
    slack: Duration,
) -> Seen {
    let (left, dropped) = *held;
    Seen {
        until: left.map(|left| now + left),
        dropped,
        agrees: agree_within(slack, firewall, left, ours),
    }
}

/// Those of these targets that the firewall holds.
fn held(firewall: &mut dyn Firewall, targets: &[Target]) -> std::io::Result<HashMap<Target, Held>> {
    let mut found = HashMap::new();
    for asked in targets.chunks(firewall.asked_at_once()) {
        let held = firewall
            .counted(About::Targets(asked))?
            .into_iter()
            .flatten();
        found.extend(held.map(|((target, left), dropped)| (target, (left, dropped))));
    }
    Ok(found)
}

/// Looks again at the differences, as long as other processes are at work.
fn settle(
    comparison: &mut Comparison,
    ledger: &Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<(), Failure> {
    let key = backend.to_string();
    let differs = |(details, seen): &(BanDetails, Option<Seen>)| {
        details.backend == key && !seen.is_some_and(|seen| seen.agrees)
    };
    let differing = comparison.bans.iter().filter(|ban| differs(ban));
    let mut suspects: Vec<Target> = differing.map(|(details, _)| details.ban.target).collect();
    suspects.extend(comparison.others.iter().map(|(target, _)| *target));
    if suspects.is_empty() || suspects.len() > FEW {
        return Ok(());
    }
    let asked: HashSet<Target> = suspects.iter().copied().collect();
    let mut last: HashMap<Target, (Option<BanDetails>, Option<Seen>)> = HashMap::new();
    for look in 0..LOOKS {
        let pending = ledger.pending(&key, 0, None, 1)?;
        let at_work = !pending.untold.is_empty() || !pending.due.is_empty();
        let begin = Instant::now();
        let held = held(firewall, &suspects).map_err(|e| Failure::of(backend, &e))?;
        let (now, slack) = (Time::now(), begin.elapsed());
        let mut rest = Vec::new();
        for target in suspects {
            let ban = ledger.last_ban(&key, &target, None)?;
            let ban = ban.filter(|details| !details.has_ended(now));
            let ours = ban.as_ref().map(|details| details.ban.left(now));
            let none = Some(Duration::ZERO);
            let seen = held.get(&target);
            let seen = seen.filter(|(left, _)| ban.is_some() || !ends_now(*left));
            let seen =
                seen.map(|held| self::seen(firewall, held, ours.unwrap_or(none), now, slack));
            let agree = match (&ban, seen) {
                (Some(_), Some(seen)) => seen.agrees,
                (ban, seen) => ban.is_none() && seen.is_none(),
            };
            if !agree {
                rest.push(target);
            }
            last.insert(target, (ban, seen));
        }
        suspects = rest;
        // One change may have been seen in one of the two only: so never once.
        if suspects.is_empty() || look > 0 && !at_work {
            break;
        }
        if at_work {
            sleep(PAUSE);
        }
    }
    // A ban that is new since the beginning is none of those asked for.
    comparison.bans.retain_mut(|(details, seen)| {
        let target = details.ban.target;
        if details.backend != key || !asked.contains(&target) {
            return true;
        }
        let Some((ban, now)) = last.remove(&target) else {
            return true;
        };
        *seen = now;
        let is_there = ban.is_some();
        if let Some(ban) = ban {
            *details = ban;
        } else if let Some(now) = now {
            last.insert(target, (None, Some(now)));
        }
        is_there
    });
    let unknown = last.into_iter().filter(|(_, (ban, _))| ban.is_none());
    let unknown = unknown.filter_map(|(target, (_, seen))| Some((target, seen?)));
    comparison.others = unknown.collect();
    Ok(())
}
