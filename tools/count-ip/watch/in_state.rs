//! The tallies of all addresses in the state file.
//!
//! Events are queued and then counted in one transaction. A process that runs for long keeps them
//! in the queue for up to a second, so that not each of them costs a transaction. Meanwhile it
//! counts them in a cache of the file. As soon as the cache would print an address, or another
//! process has written, the queue is counted in the file; only the file decides about printing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::{Duration, Instant};

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::time::Time;

use super::encode;
use super::groups::encode as group_encode;
use super::groups::group::Group;
use super::policy::{GroupKey, Policy, Store};
use super::rule::{Event, Reports, Verdict};
use super::tally::Tally;
use crate::hits::{self, Hits, Table};
use crate::value::Value;

/// The highest number of events in one transaction.
const EVENTS: usize = 10_000;
/// The length of their lines at which the queue is full, in bytes.
const BYTES: usize = 16 << 20;

/// The longest time that an event stays in the queue.
const BEHIND: Duration = Duration::from_secs(1);

/// The state file, and the queue of events.
pub struct Stored {
    hits: Hits,
    /// The highest number of addresses.
    most: usize,
    queue: Vec<Queued>,
    /// The length of the queue's lines.
    bytes: usize,
    /// The time of the last transaction.
    written: Option<Instant>,
    /// Tallies of the file as it then was, with the first `counted` events of the queue.
    cache: Tallies,
    counted: usize,
    /// The [`Table::version`] of that time.
    version: i64,
}

/// An event in the queue, with the arguments of [`Policy::count`] and the line it came from.
struct Queued {
    event: Event,
    now: Option<Time>,
    line: Vec<u8>,
}

/// The networks that are to be printed, with the line that decided them.
type Reached = (Vec<u8>, Reports);

impl Stored {
    /// `most` is the highest number of addresses, if the user gave one.
    pub fn open(path: Option<&Path>, policy: &Policy, most: Option<usize>) -> Result<Self, Fault> {
        Ok(Stored {
            hits: Hits::open(path, &policy.scope())?,
            most: most.unwrap_or(hits::ADDRESSES),
            queue: Vec::new(),
            bytes: 0,
            written: None,
            cache: Tallies::default(),
            counted: 0,
            version: 0,
        })
    }

    /// The key with which all processes make values of this file's fields.
    pub fn value_key(&mut self) -> Result<u128, Fault> {
        self.hits.key()
    }

    /// Queues an event; true if the queue is full and [`store`](Self::store) must be called.
    pub fn push(&mut self, event: Event, now: Option<Time>, line: &[u8]) -> bool {
        self.bytes += line.len();
        let line = line.to_vec();
        self.queue.push(Queued { event, now, line });
        self.queue.len() >= EVENTS || self.bytes >= BYTES
    }

    /// Forgets the events of the queue.
    pub fn clear(&mut self) {
        self.queue.clear();
        (self.bytes, self.counted) = (0, 0);
        self.cache = Tallies::default();
    }

