//! The addresses that are printed at all: `-4`, `-6`, `--global`, `--not`, `--only`.

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::netset::NetSet;

use crate::arguments::Arguments;

/// Multicast, and networks that are not globally reachable, from IANA's registries of
/// special-purpose addresses (RFC 6890); of IPv6 also all but `2000::/3`, the only space that is
/// allocated to networks (RFC 4291).
const SPECIAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
];

/// Decides which addresses are printed.
pub(crate) struct Keep {
    only4: bool,
    only6: bool,
    /// The special networks, if only global addresses are kept.
    special: Option<NetSet>,
    not: NetSet,
    /// The networks that are kept, if not all are.
    only: Option<NetSet>,
    all: bool,
}

impl Keep {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Fault> {
        let mut special = NetSet::default();
        for net in SPECIAL {
            special.add_option(net)?;
        }
        let set = |values: &[String]| {
            let mut set = NetSet::default();
            for value in values {
                set.add_option(value)?;
            }
            Ok(set)
        };
        let only = &arguments.only;
        let &Arguments {
            only4,
            only6,
            global,
            ..
        } = arguments;
        Ok(Keep {
            only4,
            only6,
            special: global.then_some(special),
            all: !(only4 || only6 || global) && arguments.not.is_empty() && only.is_empty(),
            not: set(&arguments.not)?,
            only: (!only.is_empty()).then(|| set(only)).transpose()?,
        })
    }

    /// Keeps every address.
    #[cfg(test)]
    pub(crate) fn all() -> Self {
        Keep {
            only4: false,
            only6: false,
            special: None,
            not: NetSet::default(),
            only: None,
            all: true,
        }
    }

    /// Whether the address is printed.
    pub(crate) fn keeps(&self, address: &Address) -> bool {
        if self.all {
            return true;
        }
        let family = if address.is_ipv4() {
            !self.only6
        } else {
            !self.only4
        };
        let global = self
            .special
            .as_ref()
            .is_none_or(|special| special.touching(address).is_none());
        let wanted = self.only.as_ref().is_none_or(|only| only.holds(address));
        family && global && wanted && self.not.touching(address).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global() {
        let mut special = NetSet::default();
        for net in SPECIAL {
            special.add_option(net).expect("a network");
        }
        for (address, expected) in [
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.64.0.0", false),
            ("192.0.2.1", false),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("192.0.0.0/16", false),
            ("2606:4700::1111", true),
            ("2001:4860:4860::8888", true),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("::/0", false),
            ("2000::/2", false),
            ("4000::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::1", false),
        ] {
            let parsed = Address::parse(address.as_bytes()).expect("a row of this test");
            assert_eq!(special.touching(&parsed).is_none(), expected, "{address}");
        }
    }
}
