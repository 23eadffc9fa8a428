//! Makes the firewall hold exactly the bans of the ledger.

use std::time::Duration;

use crate::failure::Failure;
use crate::firewall::{Backend, Firewall};
use crate::holdings::Holdings;
use crate::ledger::{Ban, Ledger, NewBan, Note, Whose};
use crate::target::Target;
use crate::tell::{Outcome, Teller};
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
    teller.locked(|t| t.firewall.ensure().map_err(|e| t.failure(&e)))?;
    teller.tell_untold(&mut changes.outcome, &mut |_| Ok(()))?;
    restore(&mut teller, &mut changes.put_back, &mut changes.let_go)?;
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
    let mut holdings = look(&mut teller)?;
    let mut last = 0;
    loop {
        let chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let chunk = without_refused(chunk, refuses)?.0;
        let missing = missing(&mut teller, &chunk, &mut holdings)?;
        changes.put_back.extend(missing.iter().map(|(_, ban)| *ban));
    }
    changes.let_go = others(&mut teller, &mut holdings)?;
    Ok(changes)
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
        refused.extend(without_refused(chunk, refuses)?.1);
    }
    if !refused.is_empty() {
        let addresses: Vec<Address> = refused.iter().map(|target| target.address).collect();
        teller.ledger.end(&addresses, Whose::default(), now, now)?;
    }
    Ok(refused)
}

/// The bans that are not refused, and the targets of the others, which are reported.
fn without_refused(
    bans: Vec<(i64, Ban)>,
    refuses: Refuses,
) -> Result<(Vec<(i64, Ban)>, Vec<Target>), Failure> {
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
/// meanwhile; adds the bans that were put back and the addresses that were let go.
pub(crate) fn restore(
    teller: &mut Teller,
    put_back: &mut Vec<Ban>,
    let_go: &mut Vec<Target>,
) -> Result<(), Failure> {
    teller.locked(|teller| {
        for _ in 0..ATTEMPTS {
            teller.is_complete()?;
            restore_once(teller, put_back, let_go)?;
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

fn restore_once(
    teller: &mut Teller,
    put_back: &mut Vec<Ban>,
    let_go: &mut Vec<Target>,
) -> Result<(), Failure> {
    let mut holdings = look(teller)?;
    let told = teller.ledger.told(&teller.key)?;
    let mut last = 0;
    loop {
        let now = Time::now();
        let chunk = teller.ledger.in_force(&teller.key, last, now, CHUNK)?;
        let Some((id, _)) = chunk.last() else { break };
        last = *id;
        let mut missing = missing(teller, &chunk, &mut holdings)?;
        // The others are told by the process that entered them.
        missing.retain(|(id, _)| *id <= told);
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
        put_back.extend(put);
    }
    let others = others(teller, &mut holdings)?;
    let lifted = teller.firewall.lift(&others);
    lifted.map_err(|e| teller.failure(&e))?;
    let_go.extend(others);
    Ok(())
}

/// The bans that the firewall holds.
fn look(teller: &mut Teller) -> Result<Holdings, Failure> {
    Holdings::look(teller.firewall).map_err(|e| teller.failure(&e))
}

/// The bans that the firewall does not hold, or not with the same end.
fn missing(
    teller: &mut Teller,
    chunk: &[(i64, Ban)],
    holdings: &mut Holdings,
) -> Result<Vec<(i64, Ban)>, Failure> {
    let targets: Vec<Target> = chunk.iter().map(|(_, ban)| ban.target).collect();
    let held = holdings.ask(teller.firewall, &targets);
    let held = held.map_err(|e| teller.failure(&e))?;
    let now = Time::now();
    let is_missing = |(_, ban): &&(i64, Ban)| {
        let held = held.get(&ban.target);
        let agrees = held.is_some_and(|(left, _)| {
            agree_within(holdings.slack, teller.firewall, *left, ban.left(now))
        });
        // It may have run out since the ledger was asked.
        !agrees && !ban.has_ended(now)
    };
    Ok(chunk.iter().filter(is_missing).copied().collect())
}

/// The targets of all other bans that the firewall holds.
fn others(teller: &mut Teller, holdings: &mut Holdings) -> Result<Vec<Target>, Failure> {
    let others = holdings.others(teller.firewall);
    let others = others.map_err(|e| teller.failure(&e))?;
    let mut others: Vec<Target> = others.iter().map(|((target, _), _)| *target).collect();
    others.sort();
    Ok(others)
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
        (Some(theirs), Some(ours)) => theirs.abs_diff(ours) <= SAME + slack,
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
        let now = Time::now();
        let held = t.firewall.list().map_err(|e| t.failure(&e))?;
        let held = held.into_iter().flatten();
        let bans: Vec<NewBan> = held
            .map(|(address, left)| NewBan::held(address, left, now))
            .collect();
        t.ledger.ban(&t.key, &bans, now)?;
        t.ledger.note(&t.key, 0, &[], None)?;
        Ok(())
    })
}
