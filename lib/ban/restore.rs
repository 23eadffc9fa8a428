//! Makes the firewall hold exactly the bans of the ledger.

use std::collections::HashSet;
use std::time::Duration;

use crate::failure::Failure;
use crate::firewall::{Backend, Entry, Firewall};
use crate::holdings::{Held, Holdings};
use crate::ledger::{Ban, Ledger, Note, Whose};
use crate::target::Target;
use crate::tell::{Numbered, Outcome, Teller};
use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::time::Time;

/// Two ends this close together are the same: the clock is read twice, and a kernel counts in ticks
/// or whole seconds.
const SAME: Duration = Duration::from_secs(2);
/// The number of times that bans are restored while others remove them again and again.
const ATTEMPTS: usize = 100;
/// The number of bans that are read from the ledger together.
const CHUNK: usize = 20_000;
/// Up to this number, bans that were looked through are kept until they are put back.
const KEPT: usize = 200_000;

/// Why an address or network must not be banned now, whatever the ledger says; `None` if it may. It
/// fails if that can't be found out: then nothing is put back.
pub type Refuses<'a> = &'a mut dyn FnMut(&Address) -> Result<Option<String>, Fault>;

/// The changes of a firewall that made it agree with the ledger.
#[derive(Debug, Default)]
pub struct Changes {
    /// The bans that were put back.
    pub put_back: Vec<Ban>,
    /// The targets that are not banned by the ledger and were lifted.
    pub let_go: Vec<Target>,
    /// The result of telling it the bans that it was not told before.
    pub outcome: Outcome,
}

/// Makes the firewall hold exactly the bans of the ledger, without those that are refused.
pub fn sync(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    refuses: Refuses,
) -> Result<Changes, Failure> {
    adopt(ledger, backend, firewall)?;
    let mut changes = Changes::default();
    let mut teller = Teller::new(ledger, backend, firewall);
    changes.let_go = leave_out(&mut teller, refuses)?;
    teller.tell_untold(None, &mut changes.outcome, &mut |_| Ok(()))?;
    restore(&mut teller, Some(&mut changes))?;
    changes.outcome.later = teller.ledger.next_due()?.is_some();
    Ok(changes)
}

/// The changes that [`sync`] would make.
pub fn plan(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    refuses: Refuses,
) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    if !ledger.knows(&backend.to_string())? {
        // It would be adopted.
        return Ok(changes);
    }
    let mut teller = Teller::new(ledger, backend, firewall);
    let now = Time::now();
    let kept = teller.firewall.kept().map_err(|e| teller.failure(&e))?;
    let kept = kept.unwrap_or_default();
    let kept: HashSet<Target> = kept.lifts.into_iter().chain(kept.ends).collect();
    let mut longer = has_unentered(&mut teller)?.then(Vec::new);
    let mut holdings = look(&mut teller)?;
    let mut last = 0;
    loop {
        let chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let chunk = without_refused(chunk, refuses)?.0;
        let mut missing = missing(&mut teller, &chunk, &mut holdings, &mut longer)?;
        missing.retain(|(_, ban)| !kept.contains(&ban.target));
        changes.put_back.extend(missing.iter().map(|(_, ban)| *ban));
    }
    let mut others = others(&mut teller, &mut holdings)?;
    if has_unentered(&mut teller)? {
        // These would be entered.
        others.clear();
    }
    changes.let_go = others.into_iter().map(|(target, _)| target).collect();
    changes.let_go.sort();
    Ok(changes)
}

fn has_unentered(teller: &mut Teller) -> Result<bool, Failure> {
    let any = teller.firewall.has_unentered();
    any.map_err(|e| teller.failure(&e))
}

