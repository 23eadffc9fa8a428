//! The sets by name, and the attribute that holds a value of theirs.

use std::fmt;

use super::header::{IPPROTO_TCP, IPPROTO_UDP, NFTA_DATA_VALUE};
use crate::firewall::netlink::Request;
use crate::target::Target;

/// A set: there is one for each family and prefix length in use, and another one for single ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Set {
    pub ipv4: bool,
    pub len: u8,
    /// Its keys have a port after the address.
    pub ports: bool,
    pub role: Role,
}

/// The purpose of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Role {
    /// It holds bans.
    Bans,
    /// It holds the bans of the set of that name while that one is made anew.
    Moving,
    /// It has a counter for each ban that has dropped packets.
    Hits,
}

impl Set {
    pub(super) fn of(target: Target) -> Self {
        Set {
            ipv4: target.is_ipv4(),
            len: target.prefix_len(),
            ports: target.port != 0,
            role: Role::Bans,
        }
    }

    /// The set of the same keys with this purpose.
    pub(super) fn with(self, role: Role) -> Self {
        Set { role, ..self }
    }

    /// The set of this name, if it is one of ours.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (family, rest) = name.split_once('_')?;
        let [moving, hits] = [Role::Moving, Role::Hits].map(|r| rest.strip_suffix(r.suffix()));
        let (keys, role) = match (moving, hits) {
            (Some(keys), _) => (keys, Role::Moving),
            (_, Some(keys)) => (keys, Role::Hits),
            _ => (rest, Role::Bans),
        };
        let len = keys.strip_suffix(PORTS).unwrap_or(keys);
        let set = Set {
            ipv4: family == "ipv4",
            len: len.parse().ok()?,
            ports: len != keys,
            role,
        };
        (set.to_string() == name && set.len <= if set.ipv4 { 32 } else { 128 }).then_some(set)
    }
}

impl Set {
    /// The type and the length of its keys. The types are numbers of the program nft (ipv4_addr,
    /// ipv6_addr), which tell it how to print a key.
    pub(super) fn key(&self) -> (u32, u32) {
        let (kind, len) = if self.ipv4 { (7, 4) } else { (8, 16) };
        match self.ports {
            // A concatenation with inet_service; its number has two bytes, and fills four.
            true => (kind << 6 | 13, len + 4),
            false => (kind, len),
        }
    }

    /// The protocols that its rules look for, one in each rule: 0 is all.
    pub(super) fn protocols(&self) -> &'static [u8] {
        match self.ports {
            true => &[IPPROTO_TCP, IPPROTO_UDP],
            false => &[0],
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let family = if self.ipv4 { 4 } else { 6 };
        let ports = if self.ports { PORTS } else { "" };
        write!(f, "ipv{family}_{}{ports}{}", self.len, self.role.suffix())
    }
}

const PORTS: &str = "_ports";

impl Role {
    /// The end of the names of such sets.
    fn suffix(self) -> &'static str {
        match self {
            Role::Bans => "",
            Role::Moving => "_moving",
            Role::Hits => "_hits",
        }
    }
}

/// Appends an attribute that holds a value: a key, a mask, a number to compare with.
pub(super) fn data(r: &mut Request, kind: u16, value: &[u8]) {
    r.nest(kind, |r| r.put(NFTA_DATA_VALUE, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sets() {
        for name in [
            "ipv4_32",
            "ipv4_0",
            "ipv6_64",
            "ipv6_128",
            "ipv4_32_moving",
            "ipv6_64_ports",
            "ipv6_64_ports_hits",
        ] {
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
