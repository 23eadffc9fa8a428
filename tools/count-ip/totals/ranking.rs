//! Totals in the order in which they are printed: the highest first, then by address.

use std::cmp::Reverse;
use std::hint::select_unpredictable;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use pipeban::address::Address;

use super::total::Total;
use crate::table::counts::{Limits, Ranked, keep_first};
use crate::table::key::{Ipv6Key, Key};

/// The totals of a shard, in order.
pub struct Ranking {
    pub ipv4: Ranked<u32>,
    pub ipv6: Ranked<Ipv6Key>,
    pub others: Vec<(Address, Total)>,
    /// Lengths of the networks in `ipv4` and `ipv6`.
    pub prefixes: Prefixes,
}

/// The place of a total in the order.
pub type Place = (Reverse<u64>, Address);

/// Totals one after the other.
pub type InOrder<'a> = Box<dyn Iterator<Item = (Address, Total)> + 'a>;

/// The lengths of the networks that are counted, of IPv4 and IPv6.
type Prefixes = (u8, u8);

/// The totals within the limits, in order.
pub fn first_of(mut totals: Vec<(Address, Total)>, limits: Limits) -> Vec<(Address, Total)> {
    totals.retain(|(_, total)| total.count >= limits.least);
    keep_first(&mut totals, limits.top, place);
    totals
}

fn place((address, total): &(Address, Total)) -> Place {
    (Reverse(total.count), *address)
}

fn four(lengths: Prefixes) -> impl Fn((u32, u64)) -> (Address, Total) + Copy {
    move |(ip, count)| {
        let ip = IpAddr::from(Ipv4Addr::from_bits(ip));
        let address = Address::network(ip, lengths.0).unwrap_or(ip.into());
        (address, Total { count, span: None })
    }
}

fn six(lengths: Prefixes) -> impl Fn((Ipv6Key, u64)) -> (Address, Total) + Copy {
    move |(ip, count)| {
        let ip = IpAddr::from(Ipv6Addr::from_bits(ip.into()));
        let address = Address::network(ip, lengths.1).unwrap_or(ip.into());
        (address, Total { count, span: None })
    }
}

impl Ranking {
    /// The number of totals.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len() + self.others.len()
    }

    /// Places that cut the longest list of totals into this number of parts, at least 1, all alike.
    pub fn cuts(&self, parts: usize) -> Vec<Place> {
        let lengths = [self.ipv4.len(), self.ipv6.len(), self.others.len()];
        let most = lengths.into_iter().max().unwrap_or(0);
        let total = |at| match lengths.iter().position(|length| *length == most) {
            Some(0) => self.ipv4.get(at).map(four(self.prefixes)),
            Some(1) => self.ipv6.get(at).map(six(self.prefixes)),
            _ => self.others.get(at).copied(),
        };
        let cuts = (1..parts).filter_map(|part| total(part * most / parts));
        cuts.map(|total| place(&total)).collect()
    }

    /// All totals.
    pub fn all(&self) -> InOrder<'_> {
        between(std::slice::from_ref(self), None, None)
    }
}

/// The totals of all shards, which have no address in common, from one place on, up to another one.
pub fn between(shards: &[Ranking], from: Option<Place>, to: Option<Place>) -> InOrder<'_> {
    let Some(lengths) = shards.first().map(|shard| shard.prefixes) else {
        return Box::new(std::iter::empty());
    };
    let part = |length, is_before: &dyn Fn(usize, Place) -> bool| {
        let first = |place| first(length, |at| !is_before(at, place));
        from.map_or(0, first)..to.map_or(length, first)
    };
    let fours = shards.iter().map(|Ranking { ipv4, .. }| {
        let total = |at| ipv4.get(at).map(four(lengths));
        let range = part(ipv4.len(), &|at, than| {
            total(at).is_some_and(|t| place(&t) < than)
        });
        (ipv4, range)
    });
    let sixes = shards.iter().map(|Ranking { ipv6, .. }| {
        let total = |at| ipv6.get(at).map(six(lengths));
        let range = part(ipv6.len(), &|at, than| {
            total(at).is_some_and(|t| place(&t) < than)
        });
        (ipv6, range)
    });
    let others = shards.iter().map(|Ranking { others, .. }| {
        let range = part(others.len(), &|at, than| place(&others[at]) < than);
        others[range].iter().copied()
    });
    let mut all: InOrder = Box::new(Merged::new(fours).map(four(lengths)));
    let sixes = Merged::new(sixes);
    if !sixes.0.is_empty() {
        all = Box::new(merge(all, sixes.map(six(lengths))));
    }
    others
        .filter(|others| others.len() > 0)
        .fold(all, |all, others| Box::new(merge(all, others)))
}

/// The counts of several shards, in order: before anything is made of a key, as there are millions.
struct Merged<'a, K>(Vec<Rest<'a, K>>);

/// The counts of a shard that are left: the first, and the places of those behind it.
struct Rest<'a, K> {
    first: (K, u64),
    list: &'a Ranked<K>,
    behind: Range<usize>,
}

impl<'a, K: Key> Merged<'a, K> {
    fn new(parts: impl Iterator<Item = (&'a Ranked<K>, Range<usize>)>) -> Self {
        let rest = |(list, mut behind): (&'a Ranked<K>, Range<usize>)| {
            let first = list.get(behind.next()?)?;
            Some(Rest {
                first,
                list,
                behind,
            })
        };
        Merged(parts.filter_map(rest).collect())
    }
}

impl<K: Key> Iterator for Merged<'_, K> {
    type Item = (K, u64);

    #[inline]
    fn next(&mut self) -> Option<(K, u64)> {
        let place = |rest: &Rest<K>| (!rest.first.1, rest.first.0);
        let (first, others) = self.0.split_first()?;
        let (mut number, mut least) = (0, place(first));
        for (other, rest) in (1..).zip(others) {
            let is_less = place(rest) < least;
            // No branch, as it would be one that nobody can foretell.
            number = select_unpredictable(is_less, other, number);
            least = select_unpredictable(is_less, place(rest), least);
        }
        let rest = &mut self.0[number];
        let found = rest.first;
        match rest.behind.next().and_then(|next| rest.list.get(next)) {
            Some(next) => rest.first = next,
            None => _ = self.0.swap_remove(number),
        }
        Some(found)
    }
}

/// The first number below `length` that is behind; `length` if none is. Those behind it are, too.
fn first(length: usize, is_behind: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, mut end } = 0..length;
    while start < end {
        let middle = start.midpoint(end);
        match is_behind(middle) {
            true => end = middle,
            false => start = middle + 1,
        }
    }
    start
}

/// Merges two rankings into one.
fn merge<'a>(
    first: impl Iterator<Item = (Address, Total)> + 'a,
    second: impl Iterator<Item = (Address, Total)> + 'a,
) -> impl Iterator<Item = (Address, Total)> + 'a {
    let (mut first, mut second) = (first.peekable(), second.peekable());
    std::iter::from_fn(move || match (first.peek(), second.peek()) {
        (Some(one), Some(other)) if place(other) < place(one) => second.next(),
        (Some(_), _) => first.next(),
        (None, _) => second.next(),
    })
}
