//! The addresses of a group that were printed, each with the time of its last event.
//!
//! A flood prints tens of thousands of a group, and each further event asks for its address here:
//! a single IPv4 address has a slot of 16 bytes, which can be loaded ahead.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use pipeban::address::Address;
use pipeban::time::Time;

use crate::table::key::{Key, Seed};
use crate::table::memory::prefetch;
use crate::table::rows::NONE;

/// The number of slots of a table with a single address.
const FEWEST: usize = 8;

/// Addresses with the time of their last event.
#[derive(Clone)]
pub struct Printed {
    /// Single IPv4 addresses, by their hash; the number of slots is a power of two, or none.
    slots: Vec<Slot>,
    used: usize,
    seed: Seed,
    others: HashMap<Address, Time>,
}

#[derive(Clone, Copy)]
struct Slot {
    ip: u32,
    /// Microseconds since 1970; [`NONE`] where the slot is free.
    last: i64,
}

const FREE: Slot = Slot { ip: 0, last: NONE };

impl Default for Printed {
    fn default() -> Self {
        Printed {
            slots: Vec::new(),
            used: 0,
            seed: Seed::random(),
            others: HashMap::new(),
        }
    }
}

impl Printed {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.used + self.others.len()
    }

    /// Loads the slot of an address that is to be asked for soon.
    #[inline(always)]
    pub fn prefetch(&self, address: &Address) {
        if let Some(ip) = single(address)
            && let Some(slot) = self.slots.get(self.home(ip))
        {
            prefetch(slot);
        }
    }

    /// The time of an address's last event.
    #[inline]
    pub fn get(&self, address: &Address) -> Option<Time> {
        let Some(ip) = single(address) else {
            return self.others.get(address).copied();
        };
        let slot = self.slots.get(self.find(ip))?;
        (slot.last != NONE).then_some(Time(slot.last))
    }

    /// Sets the time of an address's last event.
    #[inline]
    pub fn set(&mut self, address: &Address, last: Time) {
        let Some(ip) = single(address) else {
            self.others.insert(*address, last);
            return;
        };
        let last = last.0.max(NONE + 1);
        let place = self.find(ip);
        if let Some(slot) = self.slots.get_mut(place)
            && slot.last != NONE
        {
            slot.last = last;
            return;
        }
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.rebuild((self.slots.len() * 2).max(FEWEST), |_| true);
        }
        let place = self.find(ip);
        self.slots[place] = Slot { ip, last };
        self.used += 1;
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
        self.rebuild(self.slots.len(), |slot| slot.last >= first.0);
    }

    /// Makes times after `now` the same as it.
    pub fn limit(&mut self, now: Time) {
        for last in self.others.values_mut() {
            *last = now.min(*last);
        }
        for slot in &mut self.slots {
            slot.last = slot.last.min(now.0);
        }
    }

    /// The addresses with their times, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Address, Time)> {
        let used = self.slots.iter().filter(|slot| slot.last != NONE);
        let ipv4 = used.map(|slot| {
            let ip = IpAddr::from(Ipv4Addr::from_bits(slot.ip));
            (ip.into(), Time(slot.last))
        });
        let others = self.others.iter().map(|(address, last)| (*address, *last));
        ipv4.chain(others)
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        // A map has an eighth more places than it fills, and a byte of its own for each.
        let others = self.others.capacity() * 8 / 7;
        self.slots.capacity() * size_of::<Slot>() + others * (size_of::<(Address, Time)>() + 1)
    }

    /// The place of an address, or the free one where it belongs; there is none without slots.
    #[inline(always)]
    fn find(&self, ip: u32) -> usize {
        let mut place = self.home(ip);
        // A quarter of the slots is free.
        while let Some(slot) = self.slots.get(place)
            && slot.last != NONE
            && slot.ip != ip
        {
            place = (place + 1) & (self.slots.len() - 1);
        }
        place
    }

    #[inline(always)]
    fn home(&self, ip: u32) -> usize {
        // Without slots any place is outside.
        ip.hash(self.seed) as usize & self.slots.len().wrapping_sub(1)
    }

    fn rebuild(&mut self, slots: usize, stays: impl Fn(&Slot) -> bool) {
        let old = std::mem::replace(&mut self.slots, vec![FREE; slots]);
        self.used = 0;
        for slot in old
            .into_iter()
            .filter(|slot| slot.last != NONE && stays(slot))
        {
            let place = self.find(slot.ip);
            self.slots[place] = slot;
            self.used += 1;
        }
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

/// The number of a single IPv4 address.
#[inline(always)]
fn single(address: &Address) -> Option<u32> {
    match address.ip() {
        IpAddr::V4(ip) if address.is_host() => Some(ip.to_bits()),
        _ => None,
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
