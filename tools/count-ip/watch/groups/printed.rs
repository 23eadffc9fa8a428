//! The addresses of a group that were printed, each with the time of its last event.
//!
//! A flood prints tens of thousands of a group, and each further event asks for its address here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use pipeban::address::Address;
use pipeban::time::Time;

use crate::table::hosts::{Hosts, single};

/// The highest number of addresses in each half.
const HALF: usize = 32_768;

/// Addresses with the time of their last event, in two halves. When the newer one is full, the
/// older one is forgotten: this costs hardly more than nothing, while to look for the addresses
/// that are silent for longest would cost more than all else that an event needs.
#[derive(Clone, Default)]
pub struct Printed {
    newer: Half,
    older: Half,
}

#[derive(Clone, Default)]
struct Half {
    hosts: Hosts<i64>,
    others: HashMap<Address, Time>,
}

impl Half {
    fn len(&self) -> usize {
        self.hosts.len() + self.others.len()
    }

    #[inline(always)]
    fn get(&self, address: &Address) -> Option<i64> {
        match single(address) {
            Some(ip) => self.hosts.get(ip).copied(),
            None => Some(self.others.get(address)?.0),
        }
    }

    #[inline(always)]
    fn get_mut(&mut self, address: &Address) -> Option<&mut i64> {
        match single(address) {
            Some(ip) => self.hosts.get_mut(ip),
            None => Some(&mut self.others.get_mut(address)?.0),
        }
    }

    #[inline(always)]
    fn put(&mut self, address: &Address, last: i64) {
        match single(address) {
            Some(ip) => self.hosts.put(ip, last),
            None => _ = self.others.insert(*address, Time(last)),
        }
    }

    fn clear(&mut self) {
        self.hosts.clear();
        self.others.clear();
    }

    fn limit(&mut self, now: i64) {
        for last in self.others.values_mut() {
            last.0 = now.min(last.0);
        }
        for last in self.hosts.values_mut() {
            *last = now.min(*last);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Address, Time)> {
        let hosts = self.hosts.iter().map(|(ip, last)| {
            let ip = IpAddr::from(Ipv4Addr::from_bits(ip));
            (ip.into(), Time(last))
        });
        let others = self.others.iter().map(|(address, last)| (*address, *last));
        hosts.chain(others)
    }

    fn weight(&self) -> usize {
        // A map has an eighth more places than it fills, and a byte of its own for each.
        let others = self.others.capacity() * 8 / 7;
        self.hosts.weight() + others * (size_of::<(Address, Time)>() + 1)
    }
}

impl Printed {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Loads the slots of an address that is to be asked for soon.
    #[inline(always)]
    pub fn prefetch(&self, address: &Address) {
        if let Some(ip) = single(address) {
            self.newer.hosts.prefetch_value(ip);
            self.older.hosts.prefetch(ip);
        }
    }

    /// Notes an event of an address; answers whether it was there with an event not before `from`.
    #[inline]
    pub fn renew(&mut self, address: &Address, at: Time, from: Time) -> bool {
        let newer = self.newer.get_mut(address);
        if let Some(last) = newer.or_else(|| self.older.get_mut(address)) {
            let is_known = *last >= from.0;
            *last = if is_known { at.0.max(*last) } else { at.0 };
            return is_known;
        }
        if self.newer.len() >= HALF {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        self.newer.put(address, at.0);
        false
    }

    /// Makes times after `now` the same as it.
    pub fn limit(&mut self, now: Time) {
        self.newer.limit(now.0);
        self.older.limit(now.0);
    }

    /// The addresses with their times, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Address, Time)> {
        self.older.iter().chain(self.newer.iter())
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        self.newer.weight() + self.older.weight()
    }
}

impl FromIterator<(Address, Time)> for Printed {
    /// Of an address that comes twice, the later time.
    fn from_iter<I: IntoIterator<Item = (Address, Time)>>(all: I) -> Self {
        let mut printed = Printed::default();
        for (address, last) in all {
            printed.renew(&address, last, Time(i64::MIN));
        }
        printed
    }
}

impl PartialEq for Printed {
    fn eq(&self, other: &Self) -> bool {
        let get = |address: &Address| {
            let newer = other.newer.get(address);
            newer.or_else(|| other.older.get(address))
        };
        let has = |(address, last): (Address, Time)| get(&address) == Some(last.0);
        self.len() == other.len() && self.iter().all(has)
    }
}

impl std::fmt::Debug for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_map_does() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut printed = Printed::default();
        let mut map: HashMap<Address, Time> = HashMap::new();
        let mut known = 0;
        for i in 0..50_000 {
            let n = random.u8(..);
            let text = match random.u8(..8) {
                0 => format!("2001:db8::{n}"),
                1 => format!("198.51.{n}.0/24"),
                _ => format!("203.0.{}.{n}", random.u8(..4)),
            };
            let address = Address::parse(text.as_bytes()).expect("an address");
            let (at, from) = (Time(random.i64(0..i + 1)), Time(i / 2));
            let last = map.get(&address).filter(|last| **last >= from);
            let expected = last.is_some();
            known += u32::from(expected);
            map.insert(address, at.max(last.copied().unwrap_or(at)));
            assert_eq!(printed.renew(&address, at, from), expected);
            if i % 5_000 == 4_999 {
                printed.limit(Time(i - 100));
                let times = map.values_mut();
                times.for_each(|last| *last = Time(i - 100).min(*last));
            }
            assert_eq!(printed.len(), map.len());
        }
        assert!(known > 10_000, "{known}");
        assert_eq!(printed, map.clone().into_iter().collect());
        assert_eq!(printed.iter().collect::<HashMap<_, _>>(), map);
    }

    /// However many there are, the last ones are known, and memory has a bound.
    #[test]
    fn forgets_those_added_first() {
        let mut printed = Printed::default();
        let address = |n: u32| Address::from(IpAddr::from(Ipv4Addr::from_bits(n)));
        for n in 0..300_000 {
            let at = Time(n.into());
            assert!(!printed.renew(&address(n), at, Time(0)), "{n}");
            let earlier = n.saturating_sub(HALF as u32 / 2);
            assert!(printed.renew(&address(earlier), at, Time(0)), "{n}");
            assert!(printed.len() <= 2 * HALF);
        }
        assert!(!printed.renew(&address(1), Time(0), Time(0)));
        assert!(printed.weight() <= 4 << 20);
    }
}
