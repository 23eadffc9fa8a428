//! Makes the firewall hold exactly the bans of the ledger.

use std::collections::HashMap;
use std::time::Duration;

use crate::failure::Failure;
use crate::firewall::{Backend, Firewall};
use crate::ledger::{Ban, Ledger, NewBan, Note, Whose};
use crate::target::Target;
use crate::tell::{Outcome, Teller};
use pipeban::address::Address;
use pipeban::complain;
use pipeban::time::Time;

/// Two ends this close together are the same: the clock is read twice, and a kernel counts in ticks
/// or whole seconds.
const SAME: Duration = Duration::from_secs(2);
/// The number of times that bans are restored while others remove them again and again.
const ATTEMPTS: usize = 100;
/// The number of bans that are read from the ledger together.
const CHUNK: usize = 20_000;

/// Why an address or network must not be banned now, whatever the ledger says; `None` if it may.
pub type Refuses<'a> = &'a mut dyn FnMut(&Address) -> Option<String>;

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
    let mut held = held(&mut teller)?;
    let mut last = 0;
    loop {
        let chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let mut chunk = chunk;
        chunk.retain(|(_, ban)| !is_refused(ban, refuses));
        let missing = missing(&mut teller, &chunk, &mut held, now)?;
        changes.put_back.extend(missing.iter().map(|(_, ban)| *ban));
    }
    if has_unentered(&mut teller)? {
        // These would be entered.
        held.clear();
    }
    changes.let_go = held.into_keys().collect();
    changes.let_go.sort();
    Ok(changes)
}

fn has_unentered(teller: &mut Teller) -> Result<bool, Failure> {
    let any = teller.firewall.has_unentered();
    any.map_err(|e| teller.failure(&e))
}

/// Enters bans that were made without the ledger, by a process that has ended, and removes them
/// from `held`, which was read after the moment `begun`.
///
/// None of them was lifted before: an older table that was loaded from a file does not say that
/// there are such bans, and a lift that the firewall was not told yet is passed over here.
fn enter(
    teller: &mut Teller,
    held: &mut HashMap<Target, Option<Duration>>,
    begun: Time,
) -> Result<(), Failure> {
    let pending = teller.ledger.pending(&teller.key, 0, None, usize::MAX)?;
    for change in pending.untold.iter().chain(&pending.due) {
        held.remove(&change.ban.target);
    }
    let bans = held.drain().map(|(target, left)| NewBan {
        said: Some(begun),
        ..NewBan::held(target, left, begun)
    });
    let bans: Vec<NewBan> = bans.collect();
    teller.ledger.ban(&teller.key, &bans, Time::now())?;
    Ok(())
}

/// Ends the bans in force that are refused, and reports them; the firewall has then to be told.
/// Answers their addresses.
pub(crate) fn leave_out(teller: &mut Teller, refuses: Refuses) -> Result<Vec<Target>, Failure> {
    let now = Time::now();
    let (mut refused, mut last) = (Vec::new(), 0);
    loop {
        let chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let chunk = chunk.iter().filter(|(_, ban)| is_refused(ban, refuses));
        refused.extend(chunk.map(|(_, ban)| ban.target));
    }
    if !refused.is_empty() {
        let addresses: Vec<Address> = refused.iter().map(|target| target.address).collect();
        teller.ledger.end(&addresses, Whose::default(), now, now)?;
    }
    Ok(refused)
}

/// Whether a ban is refused, which is reported.
fn is_refused(ban: &Ban, refuses: Refuses) -> bool {
    let why = refuses(&ban.target.address);
    if let Some(why) = &why {
        complain::error(ban.target, format!("not put back: {why}"));
    }
    why.is_some()
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
            teller.is_complete()?;
            restore_once(teller, printed.as_deref_mut())?;
            let restored = teller.firewall.restored();
            if restored.map_err(|e| teller.failure(&e))? {
                if let Some(state) = teller.state_after()? {
                    teller.ledger.note_complete(&teller.key, &state)?;
                }
                return Ok(());
            }
            let again = teller.firewall.ensure();
            again.map_err(|e| teller.failure(&e))?;
        }
        let text = "its bans are removed again and again";
        Err(teller.failure(&std::io::Error::other(text)))
    })
}

fn restore_once(teller: &mut Teller, mut printed: Option<&mut Changes>) -> Result<(), Failure> {
    let begun = Time::now();
    let mut held = held(teller)?;
    let told = teller.ledger.told(&teller.key)?;
    let mut last = 0;
    loop {
        let now = Time::now();
        let chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let mut missing = missing(teller, &chunk, &mut held, now)?;
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
        if let Some(printed) = &mut printed {
            let put_back = bans.iter().filter(|ban| !refused.contains(&ban.target));
            printed.put_back.extend(put_back);
        }
    }
    if has_unentered(teller)? {
        enter(teller, &mut held, begun)?;
    }
    let mut others: Vec<Target> = held.into_keys().collect();
    others.sort();
    if !others.is_empty() && printed.is_some() {
        teller.ledger.note_unprinted(None, &others)?;
    }
    let lifted = teller.firewall.lift(&others);
    lifted.map_err(|e| teller.failure(&e))?;
    if let Some(printed) = printed {
        printed.let_go.extend(others);
    }
    Ok(())
}

/// All addresses that the firewall holds, as far as it can tell, with the time that is left.
fn held(teller: &mut Teller) -> Result<HashMap<Target, Option<Duration>>, Failure> {
    let held = teller.firewall.list();
    let held = held.map_err(|e| teller.failure(&e))?;
    Ok(held.into_iter().flatten().collect())
}

/// The bans that are not in `held` with the same end. The addresses of `chunk` are removed from it.
fn missing(
    teller: &mut Teller,
    chunk: &[(i64, Ban)],
    held: &mut HashMap<Target, Option<Duration>>,
    now: Time,
) -> Result<Vec<(i64, Ban)>, Failure> {
    let any = !held.is_empty();
    let mut is_missing = |ban: &Ban| {
        let left = held.remove(&ban.target);
        !left.is_some_and(|left| agree(teller.firewall, left, ban.left(now)))
    };
    let chunk = chunk.iter().filter(|(_, ban)| is_missing(ban));
    let mut missing: Vec<(i64, Ban)> = chunk.copied().collect();
    // A list may lack some that are there; each is asked for by itself.
    let targets: Vec<Target> = missing.iter().map(|(_, ban)| ban.target).collect();
    for asked in targets
        .chunks(teller.firewall.asked_at_once())
        .filter(|_| any)
    {
        let now = Time::now();
        let there = teller.firewall.held(asked);
        let there = there.map_err(|e| teller.failure(&e))?;
        let there: HashMap<Target, _> = there.into_iter().flatten().collect();
        missing.retain(|(_, ban)| {
            let left = there.get(&ban.target);
            !left.is_some_and(|left| agree(teller.firewall, *left, ban.left(now)))
        });
    }
    Ok(missing)
}

/// Whether firewall and ledger say the same time left, as far as that firewall has times.
pub fn agree(firewall: &dyn Firewall, theirs: Option<Duration>, ours: Option<Duration>) -> bool {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs.abs_diff(ours) <= SAME,
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
        let mut held = held(t)?;
        enter(t, &mut held, begun)?;
        t.ledger.note(&t.key, 0, &[], None)?;
        Ok(())
    })
}
