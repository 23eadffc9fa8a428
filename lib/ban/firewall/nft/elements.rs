//! Messages that put addresses into sets, take them out and list them.

use std::net::IpAddr;
use std::time::Duration;

use super::header::*;
use super::set::{Set, data};
use crate::firewall::interface::{Dropped, Entry};
use crate::firewall::netlink::{Attributes, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, Request};
use crate::target::Target;
use pipeban::address::Address;

/// An address or network as an element of its set.
#[derive(Clone, Copy)]
pub(super) struct Element {
    pub target: Target,
    pub set: Set,
    time: Option<Duration>,
}

impl Element {
    /// The timeout as the kernel is told: in whole milliseconds, `None` for ever.
    pub(super) fn time(&self) -> Option<Duration> {
        self.time
            .map(|time| Duration::from_millis(milliseconds(time)))
    }

    /// Elements in this order are together with those of their set.
    pub(super) fn order(&self) -> (Set, u128, u16) {
        let number = match self.target.ip() {
            IpAddr::V4(ip) => ip.to_bits().into(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        (self.set, number, self.target.port)
    }
}

impl From<&Entry> for Element {
    fn from((target, time): &Entry) -> Self {
        Element {
            target: *target,
            set: Set::of(*target),
            time: *time,
        }
    }
}

impl Element {
    /// An entry in this set, which is not the usual one of its address.
    pub(super) fn within(set: Set, (target, time): Entry) -> Self {
        Element { target, set, time }
    }
}

/// Takes elements out of the set of the first one, also those that are not there.
pub(super) fn remove(r: &mut Request, elements: &[Element]) {
    // To delete a missing one would fail, and the whole transaction with it.
    put(r, elements, false);
    delete(r, elements);
}

/// Puts elements into a set of hits, each with its counter; those that are there keep theirs.
pub(super) fn put_hits(r: &mut Request, set: Set, figures: &[(Target, Dropped)]) {
    r.message(NFT_MSG_NEWSETELEM, NLM_F_CREATE, NFPROTO_INET, |r| {
        list(r, set, figures.len(), |r, i| {
            let (target, dropped) = &figures[i];
            put_key(r, set, target);
            r.nest(NFTA_SET_ELEM_EXPR, |r| put_counter(r, dropped));
        });
    });
}

/// Puts elements into the set of the first one; with `new` it fails with EEXIST if one is there.
pub(super) fn put(r: &mut Request, elements: &[Element], new: bool) {
    let flags = match new {
        true => NLM_F_CREATE | NLM_F_EXCL,
        false => NLM_F_CREATE,
    };
    let mut times = vec![NFTA_SET_ELEM_TIMEOUT];
    if !new {
        // Without it the time of one that is there does not begin anew if it is the same.
        times.push(NFTA_SET_ELEM_EXPIRATION);
    }
    r.message(NFT_MSG_NEWSETELEM, flags, NFPROTO_INET, |r| {
        write(r, elements, &times);
    });
}

/// Deletes elements from the set of the first one; fails with ENOENT if one is missing.
pub(super) fn delete(r: &mut Request, elements: &[Element]) {
    r.message(NFT_MSG_DELSETELEM, 0, NFPROTO_INET, |r| {
        write(r, elements, &[]);
    });
}

/// `times` are the attributes that get the time.
fn write(r: &mut Request, elements: &[Element], times: &[u16]) {
    let set = elements[0].set;
    list(r, set, elements.len(), |r, i| {
        let element = &elements[i];
        put_key(r, set, &element.target);
        for (kind, time) in times.iter().zip(element.time.iter().cycle()) {
            r.put(*kind, &milliseconds(*time).to_be_bytes());
        }
    });
}

/// The attributes of a message about this number of elements of a set; `each` writes those of one.
fn list(r: &mut Request, set: Set, number: usize, mut each: impl FnMut(&mut Request, usize)) {
    r.put_text(NFTA_SET_ELEM_LIST_TABLE, TABLE);
    r.put_text(NFTA_SET_ELEM_LIST_SET, &set.to_string());
    r.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |r| {
        for i in 0..number {
            r.nest(NFTA_LIST_ELEM, |r| each(r, i));
        }
    });
}

fn put_key(r: &mut Request, set: Set, target: &Target) {
    let (mut key, mut len) = ([0; 20], 4);
    match target.ip() {
        IpAddr::V4(ip) => key[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => {
            len = 16;
            key[..16].copy_from_slice(&ip.octets());
        }
    }
    if set.ports {
        // Each part of a key fills whole registers of four bytes.
        key[len..len + 2].copy_from_slice(&target.port.to_be_bytes());
        len += 4;
    }
    data(r, NFTA_SET_ELEM_KEY, &key[..len]);
}

/// The kernel takes a time below one of its ticks, at most 10 ms, for no timeout at all, and
/// multiplies to nanoseconds: a century is the longest time.
fn milliseconds(time: Duration) -> u64 {
    const CENTURY: u128 = 100 * 365 * 86_400_000;
    time.as_millis().clamp(20, CENTURY) as u64
}

/// Asks for elements, each of these parts of one set by one message; ENOENT says that one of them
/// or its set is missing. Of its part those behind it are not answered.
pub(super) fn get<'a>(parts: impl Iterator<Item = &'a [Element]>) -> Request {
    let mut r = Request::default();
    for part in parts {
        r.message(NFT_MSG_GETSETELEM, 0, NFPROTO_INET, |r| write(r, part, &[]));
        r.last_gets(part.len());
    }
    r
}

/// The name of the set that a part of a dump is from.
pub(super) fn name_of_set(a: Attributes<'_>) -> Option<&str> {
    a.text(NFTA_SET_ELEM_LIST_SET)
}

/// Asks for all elements of a set.
pub(super) fn get_all(set: Set) -> Request {
    let mut r = Request::default();
    r.message(NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_ELEM_LIST_TABLE, TABLE);
        r.put_text(NFTA_SET_ELEM_LIST_SET, &set.to_string());
    });
    r
}

