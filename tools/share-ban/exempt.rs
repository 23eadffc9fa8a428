//! Addresses that are never passed on: of the broker, of hosts that are there, of the never-list.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pipeban::address::Address;
use pipeban::netset::NetSet;

/// The addresses that no other host bans here.
#[derive(Default)]
pub struct Exempt {
    never: Vec<Address>,
    brokers: Vec<IpAddr>,
    /// The addresses in the hellos that stand.
    hosts: BTreeMap<String, Vec<Address>>,
    set: NetSet,
}

impl Exempt {
    /// The networks of the never-list.
    pub fn set_never(&mut self, networks: Vec<Address>) {
        self.never = networks;
        self.collect();
    }

    /// The addresses of the broker that is connected, and of the others as far as they are known.
    pub fn set_brokers(&mut self, addresses: Vec<IpAddr>) {
        if self.brokers != addresses {
            self.brokers = addresses;
            self.collect();
        }
    }

    /// The addresses of a host, none if it has gone; answers whether they are others than before.
    pub fn set_host(&mut self, name: &str, addresses: &[Address]) -> bool {
        let old = self.hosts.get(name).map_or(&[][..], Vec::as_slice);
        if old == addresses {
            return false;
        }
        self.hosts.insert(name.into(), addresses.to_vec());
        self.collect();
        true
    }

    /// Whether this network has an address in common with them.
    pub fn touches(&self, net: &Address) -> bool {
        self.set.touching(net).is_some()
    }

    fn collect(&mut self) {
        let brokers = self.brokers.iter().map(|ip| Address::from(*ip));
        let hosts = self.hosts.values().flatten().copied();
        let mut set = NetSet::default();
        let all = self.never.iter().copied().chain(brokers).chain(hosts);
        all.for_each(|net| set.insert(net));
        self.set = set;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let net = |text: &str| Address::parse(text.as_bytes()).expect("a network");
        let mut exempt = Exempt::default();
        exempt.set_never(vec![net("192.0.2.0/24")]);
        exempt.set_brokers(vec![IpAddr::from([198, 51, 100, 1])]);
        assert!(exempt.set_host("a", &[net("203.0.113.1")]));
        assert!(!exempt.set_host("a", &[net("203.0.113.1")]));
        for text in [
            "192.0.2.7",
            "198.51.100.0/24",
            "203.0.113.1",
            "192.0.0.0/16",
        ] {
            assert!(exempt.touches(&net(text)), "{text}");
        }
        assert!(exempt.set_host("a", &[]));
        assert!(!exempt.touches(&net("203.0.113.1")));
    }
}
