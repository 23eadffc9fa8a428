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

/// Connections remembered at once.
const MAX_CONNECTIONS: usize = WAYS << BITS;
/// Places for connections whose names have the same hash; the oldest goes first.
const WAYS: usize = 16;
/// The bits of a hash.
const BITS: u32 = 10;
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
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// For each place the hash of its name, and the number of its last line; 0 if it is empty.
    keys: Vec<(u64, u64)>,
    places: Vec<(Vec<u8>, Connection)>,
    /// The hashes are seeded, so that no remote party chooses names with equal ones.
    seed: RandomState,
    /// Counts the lines.
    now: u64,
}

impl Connections {
    /// The connection of this name, which may be new.
    pub(super) fn get(&mut self, name: &[u8]) -> &mut Connection {
        if self.places.is_empty() {
            self.keys.resize(MAX_CONNECTIONS, (0, 0));
            self.places.resize_with(MAX_CONNECTIONS, Default::default);
        }
        self.now += 1;
        let hash = self.seed.hash_one(name);
        let start = (hash >> (64 - BITS)) as usize * WAYS;
        let keys = &mut self.keys[start..start + WAYS];
        let places = &mut self.places[start..start + WAYS];
        let is_known = |i: &usize| keys[*i].0 == hash && keys[*i].1 > 0 && places[*i].0 == name;
        let known = (0..WAYS).find(is_known);
        let oldest = || (0..WAYS).min_by_key(|i| keys[*i].1).unwrap_or(0);
        let i = known.unwrap_or_else(oldest);
        keys[i] = (hash, self.now);
        let (text, connection) = &mut places[i];
        if known.is_none() {
            text.clear();
            text.extend_from_slice(name);
            *connection = Connection::default();
        }
        connection
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.keys.fill((0, 0));
    }
}
