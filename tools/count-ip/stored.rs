//! Tallies in the state: counted there in one transaction for all events that came together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::hits::{Hits, Table};
use pipeban::time::Time;

use crate::detail;
use crate::policy::{Policy, Store};
use crate::tally::{Crossing, Event, Tally};

/// Events are counted in one transaction up to this many, or bytes of their lines.
const EVENTS: usize = 10_000;
const BYTES: usize = 16 << 20;

/// So many addresses are held where the user does not say: a flood of them must not fill the disk.
pub const ADDRESSES: usize = 1_000_000;

pub struct Stored {
    hits: Hits,
    most: usize,
    waiting: Vec<Waiting>,
    bytes: usize,
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
        })
    }

    /// Takes an event; answers whether it is time to [`store`](Self::store).
    pub fn push(&mut self, event: Event, now: Option<Time>, line: &[u8]) -> bool {
        self.bytes += line.len();
        let line = line.to_vec();
        self.waiting.push(Waiting { event, now, line });
        self.waiting.len() >= EVENTS || self.bytes >= BYTES
    }

    /// Counts all events that wait, and answers what is to be printed for them.
    pub fn store(&mut self, policy: &Policy) -> Result<Vec<Reached>, Fault> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let limited = |w: &Waiting| w.now.map_or(w.event.at, |now| w.event.at.min(now));
        let Some(newest) = waiting.iter().map(limited).max() else {
            return Ok(vec![]);
        };
        let most = self.most;
        self.hits.write(|table| {
            let mut changed = Changed {
                table,
                tallies: HashMap::new(),
                passed: HashMap::new(),
            };
            let mut reached = Vec::new();
            for Waiting { event, now, line } in waiting {
                let crossing = policy.count(&mut changed, event, now)?;
                reached.extend(crossing.map(|(network, crossing)| (line, network, crossing)));
            }
            let put = changed.tallies.len() + changed.passed.len();
            changed.write()?;
            if table.forget_beyond(most, put)? > 0 {
                complain::note(
                    "state",
                    format_args!("{most} addresses are held; those silent for longest were let go"),
                );
            }
            if let Some(silence) = policy.silence() {
                table.forget_before(newest - silence)?;
            }
            Ok(reached)
        })
    }
}

/// Tallies as a transaction changes them.
struct Changed<'a> {
    table: &'a Table<'a>,
    tallies: HashMap<Address, Tally>,
    passed: HashMap<Address, Option<Time>>,
}

/// Stands before an address in the state for when it was last let through.
const PASSED: &str = "passed ";

impl Changed<'_> {
    fn write(self) -> rusqlite::Result<()> {
        for (address, tally) in &self.tallies {
            if tally.is_empty() {
                self.table.remove(&address.to_string())?;
            } else {
                self.table
                    .put(&address.to_string(), &detail::to_hit(tally))?;
            }
        }
        for (address, passed) in &self.passed {
            let hit = detail::passed(*passed);
            self.table.put(&format!("{PASSED}{address}"), &hit)?;
        }
        Ok(())
    }
}

impl Store for Changed<'_> {
    type Error = rusqlite::Error;

    fn change<R>(
        &mut self,
        network: &Address,
        change: impl FnOnce(&mut Tally) -> R,
    ) -> Result<R, rusqlite::Error> {
        let tally = match self.tallies.entry(*network) {
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
        let passed = match self.passed.entry(*host) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let hit = self.table.get(&format!("{PASSED}{host}"))?;
                entry.insert(hit.and_then(|hit| hit.span).map(|(_, last)| last))
            }
        };
        Ok(change(passed))
    }
}
