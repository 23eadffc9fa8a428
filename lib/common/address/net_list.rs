//! The networks of a list, which may be long and name each of them many times.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Not;

use super::network::Address;

/// Networks, in memory that is in proportion to the different ones: those inside others are dropped
/// when many have come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetList {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

/// The first and the last number of each range.
pub type Pairs<N> = Vec<(N, N)>;

#[derive(Clone, Debug, Default, PartialEq)]
struct Ranges<N> {
    ranges: Pairs<N>,
    /// The number of them after the last sort.
    sorted: usize,
}

impl NetList {
    /// Adds networks.
    pub fn extend(&mut self, networks: impl IntoIterator<Item = Address>) {
        for net in networks {
            match (net.ip(), net.last()) {
                (IpAddr::V4(a), IpAddr::V4(b)) => self.v4.push((a.to_bits(), b.to_bits())),
                (IpAddr::V6(a), IpAddr::V6(b)) => self.v6.push((a.to_bits(), b.to_bits())),
                _ => {}
            }
        }
    }

    /// The networks, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = Address> {
        let net = |ip: IpAddr, len: u32| Address::network(ip, len as u8);
        let v4 =
            move |(a, b): &(u32, u32)| net(Ipv4Addr::from_bits(*a).into(), (a ^ b).leading_zeros());
        let v6 = move |(a, b): &(u128, u128)| {
            net(Ipv6Addr::from_bits(*a).into(), (a ^ b).leading_zeros())
        };
        let (fours, sixes) = (self.v4.ranges.iter(), self.v6.ranges.iter());
        fours.filter_map(v4).chain(sixes.filter_map(v6))
    }

    /// The ranges of numbers of IPv4, and those of IPv6: each network from its first number to its
    /// last, in order, without those inside others.
    pub fn into_ranges(mut self) -> (Pairs<u32>, Pairs<u128>) {
        self.v4.sort();
        self.v6.sort();
        (self.v4.ranges, self.v6.ranges)
    }
}

impl<N: Copy + Ord + Not<Output = N>> Ranges<N> {
    /// Fewer ranges, of 64 MiB, are not sorted while they come.
    const FEW: usize = (64 << 20) / size_of::<(N, N)>();

    fn push(&mut self, range: (N, N)) {
        if self.ranges.len() >= Self::FEW.max(2 * self.sorted) {
            self.sort();
        }
        self.ranges.push(range);
    }

    /// Sorts the ranges, and drops those inside others. Two networks are one inside the other, or
    /// apart.
    fn sort(&mut self) {
        self.ranges
            .sort_unstable_by_key(|(first, last)| (*first, !*last));
        let mut end = None;
        self.ranges.retain(|(_, last)| {
            let apart = end.is_none_or(|end| *last > end);
            end = end.max(Some(*last));
            apart
        });
        self.sorted = self.ranges.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same networks again and again take no more memory, and none is lost.
    #[test]
    fn a_list_without_end() {
        let net = |number: u32, len| Address::network(Ipv4Addr::from_bits(number).into(), len);
        let (mut list, mut expected) = (NetList::default(), Vec::new());
        for i in 0..1000 {
            expected.extend(net(i << 20, 24));
        }
        let few = Ranges::<u32>::FEW;
        for i in 0..3 * few as u32 {
            let (number, len) = ((i % 1000) << 20, 24 + (i / 1000 % 9) as u8);
            list.extend([net(number, len).unwrap()]);
            assert!(list.v4.ranges.len() <= few);
        }
        let (v4, v6) = list.into_ranges();
        let ranges = expected
            .iter()
            .map(|net| (net.ip(), net.last()))
            .collect::<Vec<_>>();
        let ip = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
        let found: Vec<_> = v4.iter().map(|(a, b)| (ip(*a), ip(*b))).collect();
        assert_eq!((found, v6), (ranges, vec![]));
    }
}
