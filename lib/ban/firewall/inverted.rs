//! Addresses as firewalls keep those that are not banned: inverted, so that nobody who looks for a
//! ban in a list of the firewall's finds one.

use std::net::IpAddr;

use pipeban::address::Address;

/// The address or network with all bits of its prefix inverted; twice it is the same again.
pub(super) fn inverted(address: &Address) -> Option<Address> {
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(!ip),
        IpAddr::V6(ip) => IpAddr::V6(!ip),
    };
    Address::network(ip, address.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_is_the_same() {
        for (text, other) in [
            ("203.0.113.7", "52.255.142.248"),
            ("203.0.113.0/24", "52.255.142.0/24"),
            ("::/0", "::/0"),
            ("2001:db8::/32", "dffe:f247::/32"),
        ] {
            let [address, other] = [text, other].map(|t| Address::parse(t.as_bytes()).unwrap());
            assert_eq!(inverted(&address), Some(other), "{text}");
            assert_eq!(inverted(&other), Some(address), "{text}");
        }
    }
}
