//! What is known of an address where a rule asks for more than the times of a few events.

use pipeban::address::Address;
use pipeban::time::Time;

/// Whatever a rule does not need stays empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Much {
    /// As in [`Tally::Few`](crate::tally::Tally::Few).
    pub times: Vec<Time>,
    /// As in [`Tally::Sum`](crate::tally::Tally::Sum).
    pub sum: Option<(u64, Time, Time)>,
    /// Which host each of the times came from.
    pub from: Vec<Address>,
    /// Sorted by address; fewer than the rule wants.
    pub hosts: Vec<Host>,
    /// The latest lines, sorted by time.
    pub lines: Vec<Line>,
    /// When it was last printed, where that matters to the networks inside it.
    pub printed: Option<Time>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub address: Address,
    pub first: Time,
    pub last: Time,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub at: Time,
    pub host: Address,
    pub text: Vec<u8>,
}

impl Much {
    /// Makes what lies ahead of the clock count as now; `limit` does so for a row of times.
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

    /// Takes out what came from a network that was printed for it.
    pub fn leave_out(&mut self, network: &Address) {
        let inside: Vec<_> = self
            .from
            .iter()
            .map(|host| network.contains(host))
            .collect();
        let mut each = inside.iter();
        self.times.retain(|_| each.next() == Some(&false));
        self.from.retain(|host| !network.contains(host));
        self.hosts.retain(|host| !network.contains(&host.address));
        self.lines.retain(|line| !network.contains(&line.host));
    }

    /// Memory in bytes, what the allocator adds included.
    pub fn weight(&self) -> usize {
        // What the allocator adds to each piece.
        const EACH: usize = 16;
        let row = |capacity: usize, size| {
            if capacity > 0 {
                capacity * size + EACH
            } else {
                0
            }
        };
        let lines = self.lines.iter();
        let text: usize = lines.map(|line| line.text.capacity() + EACH).sum();
        size_of::<Much>()
            + EACH
            + row(self.times.capacity(), size_of::<Time>())
            + row(self.from.capacity(), size_of::<Address>())
            + row(self.hosts.capacity(), size_of::<Host>())
            + row(self.lines.capacity(), size_of::<Line>())
            + text
    }
}
