//! A set of addresses: four bytes for a slot of a single IPv4 address, which most are.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use pipeban::address::Address;

use super::key::{Key, Seed};
use super::memory::prefetch;

/// The number of slots of a set with a single address.
const FEWEST: usize = 4;

/// A set of addresses and networks.
pub struct AddressSet {
    /// Single IPv4 addresses, by their hash; 0 where a slot is free. The number of slots is a power
    /// of two, or none.
    slots: Vec<u32>,
    used: usize,
    seed: Seed,
    /// All others, 0.0.0.0 among them.
    others: HashSet<Address>,
}

impl Default for AddressSet {
    fn default() -> Self {
        AddressSet {
            slots: Vec::new(),
            used: 0,
            seed: Seed::random(),
            others: HashSet::new(),
        }
    }
}

impl AddressSet {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.used + self.others.len()
    }

    /// Loads the slot of an address that is to be added soon.
    #[inline(always)]
    pub fn prefetch(&self, address: &Address) {
        if let Some(slot) = self.slots.get(self.home(single(address))) {
            prefetch(slot);
        }
    }

    /// Adds an address, if it is not there.
    #[inline]
    pub fn insert(&mut self, address: Address) {
        let ip = single(&address);
        if ip == 0 {
            self.others.insert(address);
            return;
        }
        if let Some(&slot) = self.slots.get(self.find(ip))
            && slot == ip
        {
            return;
        }
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let slots = vec![0; (self.slots.len() * 2).max(FEWEST)];
            for ip in std::mem::replace(&mut self.slots, slots) {
                if ip != 0 {
                    let place = self.find(ip);
                    self.slots[place] = ip;
                }
            }
        }
        let place = self.find(ip);
        self.slots[place] = ip;
        self.used += 1;
    }

    /// The addresses, in no order.
    pub fn into_iter(self) -> impl Iterator<Item = Address> {
        let used = self.slots.into_iter().filter(|ip| *ip != 0);
        let ipv4 = used.map(|ip| IpAddr::from(Ipv4Addr::from_bits(ip)).into());
        ipv4.chain(self.others)
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        // A map has an eighth more places than it fills, and a byte of its own for each.
        let others = self.others.capacity() * 8 / 7;
        self.slots.capacity() * size_of::<u32>() + others * (size_of::<Address>() + 1)
    }

    /// The place of an address, or the free one where it belongs; there is none without slots.
    #[inline(always)]
    fn find(&self, ip: u32) -> usize {
        let mut place = self.home(ip);
        // A quarter of the slots is free.
        while let Some(&slot) = self.slots.get(place)
            && slot != 0
            && slot != ip
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
}

/// The number of a single IPv4 address; 0 for all others.
#[inline(always)]
fn single(address: &Address) -> u32 {
    match address.ip() {
        IpAddr::V4(ip) if address.is_host() => ip.to_bits(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_one() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut set, mut expected) = (AddressSet::default(), HashSet::new());
        for _ in 0..20_000 {
            let n = random.u8(..);
            let text = match random.u8(..8) {
                0 => format!("2001:db8::{n}"),
                1 => format!("198.51.{n}.0/24"),
                2 => "0.0.0.0".into(),
                _ => format!("203.0.{}.{n}", random.u8(..20)),
            };
            let address = Address::parse(text.as_bytes()).expect("an address");
            set.insert(address);
            expected.insert(address);
            assert_eq!(set.len(), expected.len());
        }
        assert!(set.weight() > 20 * 256 * 4);
        assert_eq!(set.into_iter().collect::<HashSet<_>>(), expected);
    }
}