/// Ends the bans in force that are refused, and reports them; the firewall has then to be told.
/// Answers their addresses.
pub(crate) fn leave_out(teller: &mut Teller, refuses: Refuses) -> Result<Vec<Target>, Failure> {
    let now = Time::now();
    let (mut refused, mut last) = (Vec::new(), 0);
    let numbers = teller.ledger.numbers(&teller.key)?;
    // All of them are read, unless some were told just now: those are left out here.
    let mut read = teller.told_before.is_none().then(Vec::new);
    // Those that were told just now were not refused.
    let before = teller.told_before.unwrap_or(i64::MAX);
    while last < before {
        let mut chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        chunk.retain(|(id, _)| *id <= before);
        let (chunk, others) = without_refused(chunk, refuses)?;
        refused.extend(others);
        match &mut read {
            Some(bans) if bans.len() < KEPT => bans.extend(chunk),
            _ => read = None,
        }
    }
    teller.read = read
        .filter(|_| refused.is_empty())
        .map(|bans| (numbers, bans));
    if !refused.is_empty() {
        let addresses: Vec<Address> = refused.iter().map(|target| target.address).collect();
        teller.ledger.end(&addresses, Whose::default(), now, now)?;
    }
    Ok(refused)
}

/// Bans with their numbers, and targets that are refused.
type Parted = (Vec<Numbered>, Vec<Target>);

/// The bans that are not refused, and the targets of the others, which are reported.
fn without_refused(bans: Vec<Numbered>, refuses: Refuses) -> Result<Parted, Failure> {
    let (mut kept, mut refused) = (Vec::with_capacity(bans.len()), Vec::new());
    for (id, ban) in bans {
        let why = refuses(&ban.target.address);
        match why.map_err(|fault| Failure::Firewall {
            fault,
            lasts: false,
        })? {
            Some(why) => {
                complain::error(ban.target, format!("not put back: {why}"));
                refused.push(ban.target);
            }
            None => kept.push((id, ban)),
        }
    }
    Ok((kept, refused))
}

/// Makes the firewall hold the bans of the ledger, and lifts all others, until nothing is lost
/// meanwhile. The bans that were put back and the targets that were let go are added to `printed`,
/// and before that noted as such that are to be printed.
pub(crate) fn restore(
    teller: &mut Teller,
    mut printed: Option<&mut Changes>,
) -> Result<(), Failure> {
    teller.locked(|teller| {
        for _ in 0..ATTEMPTS {
            let knows_all = !has_unentered(teller)?;
            teller.enter_kept()?;
            teller.is_complete()?;
            let knows_all = !restore_once(teller, printed.as_deref_mut())? && knows_all;
            if !knows_all {
                forget_ended(teller)?;
            }
            let restored = teller.firewall.restored();
            if restored.map_err(|e| teller.failure(&e))? {
                if let Some(state) = teller.state_after()? {
                    teller.ledger.note_complete(&teller.key, &state)?;
                }
                return Ok(());
            }
            let again = teller.firewall.ensure();
            again.map_err(|e| teller.failure(&e))?;
            teller.told_before = None;
        }
        let text = "its bans are removed again and again";
        Err(teller.failure(&std::io::Error::other(text)))
    })
}

