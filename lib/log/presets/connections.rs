//! Connections: the lines of one are judged together.
//!
//! A daemon may write the address and the failure on different lines of a session. It may also
//! write several lines about one try: `Invalid user`, then `Failed password for invalid user`.
//! Rules about such lines have steps. A line with a higher step than the line before, on the same
//! connection, belongs to the same try; any other line begins a new one. A line that closes a
//! connection reports tries in total; those that were not counted yet are counted then.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

/// Connections remembered at once. One is not forgotten before half as many new ones come.
const MAX_CONNECTIONS: u32 = 1 << 14;
/// Connections in a set; the oldest goes first.
const WAYS: usize = 8;
/// The bits of a set's number: all have room for twice the connections, and few are full.
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
    waiting: Option<(u16, u32)>,
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
    pub(super) fn failed(&mut self, rule: u16) -> Option<Address> {
        if self.address.is_none() {
            let before = self.waiting.map_or(0, |(_, count)| count);
            self.waiting = Some((rule, before.saturating_add(1)));
        }
        self.address
    }

    /// Notes the line with which a connection begins. Answers the rule and the number of failures
    /// that waited for its address; those of an earlier owner of the name are forgotten.
    pub(super) fn begin(&mut self, seen: &Seen) -> Option<(u16, u32)> {
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
    pub(super) fn end(&mut self) -> Option<(u16, u32)> {
        self.address = None;
        self.waiting.take()
    }
}

/// The name of a connection, or the source of lines that it is one of: a hash. By chance two of
/// 16,384 names are equal once in 10^11 times; seeded, so that no remote party chooses such.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Name(u64);

impl Name {
    /// The name of a part of this that has a number: different ones of different numbers.
    pub(super) fn numbered(self, number: u64) -> Name {
        // Each step can be undone (the finalizer of MurmurHash3).
        let mut mixed = number ^ number >> 33;
        for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
            mixed = mixed.wrapping_mul(factor);
            mixed ^= mixed >> 33;
        }
        Name(self.0 ^ mixed)
    }

    /// The name of a part of this that has a name.
    pub(super) fn and(self, part: Name) -> Name {
        self.numbered(part.0)
    }
}

/// The seed of names: all threads of a process give a connection the same.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The connections that are remembered.
///
/// They stand in the order of their first lines, so that those of late are near each other: a
/// log's next line is about one of them.
#[derive(Debug)]
pub(super) struct Connections {
    /// For some bits of a name, the connections with them.
    sets: Vec<Set>,
    /// The connection of number `n` is at `n % MAX_CONNECTIONS`.
    places: Vec<Place>,
    /// The number of the next connection; smaller by more than [`MAX_CONNECTIONS`]: forgotten.
    next: u32,
    seed: RandomState,
}

impl Default for Connections {
    fn default() -> Self {
        Connections {
            sets: Vec::new(),
            places: Vec::new(),
            next: 0,
            seed: SEED.clone(),
        }
    }
}

/// One line of the processor's cache.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Set([Entry; WAYS]);

/// A connection in a set: some bits of its name, and its number.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    bits: u32,
    number: u32,
}

/// One line of the processor's cache.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place {
    name: u64,
    connection: Connection,
}

impl Connections {
    /// The name that these parts are together.
    pub(super) fn name(&self, parts: &[&[u8]]) -> Name {
        Name(self.seed.hash_one(parts))
    }

    /// Whether a connection has this name.
    pub(super) fn knows(&self, Name(name): Name) -> bool {
        let set = self.sets.get(set(name));
        set.is_some_and(|Set(entries)| self.find(entries, name).is_some())
    }

    /// The connection of this name, which may be new.
    pub(super) fn get(&mut self, Name(name): Name) -> &mut Connection {
        if self.sets.is_empty() {
            self.sets.resize(1 << BITS, Default::default());
            self.next = 2 * MAX_CONNECTIONS;
        }
        let Set(entries) = &self.sets[set(name)];
        let known = self.find(entries, name);
        if let Some(way) = known
            && self.age(&entries[way]) <= MAX_CONNECTIONS / 2
        {
            let place = place(entries[way].number);
            return &mut self.places[place].connection;
        }
        let oldest = || (0..WAYS).max_by_key(|way| self.age(&entries[*way]));
        let way = known.or_else(oldest).unwrap_or(0);
        let entry = Entry {
            bits: name as u32,
            number: self.next,
        };
        self.next = self.next.wrapping_add(1);
        let before = std::mem::replace(&mut self.sets[set(name)].0[way], entry);
        let to = place(entry.number);
        if to >= self.places.len() {
            self.places.push(Place::default());
        }
        if known.is_some() {
            // It is in use, and does not go soon.
            self.places.swap(place(before.number), to);
        } else {
            let connection = Connection::default();
            self.places[to] = Place { name, connection };
        }
        &mut self.places[to].connection
    }

    /// The place of a name in its set.
    fn find(&self, entries: &[Entry; WAYS], name: u64) -> Option<usize> {
        let is_it = |entry: &Entry| {
            let place = self.places.get(place(entry.number));
            let lives = self.age(entry) <= MAX_CONNECTIONS;
            lives && place.is_some_and(|place| place.name == name)
        };
        entries
            .iter()
            .position(|entry| entry.bits == name as u32 && is_it(entry))
    }

    /// The number of connections that are new since one was.
    fn age(&self, entry: &Entry) -> u32 {
        self.next.wrapping_sub(entry.number)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.sets.clear();
        self.places.clear();
    }
}

fn set(name: u64) -> usize {
    (name >> (64 - BITS)) as usize
}

fn place(number: u32) -> usize {
    (number % MAX_CONNECTIONS) as usize
}
