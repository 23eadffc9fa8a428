//! The sets, and the messages that put addresses into them, take them out and list them.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::numbers::*;
use super::ruleset::data;
use crate::firewall::Ban;
use crate::firewall::netlink::{Attributes, CREATE, DUMP, EXCL, Request};
use pipeban::address::Address;

/// A set by family and prefix length: all that tells it from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set {
    pub ipv4: bool,
    pub len: u8,
}

impl Set {
    fn of(address: Address) -> Self {
        Set {
            ipv4: address.is_ipv4(),
            len: address.prefix_len(),
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let (family, len) = name.split_once('_')?;
        let set = Set {
            ipv4: family == "ipv4",
            len: len.parse().ok()?,
        };
        (set.to_string() == name && set.len <= if set.ipv4 { 32 } else { 128 }).then_some(set)
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ipv{}_{}", if self.ipv4 { 4 } else { 6 }, self.len)
    }
}

/// What to put into a set.
pub(super) struct Element {
    pub address: Address,
    pub set: Set,
    time: Option<Duration>,
}

impl Element {
    /// As the kernel is told: in whole milliseconds, `None` for ever.
    pub(super) fn time(&self) -> Option<Duration> {
        self.time
            .map(|time| Duration::from_millis(milliseconds(time)))
    }
}

impl From<&Ban> for Element {
    fn from((address, time): &Ban) -> Self {
        Element {
            address: *address,
            set: Set::of(*address),
            time: *time,
        }
    }
}

/// Puts elements into their set, which is that of the first; `new` fails with EEXIST if one is there.
pub(super) fn put(r: &mut Request, elements: &[Element], new: bool) {
    let flags = if new { CREATE | EXCL } else { CREATE };
    r.message(NEW_ELEMENTS, flags, INET, |r| {
        write(r, elements, true);
    });
}

/// Deletes elements from their set, which is that of the first; fails with ENOENT if one is missing.
pub(super) fn delete(r: &mut Request, elements: &[Element]) {
    r.message(DEL_ELEMENTS, 0, INET, |r| {
        write(r, elements, false);
    });
}

fn write(r: &mut Request, elements: &[Element], timed: bool) {
    r.put_text(TABLE_NAME, TABLE);
    r.put_text(ELEMENTS_SET, &elements[0].set.to_string());
    r.nest(ELEMENTS, |r| {
        for element in elements {
            r.nest(LIST_ITEM, |r| {
                match element.address.ip() {
                    IpAddr::V4(ip) => data(r, ELEMENT_KEY, &ip.octets()),
                    IpAddr::V6(ip) => data(r, ELEMENT_KEY, &ip.octets()),
                }
                if let Some(time) = element.time.filter(|_| timed) {
                    r.put(ELEMENT_TIMEOUT, &milliseconds(time).to_be_bytes());
                }
            });
        }
    });
}

/// The kernel takes what is less than one of its ticks, at most 10 ms, for no timeout at all, and multiplies to
/// nanoseconds: a century is far enough.
fn milliseconds(time: Duration) -> u64 {
    const CENTURY: u128 = 100 * 365 * 86_400_000;
    time.as_millis().clamp(20, CENTURY) as u64
}

/// Asks for one element; ENOENT says that it, or its set, is missing.
pub(super) fn get(element: &Element) -> Request {
    let mut r = Request::default();
    r.message(GET_ELEMENTS, 0, INET, |r| {
        write(r, std::slice::from_ref(element), false);
    });
    r
}

pub(super) fn get_all(set: Set) -> Request {
    let mut r = Request::default();
    r.message(GET_ELEMENTS, DUMP, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(ELEMENTS_SET, &set.to_string());
    });
    r
}

/// The bans in a part of a set's dump.
pub(super) fn read(a: Attributes, set: Set) -> impl Iterator<Item = Ban> {
    a.nested(ELEMENTS).filter_map(move |(_, element)| {
        let element = Attributes::new(element);
        let key = element.nested(ELEMENT_KEY).get(DATA_VALUE)?;
        let ip = if set.ipv4 {
            IpAddr::from(<[u8; 4]>::try_from(key).ok()?)
        } else {
            IpAddr::from(<[u8; 16]>::try_from(key).ok()?)
        };
        let left = element.u64(ELEMENT_EXPIRATION).map(Duration::from_millis);
        Some((Address::network(ip, set.len)?, left))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sets() {
        for name in ["ipv4_32", "ipv4_0", "ipv6_64", "ipv6_128"] {
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

    #[test]
    fn times_neither_vanish_nor_wrap() {
        assert_eq!(milliseconds(Duration::ZERO), 20);
        assert_eq!(milliseconds(Duration::from_secs(3_600)), 3_600_000);
        let century = 100 * 365 * 86_400_000;
        assert_eq!(milliseconds(Duration::from_secs(century)), century);
        assert_eq!(milliseconds(Duration::MAX), century);
    }
}
