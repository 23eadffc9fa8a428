//! The addresses of a group that were printed, each with the time of its last event.
//!
//! A flood prints tens of thousands of a group, and each further event asks for its address here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use pipeban::address::Address;
use pipeban::time::Time;

use crate::table::hosts::{HostSlot, Hosts, single};
use crate::table::rows::NONE;

/// Addresses with the time of their last event.
#[derive(Clone, Default)]
pub struct Printed {
    hosts: Hosts<Host>,
    others: HashMap<Address, Time>,
}

#[derive(Clone, Copy)]
struct Host {
    ip: u32,
    /// Microseconds since 1970; [`NONE`] where the slot is free.
    last: i64,
}

impl HostSlot for Host {
    const FREE: Self = Host { ip: 0, last: NONE };

    #[inline(always)]
    fn ip(&self) -> Option<u32> {
        (self.last != NONE).then_some(self.ip)
    }
}

impl Printed {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.hosts.len() + self.others.len()
    }

    /// Loads the slot of an address that is to be asked for soon.
    #[inline(always)]
    pub fn prefetch(&self, address: &Address) {
        if let Some(ip) = single(address) {
            self.hosts.prefetch(ip);
        }
    }

    /// The time of an address's last event.
    #[inline]
    pub fn get(&self, address: &Address) -> Option<Time> {
        match single(address) {
            Some(ip) => Some(Time(self.hosts.get(ip)?.last)),
            None => self.others.get(address).copied(),
        }
    }

    /// Sets the time of an address's last event.
    #[inline]
    pub fn set(&mut self, address: &Address, last: Time) {
        match single(address) {
            Some(ip) => {
                let last = last.0.max(NONE + 1);
                self.hosts.put(ip, Host { ip, last });
            }
            None => _ = self.others.insert(*address, last),
        }
    }

    /// Removes the addresses whose last event was before `from`, and more, the oldest first, until
    /// at most `most` are left.
    pub fn forget(&mut self, from: Time, most: usize) {
        let times = self.iter().map(|(_, last)| last);
        let mut times: Vec<_> = times.filter(|last| *last >= from).collect();
        let mut first = from;
        if times.len() > most {
            let place = times.len() - most - 1;
            let (_, last, _) = times.select_nth_unstable(place);
            first = Time(last.0.saturating_add(1));
        }
        self.others.retain(|_, last| *last >= first);
        self.hosts.retain(|host| host.last >= first.0);
    }

    /// Makes times after `now` the same as it.
    pub fn limit(&mut self, now: Time) {
        for last in self.others.values_mut() {
            *last = now.min(*last);
        }
        for host in self.hosts.iter_mut() {
            host.last = host.last.min(now.0);
        }
    }

    /// The addresses with their times, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Address, Time)> {
        let hosts = self.hosts.iter().map(|host| {
            let ip = IpAddr::from(Ipv4Addr::from_bits(host.ip));
            (ip.into(), Time(host.last))
        });
        let others = self.others.iter().map(|(address, last)| (*address, *last));
        hosts.chain(others)
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        // A map has an eighth more places than it fills, and a byte of its own for each.
        let others = self.others.capacity() * 8 / 7;
        self.hosts.weight() + others * (size_of::<(Address, Time)>() + 1)
    }
}

impl FromIterator<(Address, Time)> for Printed {
    fn from_iter<I: IntoIterator<Item = (Address, Time)>>(all: I) -> Self {
        let mut printed = Printed::default();
        for (address, last) in all {
            printed.set(&address, last);
        }
        printed
    }
}

impl PartialEq for Printed {
    fn eq(&self, other: &Self) -> bool {
        let has = |(address, last)| other.get(&address) == Some(last);
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
        let mut forgot = 0;
        for i in 0..50_000 {
            let n = random.u8(..);
            let text = match random.u8(..8) {
                0 => format!("2001:db8::{n}"),
                1 => format!("198.51.{n}.0/24"),
                _ => format!("203.0.{}.{n}", random.u8(..4)),
            };
            let address = Address::parse(text.as_bytes()).expect("an address");
            assert_eq!(printed.get(&address), map.get(&address).copied());
            let last = Time(random.i64(0..i + 1));
            printed.set(&address, last);
            map.insert(address, last);
            if i % 5_000 == 4_999 {
                printed.limit(Time(i - 100));
                map.values_mut()
                    .for_each(|last| *last = Time(i - 100).min(*last));
                let from = Time(i / 2);
                let before = map.len();
                map.retain(|_, last| *last >= from);
                let (left, most) = (map.len(), random.usize(..before));
                printed.forget(from, most);
                assert!(printed.len() <= left.min(most), "{left} {most}");
                let oldest = printed.iter().map(|(_, last)| last).min();
                map.retain(|_, last| oldest.is_some_and(|oldest| *last >= oldest));
                forgot += left - map.len();
            }
            assert_eq!(printed.len(), map.len());
        }
        assert!(forgot > 0);
        assert_eq!(printed, map.clone().into_iter().collect());
        assert_eq!(printed.iter().collect::<HashMap<_, _>>(), map);
    }
}
