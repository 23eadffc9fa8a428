//! A set of networks. It answers whether an address lies in one of them, or a network touches one.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::{Address, mask4, mask6};
use crate::complain::Fault;
use crate::lists;

/// A set of networks, as `--never` and `--not` give them.
#[derive(Clone, Debug, Default)]
pub struct NetSet {
    nets: BTreeSet<Address>,
    /// The prefix lengths that occur, in both families: few, so a look-up is a few searches.
    lens: BTreeSet<u8>,
}

impl NetSet {
    /// Adds a network.
    pub fn insert(&mut self, net: Address) {
        self.nets.insert(net);
        self.lens.insert(net.prefix_len());
    }

    /// Adds the value of a flag: an address, a network, a range, or the name of a file of them,
    /// which must be understood whole.
    pub fn add_option(&mut self, value: &str) -> Result<(), Fault> {
        let list = lists::read(value)?;
        if let Some(name) = list.names.first() {
            let what = format!("neither an address or network nor a file of them: \"{name}\"");
            return Err(Fault::new(value, what));
        }
        list.networks.into_iter().for_each(|net| self.insert(net));
        Ok(())
    }

    /// The network of the set that holds all of `net`; of several, the widest.
    pub fn covering(&self, net: &Address) -> Option<Address> {
        let wider = self.lens.iter().take_while(|len| **len <= net.prefix_len());
        wider
            .map(|len| net.widen(*len))
            .find(|wide| self.nets.contains(wide))
    }

    /// A network of the set that has an address in common with `net`.
    pub fn touching(&self, net: &Address) -> Option<Address> {
        let inside = || self.nets.range(*net..=last(net)).next().copied();
        self.covering(net).or_else(inside)
    }
}

/// The last address of `net`: in order, no network that lies in `net` is greater.
fn last(net: &Address) -> Address {
    let len = net.prefix_len();
    Address::from(match net.ip() {
        IpAddr::V4(ip) => IpAddr::from(Ipv4Addr::from_bits(ip.to_bits() | !mask4(len))),
        IpAddr::V6(ip) => IpAddr::from(Ipv6Addr::from_bits(ip.to_bits() | !mask6(len))),
    })
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
        assert_eq!(set.covering(&net("192.0.2.0/24")), None);
    }
}
