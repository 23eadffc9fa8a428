//! Makes the firewall hold the bans of the ledger; neither of the two knows the other.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::firewall::{Backend, Firewall};
use crate::ledger::{Ban, Ledger, LockedLedger};
use pipeban::address::Address;
use pipeban::complain::{self, Fault, describe};
use pipeban::state::WriteError;
use pipeban::time::Time;

/// Two ends this close together are the same: the clock is read twice, and a kernel counts in ticks
/// or whole seconds.
const SAME: Duration = Duration::from_secs(2);

/// The result of telling a firewall.
#[derive(Default)]
pub struct Outcome {
    /// Bans have to be lifted later: here they do not end by themselves.
    pub later: bool,
    /// The ended bans that were lifted.
    pub lifted: Vec<Ban>,
    /// The addresses that the firewall refused to ban while it banned others. They were reported,
    /// and their bans have ended in the ledger.
    pub refused: HashSet<Address>,
}

/// Tells the firewall all bans that it was not told yet, or all bans if it has lost them.
pub fn enforce(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<Outcome, Fault> {
    ledger.lock(|ledger| {
        let lost = firewall.ensure().map_err(|e| backend.fault(&e))?;
        if lost {
            restore(ledger, backend, firewall, &mut HashMap::new(), |_| ())?;
        }
        let outcome = tell_untold(ledger, backend, firewall)?;
        if lost {
            // Until a process comes to this point, each one restores all bans.
            firewall.restored().map_err(|e| backend.fault(&e))?;
        }
        Ok(outcome)
    })
}

/// Makes the firewall hold exactly the bans of the ledger; calls `each` for each ban that was put
/// back.
pub fn sync(
    ledger: &mut Ledger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    each: impl FnMut(&Ban),
) -> Result<Outcome, Fault> {
    ledger.lock(|ledger| {
        firewall.ensure().map_err(|e| backend.fault(&e))?;
        let outcome = tell_untold(ledger, backend, firewall)?;
        let held = firewall.list().map_err(|e| backend.fault(&e))?;
        let mut held: HashMap<_, _> = held.into_iter().flatten().collect();
        restore(ledger, backend, firewall, &mut held, each)?;
        let strangers: Vec<Address> = held.into_keys().collect();
        let lifted = firewall.lift(&strangers);
        lifted
            .and_then(|()| firewall.restored())
            .map_err(|e| backend.fault(&e))?;
        Ok(outcome)
    })
}

/// Bans the addresses of the ledger that are not in `held` with the same end, and removes the
/// addresses of the ledger from `held`.
fn restore(
    ledger: &LockedLedger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    held: &mut HashMap<Address, Option<Duration>>,
    mut each: impl FnMut(&Ban),
) -> Result<(), WriteError> {
    let (key, mut last) = (backend.to_string(), 0);
    loop {
        let now = Time::now();
        let chunk = ledger.current(&key, last, now)?;
        let Some((id, _)) = chunk.last() else {
            return Ok(());
        };
        last = *id;
        let mut missing = Vec::new();
        for (_, ban) in &chunk {
            let left = ban.left(now);
            let stands = held.remove(&ban.address);
            if !stands.is_some_and(|theirs| agree(firewall, theirs, left)) {
                missing.push((ban.address, left));
                each(ban);
            }
        }
        firewall.ban(&missing).map_err(|e| backend.fault(&e))?;
    }
}

/// Whether firewall and ledger say the same time left, as far as that firewall has times.
pub fn agree(firewall: &dyn Firewall, theirs: Option<Duration>, ours: Option<Duration>) -> bool {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs.abs_diff(ours) <= SAME,
        (None, Some(ours)) => !firewall.expires(ours),
        (theirs, None) => theirs.is_none(),
    }
}

/// Tells the firewall the bans that it was not told yet, and the ends that are due.
fn tell_untold(
    ledger: &LockedLedger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
) -> Result<Outcome, WriteError> {
    let (key, mut outcome) = (backend.to_string(), Outcome::default());
    let now = Time::now();
    let needs_lifts = !firewall.expires(Duration::MAX);
    if needs_lifts {
        let due = ledger.due(&key, now)?;
        tell_chunk(ledger, backend, firewall, &due, now, &mut outcome)?;
    }
    let mut last = 0;
    loop {
        let chunk = ledger.untold(&key, last)?;
        let Some((id, _)) = chunk.last() else {
            break;
        };
        last = *id;
        tell_chunk(ledger, backend, firewall, &chunk, now, &mut outcome)?;
    }
    if last > 0 {
        ledger.all_told(&key)?;
    }
    outcome.later = needs_lifts && ledger.next_due()?.is_some();
    Ok(outcome)
}

/// Tells these, and notes the result.
fn tell_chunk(
    ledger: &LockedLedger,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    chunk: &[(i64, Ban)],
    now: Time,
    outcome: &mut Outcome,
) -> Result<(), WriteError> {
    let refused = match tell(firewall, chunk, now) {
        Ok(()) => HashMap::new(),
        Err(e) => tell_each(firewall, chunk, now, e).map_err(|e| backend.fault(&e))?,
    };
    let key = backend.to_string();
    for (id, ban) in chunk {
        if let Some(e) = refused.get(id) {
            complain::error(backend.name(), describe(e));
            outcome.refused.insert(ban.address);
        }
        if ban.has_ended(now) {
            ledger.forget_reminder(*id)?;
            outcome.lifted.push(*ban);
        } else if refused.contains_key(id) {
            ledger.refused(*id)?;
        } else if let Some(until) = ban.until
            && !firewall.expires(until.since(now))
        {
            ledger.remind(*id, &key, until)?;
        }
    }
    Ok(())
}

/// Bans those that last and lifts those that have ended.
fn tell(firewall: &mut dyn Firewall, chunk: &[(i64, Ban)], now: Time) -> io::Result<()> {
    let (ended, lasting): (Vec<_>, Vec<_>) = chunk.iter().partition(|(_, b)| b.has_ended(now));
    let bans: Vec<_> = lasting
        .iter()
        .map(|(_, b)| (b.address, b.left(now)))
        .collect();
    let lifts: Vec<_> = ended.iter().map(|(_, b)| b.address).collect();
    firewall.ban(&bans)?;
    firewall.lift(&lifts)
}

/// Tells them one by one, so that a refused one does not hold up all others for ever; answers the
/// refused ones by number.
///
/// Fails if none of them works, or after a time-out: then the fault is the firewall's.
fn tell_each(
    firewall: &mut dyn Firewall,
    chunk: &[(i64, Ban)],
    now: Time,
    error: io::Error,
) -> io::Result<HashMap<i64, io::Error>> {
    use ErrorKind::{PermissionDenied, TimedOut, Unsupported};
    let nothing_works =
        |e: &io::Error| matches!(e.kind(), PermissionDenied | Unsupported | TimedOut);
    if nothing_works(&error) {
        return Err(error);
    }
    let mut refused = HashMap::new();
    for one in chunk {
        match tell(firewall, std::slice::from_ref(one), now) {
            Err(e) if nothing_works(&e) => return Err(e),
            Err(e) => _ = refused.insert(one.0, e),
            Ok(()) => (),
        }
    }
    if refused.len() == chunk.len() {
        return Err(error);
    }
    Ok(refused)
}