/// The same, once; answers whether others were lifted.
fn restore_once(teller: &mut Teller, mut printed: Option<&mut Changes>) -> Result<bool, Failure> {
    let begun = Time::now();
    let mut longer = has_unentered(teller)?.then(Vec::new);
    let mut holdings = look(teller)?;
    let (highest, told) = teller.ledger.numbers(&teller.key)?;
    // Each change gives a ban another number, and one that is refused was told just before.
    let read = teller.read.take();
    let read = read.filter(|(numbers, _)| *numbers == (highest, told));
    let mut read = read.map(|(_, bans)| bans.into_iter());
    let mut last = 0;
    loop {
        let now = Time::now();
        let chunk: Vec<Numbered> = match &mut read {
            Some(bans) => bans.by_ref().take(CHUNK).collect(),
            None => teller.ledger.in_force(&teller.key, last, now, CHUNK)?,
        };
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let before = teller.told_before.unwrap_or(i64::MAX);
        let just_told = |(id, _): &Numbered| *id > before && *id <= told;
        let (new, chunk): (Vec<Numbered>, Vec<Numbered>) = chunk.into_iter().partition(just_told);
        holdings.put(new.iter().map(|(_, ban)| (ban.target, ban.left(now))));
        let mut missing = missing(teller, &chunk, &mut holdings, &mut longer)?;
        // The others are told by the process that entered them.
        missing.retain(|(id, _)| *id <= told);
        if let (Some((first, _)), Some((end, _)), Some(_)) =
            (missing.first(), missing.last(), &printed)
        {
            teller.ledger.note_unprinted(Some(*first..=*end), &[])?;
        }
        let bans: Vec<Ban> = missing.iter().map(|(_, ban)| *ban).collect();
        let refused = teller.put(&bans)?;
        let ends_later = |ban: &Ban| {
            let left = ban.left(now);
            left.is_some_and(|left| !teller.firewall.expires(left))
        };
        let notes: Vec<Note> = missing
            .iter()
            .filter(|(_, ban)| ends_later(ban))
            .map(|(id, _)| Note::LiftWhenItEnds(*id))
            .collect();
        if !notes.is_empty() {
            teller.ledger.note(&teller.key, 0, &notes, None)?;
        }
        let put = bans.iter().filter(|ban| !refused.contains(&ban.target));
        holdings.put(put.clone().map(|ban| (ban.target, ban.left(now))));
        if let Some(printed) = &mut printed {
            printed.put_back.extend(put);
        }
    }
    let mut others = others(teller, &mut holdings)?;
    if has_unentered(teller)? {
        enter_bans(teller, &mut others, longer.unwrap_or_default(), begun)?;
    }
    let mut others: Vec<Target> = others.into_iter().map(|(target, _)| target).collect();
    others.sort();
    if !others.is_empty() && printed.is_some() {
        teller.ledger.note_unprinted(None, &others)?;
    }
    let lifted = teller.firewall.lift(&others);
    lifted.map_err(|e| teller.failure(&e))?;
    let any = !others.is_empty();
    if let Some(printed) = printed {
        printed.let_go.extend(others);
    }
    Ok(any)
}

fn forget_ended(teller: &mut Teller) -> Result<(), Failure> {
    let forgotten = teller.firewall.forget_ended();
    forgotten.map_err(|e| teller.failure(&e))
}

/// Enters the bans that were made without the ledger: those `others` that are no half bans, and are
/// removed from it, and the `longer` ones.
fn enter_bans(
    teller: &mut Teller,
    others: &mut Vec<Entry>,
    longer: Vec<Entry>,
    begun: Time,
) -> Result<(), Failure> {
    // Half a ban, for a port, is none: it has no time left.
    let is_whole = |(_, left): &mut Entry| *left != Some(Duration::ZERO);
    let mut bans: Vec<Entry> = others.extract_if(.., is_whole).collect();
    bans.extend(longer);
    Ok(teller.ledger.enter_bans(&teller.key, &bans, begun)?)
}

