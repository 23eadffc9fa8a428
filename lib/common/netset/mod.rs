//! A set of networks. It answers whether an address lies in one of them, or a network touches one.

pub mod ranges; // ranges of numbers, and the question

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use crate::address::{Address, NetList, mask4, mask6};
use crate::complain::Fault;
use crate::lists;
use ranges::Ranges;

/// A set of networks, as `--never`, `--not` and `--only` give them.
#[derive(Clone, Debug, Default)]
pub struct NetSet {
    nets: NetList,
    /// Made at the first question.
    tables: OnceLock<Tables>,
}

/// The widest networks, as ranges.
#[derive(Clone, Debug)]
struct Tables {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl NetSet {
    /// Adds a network.
    pub fn insert(&mut self, net: Address) {
        self.extend([net]);
    }

    /// Adds networks.
    pub fn extend(&mut self, networks: impl IntoIterator<Item = Address>) {
        self.nets.extend(networks);
        self.tables.take();
    }

    /// Adds the value of a flag: an address, a network, a range, or the name of a file of them,
    /// which must be understood whole; see
    /// [`lists::read_networks`].
    pub fn add_option(&mut self, value: &str) -> Result<(), Fault> {
        self.extend(lists::read_networks(value)?.iter());
        Ok(())
    }

    /// A network of the set that has an address in common with `net`: the widest that holds `net`,
    /// or the first that lies in it.
    #[inline]
    pub fn touching(&self, net: &Address) -> Option<Address> {
        let tables = self.tables.get_or_init(|| Tables::new(&self.nets));
        match net.ip() {
            IpAddr::V4(ip) => {
                let first = ip.to_bits();
                let found = tables
                    .v4
                    .touching(first, first | !mask4(net.prefix_len()))?;
                let ip = Ipv4Addr::from_bits(found.0);
                Address::network(ip.into(), (found.0 ^ found.1).leading_zeros() as u8)
            }
            IpAddr::V6(ip) => {
                let first = ip.to_bits();
                let found = tables
                    .v6
                    .touching(first, first | !mask6(net.prefix_len()))?;
                let ip = Ipv6Addr::from_bits(found.0);
                Address::network(ip.into(), (found.0 ^ found.1).leading_zeros() as u8)
            }
        }
    }

    /// Whether every address of `net` is in the set.
    #[inline]
    pub fn holds(&self, net: &Address) -> bool {
        let tables = self.tables.get_or_init(|| Tables::new(&self.nets));
        match (net.ip(), net.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                tables.v4.hold(first.to_bits(), last.to_bits())
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                tables.v6.hold(first.to_bits(), last.to_bits())
            }
            _ => false,
        }
    }
}