/// An element as it was read.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub target: Target,
    /// The time that is left.
    pub left: Option<Duration>,
    /// How long it is there, at least, if the kernel tells.
    pub age: Option<Duration>,
    /// Its counter, if it has one.
    pub dropped: Option<Dropped>,
}

impl Found {
    /// An element of which nothing more was read.
    pub(super) fn bare(target: Target) -> Self {
        Found {
            target,
            left: None,
            age: None,
            dropped: None,
        }
    }
}

/// The elements in a part of a set's dump.
pub(super) fn read(a: Attributes, set: Set) -> impl Iterator<Item = Found> {
    a.nested(NFTA_SET_ELEM_LIST_ELEMENTS)
        .filter_map(move |(_, element)| {
            let element = Attributes::new(element);
            let key = element.nested(NFTA_SET_ELEM_KEY).get(NFTA_DATA_VALUE)?;
            let (ip, port) = key.split_at_checked(if set.ipv4 { 4 } else { 16 })?;
            let ip = match set.ipv4 {
                true => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
                false => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
            };
            let port = match set.ports {
                true => u16::from_be_bytes(port.get(..2)?.try_into().ok()?),
                false => 0,
            };
            let left = element
                .u64(NFTA_SET_ELEM_EXPIRATION)
                .map(Duration::from_millis);
            let address = Address::network(ip, set.len)?;
            let given = element
                .u64(NFTA_SET_ELEM_TIMEOUT)
                .map(Duration::from_millis);
            Some(Found {
                target: Target { address, port },
                left,
                age: given
                    .zip(left)
                    .and_then(|(given, left)| given.checked_sub(left)),
                dropped: counter(element),
            })
        })
}

/// The counter of an element, if it has one.
fn counter(element: Attributes) -> Option<Dropped> {
    let one = element.nested(NFTA_SET_ELEM_EXPR);
    let several = element.nested(NFTA_SET_ELEM_EXPRESSIONS);
    let all = several.map(|(_, expression)| Attributes::new(expression));
    let mut all = std::iter::once(one).chain(all);
    let counter = all.find(|e| e.text(NFTA_EXPR_NAME) == Some("counter"))?;
    let data = counter.nested(NFTA_EXPR_DATA);
    Some(Dropped {
        packets: data.u64(NFTA_COUNTER_PACKETS)?,
        bytes: data.u64(NFTA_COUNTER_BYTES)?,
        age: None,
    })
}

/// A counter, as an expression.
pub(super) fn put_counter(r: &mut Request, dropped: &Dropped) {
    r.put_text(NFTA_EXPR_NAME, "counter");
    r.nest(NFTA_EXPR_DATA, |r| {
        r.put(NFTA_COUNTER_BYTES, &dropped.bytes.to_be_bytes());
        r.put(NFTA_COUNTER_PACKETS, &dropped.packets.to_be_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_neither_vanish_nor_wrap() {
        assert_eq!(milliseconds(Duration::ZERO), 20);
        assert_eq!(milliseconds(Duration::from_secs(3_600)), 3_600_000);
        let century = 100 * 365 * 86_400_000;
        assert_eq!(milliseconds(Duration::from_secs(century)), century);
        assert_eq!(milliseconds(Duration::MAX), century);
    }
}