/// Enters all that was changed without the ledger. To be called before bans are entered or changed,
/// which may be longer in the firewall than in the ledger; it costs next to nothing if nothing was
/// changed so. The firewall's lock may be held.
pub fn enter_changes(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    is_locked: bool,
) -> Result<(), Failure> {
    let kept = firewall.kept().map_err(|e| Failure::of(backend, &e))?;
    if kept.is_none() {
        return Ok(());
    }
    let _lock = match is_locked {
        true => None,
        false => Some(ledger.lock(backend.name())?),
    };
    let mut teller = Teller::new(ledger, backend, firewall);
    teller.enter_kept()?;
    if !has_unentered(&mut teller)? {
        return Ok(());
    }
    let begun = Time::now();
    let mut holdings = look(&mut teller)?;
    let (mut longer, mut last) = (Some(vec![]), 0);
    loop {
        let chunk = teller.ledger.in_force(&teller.key, last, begun, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        missing(&mut teller, &chunk, &mut holdings, &mut longer)?;
    }
    let mut others = others(&mut teller, &mut holdings)?;
    enter_bans(&mut teller, &mut others, longer.unwrap_or_default(), begun)
}

/// The bans that the firewall holds.
fn look(teller: &mut Teller) -> Result<Holdings, Failure> {
    Holdings::look(teller.firewall).map_err(|e| teller.failure(&e))
}

/// The bans that the firewall does not hold, or not with the same end. One that it holds longer may
/// have been made longer without the ledger: if `longer` is a list, it is added to that instead.
fn missing(
    teller: &mut Teller,
    chunk: &[Numbered],
    holdings: &mut Holdings,
    longer: &mut Option<Vec<Entry>>,
) -> Result<Vec<Numbered>, Failure> {
    let targets: Vec<Target> = chunk.iter().map(|(_, ban)| ban.target).collect();
    let held = holdings.ask(teller.firewall, &targets);
    let held = held.map_err(|e| teller.failure(&e))?;
    let now = Time::now();
    let is_missing = |(ban, held): &(&Numbered, &Option<Held>)| {
        let ban = &ban.1;
        let agrees = held.is_some_and(|(left, _)| {
            agree_within(holdings.slack, teller.firewall, left, ban.left(now))
        });
        // It may have run out since the ledger was asked.
        !agrees && !ban.has_ended(now)
    };
    let mut missing = Vec::new();
    for (ban, held) in chunk.iter().zip(&held).filter(is_missing) {
        match (held, ban.1.left(now), longer.as_mut()) {
            (Some((theirs, _)), Some(ours), Some(longer)) if theirs.is_none_or(|t| t > ours) => {
                longer.push((ban.1.target, *theirs));
            }
            _ => missing.push(*ban),
        }
    }
    Ok(missing)
}

/// All other bans that the firewall holds.
fn others(teller: &mut Teller, holdings: &mut Holdings) -> Result<Vec<Entry>, Failure> {
    let others = holdings.others(teller.firewall);
    let others = others.map_err(|e| teller.failure(&e))?;
    Ok(others.into_iter().map(|(entry, _)| entry).collect())
}

/// Whether firewall and ledger say the same time left, as far as that firewall has times.
pub fn agree(firewall: &dyn Firewall, theirs: Option<Duration>, ours: Option<Duration>) -> bool {
    agree_within(Duration::ZERO, firewall, theirs, ours)
}

/// The same; the firewall's times may be wrong by the `slack`.
pub(crate) fn agree_within(
    slack: Duration,
    firewall: &dyn Firewall,
    theirs: Option<Duration>,
    ours: Option<Duration>,
) -> bool {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) => {
            let late = firewall.late() * u32::from(theirs > ours);
            theirs.abs_diff(ours) <= SAME + slack + late
        }
        (None, Some(ours)) => !firewall.expires(ours),
        (theirs, None) => theirs.is_none(),
    }
}

/// Enters all bans that the firewall holds, if this ledger has never told it anything: a new
/// ledger, in place of one that was lost, must not lift them.
pub fn adopt(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<(), Failure> {
    let key = backend.to_string();
    if ledger.knows(&key)? {
        return Ok(());
    }
    let mut teller = Teller::new(ledger, backend, firewall);
    teller.locked(|t| {
        if t.ledger.knows(&t.key)? {
            return Ok(());
        }
        let begun = Time::now();
        let held = t.firewall.list().map_err(|e| t.failure(&e))?;
        let held = held.unwrap_or_default();
        t.ledger.enter_bans(&t.key, &held, begun)?;
        forget_ended(t)?;
        t.ledger.note(&t.key, 0, &[], None)?;
        Ok(())
    })
}