    /// The time at which [`store`](Self::store) must be called at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let written = self.written.filter(|_| !self.queue.is_empty());
        written.map(|written| written + BEHIND)
    }

    /// Whether [`store`](Self::store) must be called before a wait for more input.
    pub fn must_store(&mut self, policy: &Policy) -> Result<bool, Fault> {
        let in_time = self
            .deadline()
            .is_some_and(|deadline| Instant::now() < deadline);
        if self.queue.is_empty() || !in_time {
            return Ok(!self.queue.is_empty());
        }
        let fresh = &self.queue[self.counted..];
        self.counted = self.queue.len();
        self.hits.read(|table| {
            if table.version()? != self.version {
                return Ok(true);
            }
            let known = &mut self.cache;
            for Queued { event, now, .. } in fresh {
                let mut changed = Changed { table, known };
                let verdict = policy.count(&mut changed, event.clone(), *now)?;
                if matches!(verdict, Verdict::Reached(_)) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Counts all events of the queue in the file; returns the networks that are to be printed,
    /// and the number of events that came too late.
    pub fn store(&mut self, policy: &Policy) -> Result<(Vec<Reached>, u64), Fault> {
        let queue = std::mem::take(&mut self.queue);
        (self.bytes, self.counted) = (0, 0);
        let limited = |w: &Queued| w.now.map_or(w.event.at, |now| w.event.at.min(now));
        let Some(newest) = queue.iter().map(limited).max() else {
            return Ok((vec![], 0));
        };
        if self.hits.open_if_replaced()? {
            self.cache = Tallies::default();
        }
        let most = self.most;
        let mut known = Tallies::default();
        let (version, reached, late) = self.hits.write(|table| {
            let (mut reached, mut late) = (Vec::new(), 0);
            for Queued { event, now, line } in queue {
                let known = &mut known;
                match policy.count(&mut Changed { table, known }, event, now)? {
                    Verdict::Late => late += 1,
                    Verdict::Counted => {}
                    Verdict::Reached(reports) => reached.push((line, reports)),
                }
            }
            known.write(table)?;
            if table.evict_beyond(most, known.len())? > 0 {
                complain::note(
                    "state",
                    format_args!("{most} addresses are held; those silent for longest were let go"),
                );
            }
            let silent = table.evict_details(known.len())?;
            if silent > 0 {
                let what = format_args!("{silent} addresses silent for longest were let go");
                complain::note("evidence", what);
            }
            if let Some(silence) = policy.silence() {
                table.evict_before(newest - silence)?;
            }
            Ok((table.version()?, reached, late))
        })?;
        if version != self.version || self.cache.len() >= EVENTS {
            self.cache = Tallies::default();
        }
        self.cache.tallies.extend(known.tallies);
        self.cache.groups.extend(known.groups);
        self.cache.last_counted.extend(known.last_counted);
        self.version = version;
        self.written = Some(Instant::now());
        Ok((reached, late))
    }
}

/// Tallies, and times of the throttle, of some addresses.
#[derive(Default)]
struct Tallies {
    tallies: HashMap<Address, Tally>,
    /// Groups, by their name in the file.
    groups: HashMap<String, Group>,
    last_counted: HashMap<Address, Option<Time>>,
}

impl Tallies {
    fn len(&self) -> usize {
        self.tallies.len() + self.groups.len() + self.last_counted.len()
    }

    fn write(&self, table: &Table) -> rusqlite::Result<()> {
        for (address, tally) in &self.tallies {
            if tally.is_empty() {
                table.remove(&address.to_string())?;
            } else {
                table.put(&address.to_string(), &encode::to_hit(tally))?;
            }
        }
        for (name, group) in &self.groups {
            if group.is_empty() {
                table.remove(name)?;
            } else {
                table.put(name, &group_encode::to_hit(group))?;
            }
        }
        for (address, last) in &self.last_counted {
            let hit = encode::last_counted(*last);
            table.put(&format!("{THROTTLE}{address}"), &hit)?;
        }
        Ok(())
    }
}

/// The tallies of the file, those that were read or changed in `known`.
struct Changed<'a> {
    table: &'a Table<'a>,
    known: &'a mut Tallies,
}

/// Precedes the value in the name of a group that is counted by a field.
const FIELD: &str = "by ";

/// Precedes the address in the name of a hit that belongs to the throttle.
const THROTTLE: &str = "passed ";

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
                entry.insert(hit.map(encode::from_hit).unwrap_or_default())
            }
        };
        Ok(change(tally))
    }

    fn change_group<R>(
        &mut self,
        key: GroupKey,
        _: Value,
        change: impl FnOnce(&mut Group) -> R,
    ) -> Result<R, rusqlite::Error> {
        let name = match key {
            GroupKey::Network(network) => network.to_string(),
            GroupKey::Field(text) => format!("{FIELD}{}", hits::characters(&text.to_vec())),
        };
        let group = match self.known.groups.entry(name) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let hit = self.table.get(entry.key().as_str())?;
                let group = hit.map(|hit| group_encode::from_hit(&hit));
                entry.insert(group.unwrap_or_default())
            }
        };
        Ok(change(group))
    }

    fn change_last_counted(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, rusqlite::Error> {
        let last = match self.known.last_counted.entry(*host) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let hit = self.table.get(&format!("{THROTTLE}{host}"))?;
                entry.insert(hit.and_then(|hit| hit.span).map(|(_, last)| last))
            }
        };
        Ok(change(last))
    }
}