impl Tables {
    #[cold]
    fn new(nets: &NetList) -> Self {
        let (v4, v6) = nets.clone().into_ranges();
        Tables {
            v4: Ranges::new(v4.into_iter()),
            v6: Ranges::new(v6.into_iter()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching() {
        let net = |text: &str| Address::parse(text.as_bytes()).expect("a row of this test");
        let mut set = NetSet::default();
        for text in [
            "127.0.0.0/8",
            "192.0.2.7",
            "2001:db8::/32",
            "fe80::/10",
            "2001:db8:1::1",
        ] {
            set.insert(net(text));
        }
        for (asked, answer) in [
            ("127.0.0.1", "127.0.0.0/8"),
            ("127.0.0.0/8", "127.0.0.0/8"),
            ("0.0.0.0/0", "127.0.0.0/8"),
            ("192.0.2.0/24", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1::1", "2001:db8::/32"),
            ("2000::/3", "2001:db8::/32"),
            ("fe80::1", "fe80::/10"),
            ("febf:ffff::", "fe80::/10"),
            ("192.0.2.8", "-"),
            ("192.0.2.0/30", "-"),
            ("128.0.0.0/8", "-"),
            ("2001:db9::/32", "-"),
            ("::/16", "-"),
        ] {
            let found = set
                .touching(&net(asked))
                .map_or("-".into(), |n| n.to_string());
            assert_eq!(found, answer, "{asked}");
        }
        // ::/0 holds IPv6 alone, whatever its number.
        set.insert(net("::/0"));
        assert_eq!(set.touching(&net("192.0.2.0/24")), Some(net("192.0.2.7")));
        assert_eq!(set.touching(&net("192.0.2.8")), None);
        assert_eq!(set.touching(&net("2001:db9::/32")), Some(net("::/0")));
    }

    #[test]
    fn holds() {
        let net = |text: &str| Address::parse(text.as_bytes()).expect("a row of this test");
        let mut set = NetSet::default();
        assert!(!set.holds(&net("192.0.2.7")));
        for text in [
            "192.0.2.0/25",
            "192.0.2.128/25",
            "192.0.3.0/25",
            "192.0.2.7",
            "255.255.255.0/24",
            "ff00::/9",
            "ff80::/9",
        ] {
            set.insert(net(text));
        }
        for (asked, answer) in [
            ("192.0.2.7", true),
            ("192.0.2.127", true),
            ("192.0.2.0/24", true),
            ("192.0.2.0/23", false),
            ("192.0.3.0/24", false),
            ("192.0.3.128", false),
            ("192.0.1.255", false),
            ("255.255.255.0/24", true),
            ("255.255.254.0/23", false),
            ("0.0.0.0/0", false),
            ("ff00::/8", true),
            ("fe00::/7", false),
            ("::1", false),
        ] {
            assert_eq!(set.holds(&net(asked)), answer, "{asked}");
        }
        set.insert(net("0.0.0.0/0"));
        assert!(set.holds(&net("0.0.0.0/0")) && !set.holds(&net("::/0")));
    }

    /// Random sets of all sizes, asked for random networks: the answer of a search through all.
    #[test]
    fn as_a_search_through_all() {
        let mut random = fastrand::Rng::with_seed(4);
        for round in 0..200 {
            let mut set = NetSet::default();
            let narrow = random.bool();
            let random_net = |random: &mut fastrand::Rng| {
                let v6 = random.bool();
                let (most, base) = if v6 {
                    (128, 0x2001_0db8u128 << 96)
                } else {
                    (32, 0)
                };
                let near = if narrow { most / 4 } else { most };
                let bits = if near == 128 {
                    random.u128(..)
                } else {
                    random.u128(..) % (1 << near)
                };
                let len = [most, most, most - 8, most / 2, random.u8(..=most)][random.usize(..5)];
                let ip = match v6 {
                    true => IpAddr::from(Ipv6Addr::from_bits(base.wrapping_add(bits))),
                    false => IpAddr::from(Ipv4Addr::from_bits(bits as u32)),
                };
                Address::network(ip, len).unwrap()
            };
            let nets: Vec<_> = (0..random.usize(..[3, 40, 500][round % 3]))
                .map(|_| random_net(&mut random))
                .filter(|net| net.prefix_len() > 2)
                .collect();
            nets.iter().for_each(|net| set.insert(*net));
            for _ in 0..500 {
                let asked = match nets.get(random.usize(..2 * nets.len() + 1)) {
                    // Its first or last address, and the one behind it.
                    Some(net) if random.bool() => Address::from(net.last()),
                    Some(net) => Address::from(net.ip()),
                    None => random_net(&mut random),
                };
                let touch = |net: &&Address| net.contains(&asked) || asked.contains(net);
                let widest = |net: &&Address| (net.prefix_len(), **net);
                let around = nets
                    .iter()
                    .filter(|net| net.contains(&asked))
                    .min_by_key(widest);
                let expected = around.is_some() || nets.iter().any(|net| touch(&net));
                let found = set.touching(&asked);
                assert_eq!(found.is_some(), expected, "{asked}");
                match (around, found) {
                    (Some(around), Some(found)) => assert_eq!(found, *around, "{asked}"),
                    (None, Some(found)) => assert!(nets.contains(&found) && asked.contains(&found)),
                    _ => {}
                }
            }
        }
    }
}
