//! A set of addresses: four bytes for a slot of a single IPv4 address.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use pipeban::address::Address;

use super::hosts::{Hosts, single};

/// A set of addresses and networks.
#[derive(Default)]
pub struct AddressSet {
    hosts: Hosts<()>,
    /// All others, 0.0.0.0 among them.
    others: HashSet<Address>,
}

impl AddressSet {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.hosts.len() + self.others.len()
    }

    /// Loads the slot of an address that is to be added soon.
    #[inline(always)]
    pub fn prefetch(&self, address: &Address) {
        if let Some(ip) = single(address) {
            self.hosts.prefetch(ip);
        }
    }

    /// Adds an address, if it is not there.
    #[inline]
    pub fn insert(&mut self, address: Address) {
        match single(&address) {
            Some(ip) => self.hosts.put(ip, ()),
            None => _ = self.others.insert(address),
        }
    }

    /// The addresses, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Address> {
        let hosts = self
            .hosts
            .iter()
            .map(|(ip, ())| IpAddr::from(Ipv4Addr::from_bits(ip)).into());
        hosts.chain(self.others.iter().copied())
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        // A map has an eighth more places than it fills, and a byte of its own for each.
        let others = self.others.capacity() * 8 / 7;
        self.hosts.weight() + others * (size_of::<Address>() + 1)
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
        assert_eq!(set.iter().collect::<HashSet<_>>(), expected);
    }
}
