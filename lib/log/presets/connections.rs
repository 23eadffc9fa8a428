//! Connections: the lines of one are judged together.
//!
//! A daemon may write the address and the failure on different lines of a session. It may also
//! write
//! several lines about one try: `Invalid user`, then `Failed password for invalid user`. Rules
//! about
//! such lines have steps. A line with a higher step than the line before, on the same connection,
//! belongs to the same try; any other line begins a new one. A line that closes a connection
//! reports
//! tries in total; those that were not counted yet are counted then.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

/// Connections remembered at once. One is not forgotten before half as many new ones come.
const MAX_CONNECTIONS: u32 = 1 << 14;
/// Connections whose names have the same hash; the oldest goes first.
const WAYS: usize = 8;
/// The bits of a hash: sets have room for twice the connections, and few are full.
const BITS: u32 = 12;
/// A connection without a line for this long is over: sshd's LoginGraceTime is two minutes.
const MAX_SILENCE: Duration = Duration::from_secs(600);
/// Threads may write a connection's first line after a later one, at most this long after.
const MAX_DISORDER: Duration = Duration::from_secs(1);

/// The known facts of a connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    address: Option<Address>,
    port: Option<u16>,
    /// The time of its last line.
    time: Option<Time>,
    /// The tries that were counted.
    counted: u32,
    /// The step of the last line.
    step: u8,
    /// The rule and the number of failures whose address is not known yet.
    waiting: Option<(usize, u32)>,
}

/// A line about a connection.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) address: Option<Address>,
    /// The client's port, if the line has it.
    pub(super) port: Option<u16>,
    pub(super) time: Option<Time>,
}

/// The attempts that a line reports.
#[derive(Clone, Copy)]
pub(super) enum Report {
    /// This many, of this step; 0 is a rule without steps.
    Tries { count: u32, step: u8 },
    /// This many on the connection so far.
    Total(u32),
}

impl Connection {
    /// Notes a line: another client, or a long silence, is another connection.
    pub(super) fn see(&mut self, seen: &Seen) {
        let differ = |a: Option<u16>, b: Option<u16>| a.zip(b).is_some_and(|(a, b)| a != b);
        let other = self.address.zip(seen.address).is_some_and(|(a, b)| a != b);
        let times = self.time.zip(seen.time);
        let silent = times.is_some_and(|(a, b)| b.since(a) > MAX_SILENCE);
        if other || silent || differ(self.port, seen.port) {
            *self = Connection::default();
        }
        self.address = seen.address.or(self.address);
        self.port = seen.port.or(self.port);
        self.time = seen.time.or(self.time);
    }

    /// The number of attempts that a line adds.
    pub(super) fn add(&mut self, report: Report) -> u32 {
        let added = match report {
            Report::Tries { count, step } => {
                let goes_on = step > self.step && self.step > 0;
                self.step = step;
                count - u32::from(goes_on && count > 0)
            }
            Report::Total(total) => total.saturating_sub(self.counted),
        };
        self.counted = self.counted.saturating_add(added);
        added
    }

    /// Notes a failure; answers the address, if that is known.
    pub(super) fn failed(&mut self, rule: usize) -> Option<Address> {
        if self.address.is_none() {
            let before = self.waiting.map_or(0, |(_, count)| count);
            self.waiting = Some((rule, before.saturating_add(1)));
        }
        self.address
    }

    /// Notes the line with which a connection begins. Answers the rule and the number of failures
    /// that waited for its address; those of an earlier owner of the name are forgotten.
    pub(super) fn begin(&mut self, seen: &Seen) -> Option<(usize, u32)> {
        let times = self.time.zip(seen.time);
        let is_near = times.is_some_and(|(a, b)| b.since(a).max(a.since(b)) <= MAX_DISORDER);
        let waiting = self.waiting.take().filter(|_| is_near);
        self.see(seen);
        if waiting.is_none() {
            (self.counted, self.step) = (0, 0);
        }
        waiting
    }

    /// Forgets the client. Answers the rule and the number of failures that waited for its address.
    pub(super) fn end(&mut self) -> Option<(usize, u32)> {
        self.address = None;
        self.waiting.take()
    }
}

/// The connections that are remembered.
///
/// They stand in the order of their first lines, so that those of late are near each other: a
/// log's next line is about one of them.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// For each hash, the connections with it.
    sets: Vec<[Entry; WAYS]>,
    /// The connection of number `n` is at `n % MAX_CONNECTIONS`.
    places: Vec<Place>,
    /// The number of the next connection; smaller by more than [`MAX_CONNECTIONS`]: forgotten.
    next: u32,
    /// The hashes are seeded, so that no remote party chooses names with equal ones.
    seed: RandomState,
}

/// A connection in a set: other bits of its name's hash, and its number.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    tag: u32,
    number: u32,
}

#[derive(Debug, Default)]
struct Place {
    name: Vec<u8>,
    connection: Connection,
}

/// Where a connection is, or where a new one of this name would be.
struct Found {
    set: usize,
    tag: u32,
    /// The place in the set.
    way: usize,
    number: Option<u32>,
}

impl Connections {
    /// Whether a connection has this name.
    pub(super) fn knows(&self, name: &[u8]) -> bool {
        !self.sets.is_empty() && self.find(name).number.is_some()
    }

    /// The connection of this name, which may be new.
    pub(super) fn get(&mut self, name: &[u8]) -> &mut Connection {
        if self.sets.is_empty() {
            self.sets.resize(1 << BITS, Default::default());
            self.next = 2 * MAX_CONNECTIONS;
        }
        let found = self.find(name);
        if let Some(number) = found.number
            && self.next.wrapping_sub(number) <= MAX_CONNECTIONS / 2
        {
            return &mut self.places[place(number)].connection;
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        let tag = found.tag;
        self.sets[found.set][found.way] = Entry { tag, number };
        let to = place(number);
        if to >= self.places.len() {
            self.places.push(Place::default());
        }
        match found.number {
            // It is in use, and does not go soon.
            Some(before) => self.places.swap(place(before), to),
            None => {
                let place = &mut self.places[to];
                place.name.clear();
                place.name.extend_from_slice(name);
                place.connection = Connection::default();
            }
        }
        &mut self.places[to].connection
    }

    fn find(&self, name: &[u8]) -> Found {
        let hash = self.seed.hash_one(name);
        let (set, tag) = ((hash >> (64 - BITS)) as usize, hash as u32);
        let age = |entry: &Entry| self.next.wrapping_sub(entry.number);
        let is_it = |entry: &Entry| {
            let place = self.places.get(place(entry.number));
            entry.tag == tag
                && age(entry) <= MAX_CONNECTIONS
                && place.is_some_and(|place| place.name == name)
        };
        let entries = &self.sets[set];
        let known = entries.iter().position(is_it);
        let oldest = || (0..WAYS).max_by_key(|way| age(&entries[*way])).unwrap_or(0);
        Found {
            set,
            tag,
            way: known.unwrap_or_else(oldest),
            number: known.map(|way| entries[way].number),
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.sets.clear();
        self.places.clear();
    }
}

fn place(number: u32) -> usize {
    (number % MAX_CONNECTIONS) as usize
}
