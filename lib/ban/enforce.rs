//! Makes the firewall hold what the ledger says; neither knows of the other.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::firewall::{self, Firewall};
use crate::ledger::{Ban, Books, Ledger};
use pipeban::address::Address;
use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::state::WriteError;
use pipeban::time::Time;

/// Two ends this close are the same: clocks are read twice, and a kernel counts in ticks or whole seconds.
const SAME: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Default)]
pub struct Outcome {
    /// Something has to be told later, because bans do not end by themselves there.
    pub later: bool,
    /// The bans that had ended.
    pub lifted: Vec<Ban>,
    /// What the firewall would not ban while it banned others; reported, and no longer in the ledger.
    pub refused: HashSet<Address>,
}

/// Tells the firewall all that it does not know yet; everything, where the firewall has lost what was ours.
pub fn enforce(
    ledger: &mut Ledger,
    backend: &str,
    firewall: &mut dyn Firewall,
) -> Result<Outcome, Fault> {
    ledger.alone(|books| {
        let lost = firewall.ensure().map_err(|e| fault(backend, &e))?;
        if lost {
            restore(books, backend, firewall, &mut HashMap::new(), |_| ())?;
        }
        let outcome = tell_untold(books, backend, firewall)?;
        if lost {
            // Until one process comes to this point, each restores anew.
            firewall.restored().map_err(|e| fault(backend, &e))?;
        }
        Ok(outcome)
    })
}

/// Makes the firewall hold exactly what the ledger says; gives each ban that was put back to `each`.
pub fn sync(
    ledger: &mut Ledger,
    backend: &str,
    firewall: &mut dyn Firewall,
    each: impl FnMut(&Ban),
) -> Result<Outcome, Fault> {
    ledger.alone(|books| {
        firewall.ensure().map_err(|e| fault(backend, &e))?;
        let outcome = tell_untold(books, backend, firewall)?;
        let held = firewall.list().map_err(|e| fault(backend, &e))?;
        let mut held: HashMap<_, _> = held.into_iter().flatten().collect();
        restore(books, backend, firewall, &mut held, each)?;
        let strangers: Vec<Address> = held.into_keys().collect();
        let lifted = firewall.lift(&strangers);
        lifted
            .and_then(|()| firewall.restored())
            .map_err(|e| fault(backend, &e))?;
        Ok(outcome)
    })
}

/// Bans all that should be banned and is not among `held` with the same end; takes out of `held` what belongs there.
fn restore(
    books: &Books,
    backend: &str,
    firewall: &mut dyn Firewall,
    held: &mut HashMap<Address, Option<Duration>>,
    mut each: impl FnMut(&Ban),
) -> Result<(), WriteError> {
    let mut last = 0;
    loop {
        let now = Time::now();
        let chunk = books.current(backend, last, now)?;
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
        firewall.ban(&missing).map_err(|e| fault(backend, &e))?;
    }
}

/// Whether the time that a firewall says is left is what the ledger says, as far as that firewall knows times.
pub fn agree(firewall: &dyn Firewall, theirs: Option<Duration>, ours: Option<Duration>) -> bool {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs.abs_diff(ours) <= SAME,
        (None, Some(ours)) => !firewall.expires(ours),
        (theirs, None) => theirs.is_none(),
    }
}

fn tell_untold(
    books: &Books,
    backend: &str,
    firewall: &mut dyn Firewall,
) -> Result<Outcome, WriteError> {
    let mut outcome = Outcome::default();
    let now = Time::now();
    // Where all bans end by themselves, nothing has ever to be told later.
    let forgets = !firewall.expires(Duration::MAX);
    if forgets {
        let due = books.due(backend, now)?;
        tell_chunk(books, backend, firewall, &due, now, &mut outcome)?;
    }
    let mut last = 0;
    loop {
        let chunk = books.untold(backend, last)?;
        let Some((id, _)) = chunk.last() else {
            break;
        };
        last = *id;
        tell_chunk(books, backend, firewall, &chunk, now, &mut outcome)?;
    }
    if last > 0 {
        books.all_told(backend)?;
    }
    outcome.later = forgets && books.next_due()?.is_some();
    Ok(outcome)
}

fn tell_chunk(
    books: &Books,
    backend: &str,
    firewall: &mut dyn Firewall,
    chunk: &[(i64, Ban)],
    now: Time,
    outcome: &mut Outcome,
) -> Result<(), WriteError> {
    let refused = match tell(firewall, chunk, now) {
        Ok(()) => HashMap::new(),
        Err(e) => tell_each(firewall, chunk, now, e).map_err(|e| fault(backend, &e))?,
    };
    for (id, ban) in chunk {
        if let Some(e) = refused.get(id) {
            complain::error(firewall::name(backend), describe(e));
            outcome.refused.insert(ban.address);
        }
        if ban.has_ended(now) {
            books.forget_reminder(*id)?;
            outcome.lifted.push(*ban);
        } else if refused.contains_key(id) {
            books.refused(*id)?;
        } else if let Some(until) = ban.until
            && !firewall.expires(until.since(now))
        {
            books.remind(*id, backend, until)?;
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

/// Does the same one by one, so that one that is refused does not hold up all others for ever; answers those.
///
/// Fails if not one of them works: then it is the firewall.
fn tell_each(
    firewall: &mut dyn Firewall,
    chunk: &[(i64, Ban)],
    now: Time,
    error: io::Error,
) -> io::Result<HashMap<i64, io::Error>> {
    let nothing_works = [ErrorKind::PermissionDenied, ErrorKind::Unsupported];
    if nothing_works.contains(&error.kind()) {
        return Err(error);
    }
    let mut refused = HashMap::new();
    for one in chunk {
        if let Err(e) = tell(firewall, std::slice::from_ref(one), now) {
            refused.insert(one.0, e);
        }
    }
    if refused.len() == chunk.len() {
        return Err(error);
    }
    Ok(refused)
}

fn fault(backend: &str, e: &io::Error) -> Fault {
    Fault::new(firewall::name(backend), describe(e))
}
