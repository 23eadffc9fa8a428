//! The events of an address for the rules that need more than the times of a few of them.

use pipeban::address::Address;
use pipeban::time::Time;

/// The parts that a rule does not need stay empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// The times of the events that are kept one by one, sorted.
    pub times: Vec<Time>,
    /// Where they are not: the number of events, the first and the last time.
    pub sum: Option<(u64, Time, Time)>,
    /// The host of each of the times.
    pub sources: Vec<Address>,
    /// The hosts seen, sorted by address; fewer than the rule's number.
    pub hosts: Vec<Host>,
    /// The latest lines, sorted by time.
    pub lines: Vec<Evidence>,
    /// The time at which it was last printed, where the networks inside it need that.
    pub printed: Option<Time>,
}

/// The events of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub address: Address,
    pub first: Time,
    pub last: Time,
    pub count: u64,
}

/// A line that is evidence of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub at: Time,
    pub host: Address,
    pub text: Vec<u8>,
}

/// All lines that are kept of an address or a group have no more bytes than this.
const LINES: usize = 64 << 10;

/// The number of the first of these lines that are too much: with the others they have no more
/// bytes than [`LINES`].
pub fn beyond<'a>(lines: impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator) -> usize {
    let (mut left, mut bytes) = (lines.len(), 0);
    for line in lines.rev() {
        bytes += line.len();
        if bytes > LINES {
            break;
        }
        left -= 1;
    }
    left
}

impl Detail {
    /// Makes times ahead of the clock count as now; `limit` does so for sorted times.
    pub fn limit(&mut self, now: Time, limit: impl Fn(&mut [Time])) {
        limit(&mut self.times);
        self.sum = self
            .sum
            .map(|(count, first, last)| (count, first.min(now), last.min(now)));
        for host in &mut self.hosts {
            host.first = host.first.min(now);
            host.last = host.last.min(now);
        }
        self.lines
            .iter_mut()
            .for_each(|line| line.at = line.at.min(now));
        self.printed = self.printed.map(|printed| printed.min(now));
    }

    /// Removes the events of a network that was printed for them.
    pub fn remove_inside(&mut self, network: &Address) {
        let mut sources = self.sources.iter();
        self.times
            .retain(|_| sources.next().is_some_and(|host| !network.contains(host)));
        self.sources.retain(|host| !network.contains(host));
        self.hosts.retain(|host| !network.contains(&host.address));
        self.lines.retain(|line| !network.contains(&line.host));
    }

    /// The memory it takes in bytes, with the allocator's part.
    pub fn weight(&self) -> usize {
        // The allocator's part of each piece.
        const EACH: usize = 16;
        let vector = |capacity: usize, size| {
            if capacity > 0 {
                capacity * size + EACH
            } else {
                0
            }
        };
        let lines = self.lines.iter();
        let text: usize = lines.map(|line| line.text.capacity() + EACH).sum();
        size_of::<Detail>()
            + EACH
            + vector(self.times.capacity(), size_of::<Time>())
            + vector(self.sources.capacity(), size_of::<Address>())
            + vector(self.hosts.capacity(), size_of::<Host>())
            + vector(self.lines.capacity(), size_of::<Evidence>())
            + text
    }
}
