//! Events by shard: the thread that counts an address gets those of it.

use std::net::IpAddr;

use pipeban::address::list::{Bits, Take};

use crate::line::Line;
use crate::table::key::{Ipv6Key, Key, Part, Seed};

/// Events of one shard.
#[derive(Default)]
pub struct Events {
    pub ipv4: Vec<u32>,
    pub ipv6: Vec<Ipv6Key>,
    pub others: Vec<Line>,
    /// Of IPv4 networks, each with its number of events.
    pub counts: Vec<(u32, u64)>,
}

impl Events {
    /// Their number.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len() + self.others.len() + self.counts.len()
    }

    /// Lets go of all; their memory stays.
    pub fn clear(&mut self) {
        self.ipv4.clear();
        self.ipv6.clear();
        self.others.clear();
        self.counts.clear();
    }
}

/// Takes addresses into the events of their shards.
pub struct Split {
    pub shards: Vec<Events>,
    /// Of the networks that are counted, IPv4 and IPv6.
    pub masks: (u32, u128),
    /// Of the hashes that tell the shard. Those of the tables have another: each would else use a
    /// part of its own.
    pub seed: Seed,
}

impl Split {
    /// The shard of a hash.
    #[inline(always)]
    pub fn shard(&self, hash: u64) -> usize {
        Part::number(hash, self.shards.len())
    }

    /// Takes a line that is more than an address.
    pub fn take_line(&mut self, line: Line) {
        let bits = match line.address.ip() {
            IpAddr::V4(ip) => (ip.to_bits() & self.masks.0).hash(self.seed),
            IpAddr::V6(ip) => Ipv6Key::from(ip.to_bits() & self.masks.1).hash(self.seed),
        };
        let shard = self.shard(bits);
        self.shards[shard].others.push(line);
    }
}

impl Take for Split {
    #[inline(always)]
    fn take(&mut self, bits: Bits) {
        match bits {
            Bits::V4(number) => {
                let key = number & self.masks.0;
                let shard = self.shard(key.hash(self.seed));
                self.shards[shard].ipv4.push(key);
            }
            Bits::V6(number) => {
                let key = Ipv6Key::from(number & self.masks.1);
                let shard = self.shard(key.hash(self.seed));
                self.shards[shard].ipv6.push(key);
            }
        }
    }
}
