//! The sets by name, and the attribute that holds a value of theirs.

use std::fmt;

use super::header::NFTA_DATA_VALUE;
use crate::firewall::netlink::Request;
use pipeban::address::Address;

/// A set: there is one for each family and prefix length in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set {
    pub ipv4: bool,
    pub len: u8,
    /// It holds the elements of the set of that name while that one is made anew.
    pub moving: bool,
}

impl Set {
    pub(super) fn of(address: Address) -> Self {
        Set {
            ipv4: address.is_ipv4(),
            len: address.prefix_len(),
            moving: false,
        }
    }

    /// The set of this name, if it is one of ours.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (family, rest) = name.split_once('_')?;
        let len = rest.strip_suffix(MOVING).unwrap_or(rest);
        let set = Set {
            ipv4: family == "ipv4",
            len: len.parse().ok()?,
            moving: len != rest,
        };
        (set.to_string() == name && set.len <= if set.ipv4 { 32 } else { 128 }).then_some(set)
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let moving = if self.moving { MOVING } else { "" };
        write!(
            f,
            "ipv{}_{}{moving}",
            if self.ipv4 { 4 } else { 6 },
            self.len
        )
    }
}

const MOVING: &str = "_moving";

/// Appends an attribute that holds a value: a key, a mask, a number to compare with.
pub(super) fn data(r: &mut Request, kind: u16, value: &[u8]) {
    r.nest(kind, |r| r.put(NFTA_DATA_VALUE, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sets() {
        for name in ["ipv4_32", "ipv4_0", "ipv6_64", "ipv6_128", "ipv4_32_moving"] {
            assert_eq!(
                Set::named(name).map(|s| s.to_string()).as_deref(),
                Some(name)
            );
        }
        for name in [
            "ipv4_33", "ipv6_129", "ipv4_032", "ipv5_1", "ipv4_", "other",
        ] {
            assert_eq!(Set::named(name), None, "{name}");
        }
    }
}
