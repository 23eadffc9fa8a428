//! Tallies in the state: counted there in one transaction for all events that came together.
//!
//! A process that goes on for long holds events back for up to a second, so that not each of them costs a
//! transaction. Meanwhile it counts them in what it remembers of the state. As soon as one would be printed, or
//! another process has written, all are counted in the state itself; only that decides what is printed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::hits::{Hits, Table};
use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::time::Time;

use crate::detail;
use crate::policy::{Policy, Store};
use crate::tally::{Crossing, Event, Tally};

/// Events are counted in one transaction up to this many, or bytes of their lines.
const EVENTS: usize = 10_000;
const BYTES: usize = 16 << 20;

/// How far the state may be behind.
pub const BEHIND: Duration = Duration::from_secs(1);

/// So many addresses are held where the user does not say: a flood of them must not fill the disk.
pub const ADDRESSES: usize = 1_000_000;

pub struct Stored {
    hits: Hits,
    most: usize,
    waiting: Vec<Waiting>,
    bytes: usize,
    /// When the state was last written.
    written: Option<Instant>,
    /// What the state then held of some addresses, and so many of the waiting events counted in that.
    remembered: Tallies,
    counted: usize,
    /// See [`Table::version`].
    version: i64,
}

struct Waiting {
    event: Event,
    now: Option<Time>,
    line: Vec<u8>,
}

/// What is to be printed: the line that decided it, and what it reached.
type Reached = (Vec<u8>, Address, Crossing);

impl Stored {
    /// `most`: so many addresses are held, if the user says so.
    pub fn open(path: Option<&Path>, policy: &Policy, most: Option<usize>) -> Result<Self, Fault> {
        Ok(Stored {
            hits: Hits::open(path, &policy.scope())?,
            most: most.unwrap_or(ADDRESSES),
            waiting: Vec::new(),
            bytes: 0,
            written: None,
            remembered: Tallies::default(),
            counted: 0,
            version: 0,
        })
    }

    /// Takes an event; answers whether it is time to [`store`](Self::store).
    pub fn push(&mut self, event: Event, now: Option<Time>, line: &[u8]) -> bool {
        self.bytes += line.len();
        let line = line.to_vec();
        self.waiting.push(Waiting { event, now, line });
        self.waiting.len() >= EVENTS || self.bytes >= BYTES
    }

    /// When to store at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let written = self.written.filter(|_| !self.waiting.is_empty());
        written.map(|written| written + BEHIND)
    }

    /// Whether the events that wait must be stored before a wait for more.
    pub fn must_store(&mut self, policy: &Policy) -> Result<bool, Fault> {
        let in_time = self
            .deadline()
            .is_some_and(|deadline| Instant::now() < deadline);
        if self.waiting.is_empty() || !in_time {
            return Ok(!self.waiting.is_empty());
        }
        let fresh = &self.waiting[self.counted..];
        self.counted = self.waiting.len();
        self.hits.look(|table| {
            if table.version()? != self.version {
                return Ok(true);
            }
            let known = &mut self.remembered;
            for Waiting { event, now, .. } in fresh {
                let mut changed = Changed { table, known };
                if policy.count(&mut changed, event.clone(), *now)?.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Counts all events that wait, and answers what is to be printed for them.
    pub fn store(&mut self, policy: &Policy) -> Result<Vec<Reached>, Fault> {
        let waiting = std::mem::take(&mut self.waiting);
        (self.bytes, self.counted) = (0, 0);
        let limited = |w: &Waiting| w.now.map_or(w.event.at, |now| w.event.at.min(now));
        let Some(newest) = waiting.iter().map(limited).max() else {
            return Ok(vec![]);
        };
        let most = self.most;
        let mut known = Tallies::default();
        let (version, reached) = self.hits.write(|table| {
            let mut reached = Vec::new();
            for Waiting { event, now, line } in waiting {
                let known = &mut known;
                let crossing = policy.count(&mut Changed { table, known }, event, now)?;
                reached.extend(crossing.map(|(network, crossing)| (line, network, crossing)));
            }
            known.write(table)?;
            if table.forget_beyond(most, known.len())? > 0 {
                complain::note(
                    "state",
                    format_args!("{most} addresses are held; those silent for longest were let go"),
                );
            }
            if let Some(silence) = policy.silence() {
                table.forget_before(newest - silence)?;
            }
            Ok((table.version()?, reached))
        })?;
        if version != self.version || self.remembered.len() >= EVENTS {
            self.remembered = Tallies::default();
        }
        self.remembered.tallies.extend(known.tallies);
        self.remembered.passed.extend(known.passed);
        self.version = version;
        self.written = Some(Instant::now());
        Ok(reached)
    }
}

/// What is known of some addresses.
#[derive(Default)]
struct Tallies {
    tallies: HashMap<Address, Tally>,
    passed: HashMap<Address, Option<Time>>,
}

impl Tallies {
    fn len(&self) -> usize {
        self.tallies.len() + self.passed.len()
    }

    fn write(&self, table: &Table) -> rusqlite::Result<()> {
        for (address, tally) in &self.tallies {
            if tally.is_empty() {
                table.remove(&address.to_string())?;
            } else {
                table.put(&address.to_string(), &detail::to_hit(tally))?;
            }
        }
        for (address, passed) in &self.passed {
            let hit = detail::passed(*passed);
            table.put(&format!("{PASSED}{address}"), &hit)?;
        }
        Ok(())
    }
}

/// Tallies of the state as events change them.
struct Changed<'a> {
    table: &'a Table<'a>,
    known: &'a mut Tallies,
}

/// Stands before an address in the state for when it was last let through.
const PASSED: &str = "passed ";

impl Store for Changed<'_> {
    type Error = rusqlite::Error;

    fn change<R>(
        &mut self,
        network: &Address,
        change: impl FnOnce(&mut Tally) -> R,
    ) -> Result<R, rusqlite::Error> {
        let tally = match self.known.tallies.entry(*network) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let hit = self.table.get(&network.to_string())?;
                entry.insert(hit.map(detail::from_hit).unwrap_or_default())
            }
        };
        Ok(change(tally))
    }

    fn pass(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, rusqlite::Error> {
        let passed = match self.known.passed.entry(*host) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let hit = self.table.get(&format!("{PASSED}{host}"))?;
                entry.insert(hit.and_then(|hit| hit.span).map(|(_, last)| last))
            }
        };
        Ok(change(passed))
    }
}
