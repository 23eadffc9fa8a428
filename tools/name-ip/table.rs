//! A database in memory: ranges of addresses in order, each with its entry.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::{Address, mask4, mask6, range};
use pipeban::masks::prefetch;
use pipeban::netset::ranges::Ranges;

use crate::entry::Entry;
use crate::layers::{self, Ordinal, flatten};

/// The highest number of ranges of a database, so that a hostile one cannot fill the memory. The
/// largest ones that are published have some ten million.
const MOST_RANGES: usize = 32 << 20;

/// The highest total length of the entries, in bytes.
const MOST_TEXT: usize = 256 << 20;

/// A database that is ready for questions.
#[derive(Default)]
pub struct Table {
    v4: Side<u32>,
    v6: Side<u128>,
    entries: Vec<Entry>,
}

/// The ranges of one family, and the place of each one's entry.
#[derive(Default)]
struct Side<N> {
    ranges: Ranges<N>,
    entries: Vec<u32>,
}

impl<N: Ordinal> Side<N> {
    fn new(mut from: layers::Ranges<N>) -> Self {
        flatten(&mut from);
        Side {
            entries: from.iter().map(|(_, _, entry)| *entry).collect(),
            ranges: Ranges::new(from.iter().map(|(first, last, _)| (*first, *last))),
        }
    }

    #[inline]
    fn prefetch_ranges(&self, number: N) {
        let place = self.ranges.prefetch_ranges(number);
        if let Some(entry) = place.and_then(|place| self.entries.get(place)) {
            prefetch(entry);
        }
    }

    /// The number of host bits of the widest network around the numbers from `first` to `last` in
    /// the range that holds all of them, and the place of the range's entry.
    #[inline]
    fn around(&self, first: N, last: N) -> Option<(u32, u32)> {
        let place = self.ranges.place(first, last)?;
        let (from, to) = self.ranges.get(place)?;
        let entry = *self.entries.get(place)?;
        (from <= first && last <= to).then(|| (first.host_bits(from, to), entry))
    }
}

impl Table {
    /// The number of ranges.
    pub fn len(&self) -> usize {
        self.v4.ranges.len() + self.v6.ranges.len()
    }

    /// Loads what [`find`](Self::find) reads first.
    #[inline]
    pub fn prefetch_index(&self, net: &Address) {
        match net.ip() {
            IpAddr::V4(ip) => self.v4.ranges.prefetch_index(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.ranges.prefetch_index(ip.to_bits()),
        }
    }

    /// Loads what it reads then.
    #[inline]
    pub fn prefetch_ranges(&self, net: &Address) {
        match net.ip() {
            IpAddr::V4(ip) => self.v4.prefetch_ranges(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.prefetch_ranges(ip.to_bits()),
        }
    }

    /// The entry of the range that holds all of a network, and the widest network of that range
    /// around it.
    #[inline]
    pub fn find(&self, net: &Address) -> Option<(Address, &Entry)> {
        let (bits, entry) = match net.ip() {
            IpAddr::V4(ip) => {
                let (first, mask) = (ip.to_bits(), mask4(net.prefix_len()));
                self.v4.around(first, first | !mask)?
            }
            IpAddr::V6(ip) => {
                let (first, mask) = (ip.to_bits(), mask6(net.prefix_len()));
                self.v6.around(first, first | !mask)?
            }
        };
        let net = net.widen(net.max_len() - bits as u8);
        Some((net, self.entries.get(entry as usize)?))
    }

    /// The networks of all ranges whose entry `takes` accepts, in order, IPv4 first.
    pub fn networks(
        &self,
        takes: impl Fn(&Entry) -> bool,
    ) -> impl Iterator<Item = (Address, &Entry)> {
        let taken: Vec<bool> = self.entries.iter().map(takes).collect();
        let v4 = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
        let v6 = |n: u128| IpAddr::from(Ipv6Addr::from_bits(n));
        let fours = self.v4.entries.iter().enumerate().map(move |(i, entry)| {
            let range = self.v4.ranges.get(i);
            (range.map(|(a, b)| (v4(a), v4(b))), *entry as usize)
        });
        let sixes = self.v6.entries.iter().enumerate().map(move |(i, entry)| {
            let range = self.v6.ranges.get(i);
            (range.map(|(a, b)| (v6(a), v6(b))), *entry as usize)
        });
        let all = fours.chain(sixes);
        let all = all.filter(move |(_, entry)| taken.get(*entry) == Some(&true));
        all.flat_map(move |(range, entry)| {
            let networks = range.and_then(|(first, last)| range::networks(first, last));
            let nets = networks.into_iter().flatten();
            nets.filter_map(move |net| Some((net, self.entries.get(entry)?)))
        })
    }
}

/// Collects the ranges of a database.
#[derive(Default)]
pub struct Builder {
    v4: layers::Ranges<u32>,
    v6: layers::Ranges<u128>,
    entries: Vec<Entry>,
    places: HashMap<Entry, u32>,
    text: usize,
}

impl Builder {
    /// The place of an entry; the same for equal ones.
    pub fn entry(&mut self, entry: Entry) -> Result<u32, String> {
        if let Some(place) = self.places.get(&entry) {
            return Ok(*place);
        }
        self.text += entry.fields().len();
        if self.text > MOST_TEXT {
            return Err(format!("the names take more than {} MiB", MOST_TEXT >> 20));
        }
        let place = self.entries.len() as u32;
        self.entries.push(entry.clone());
        self.places.insert(entry, place);
        Ok(place)
    }

    /// Adds a range with the entry at this place.
    pub fn add(&mut self, first: IpAddr, last: IpAddr, entry: u32) -> Result<(), String> {
        if self.v4.len() + self.v6.len() >= MOST_RANGES {
            return Err(format!("it has more than {MOST_RANGES} ranges"));
        }
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                self.v4.push((first.to_bits(), last.to_bits(), entry));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                self.v6.push((first.to_bits(), last.to_bits(), entry));
            }
            _ => return Err(format!("no range: {first} to {last}")),
        }
        Ok(())
    }

    /// The table of all ranges.
    pub fn build(self) -> Table {
        Table {
            v4: Side::new(self.v4),
            v6: Side::new(self.v6),
            entries: self.entries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_around() {
        let mut builder = Builder::default();
        let mut add = |first: &str, last: &str, asn: &str| {
            let entry = builder.entry(Entry::new(asn, "", "")).unwrap();
            let (first, last) = (first.parse().unwrap(), last.parse().unwrap());
            builder.add(first, last, entry).unwrap();
        };
        add("198.51.100.0", "198.51.102.255", "1");
        add("203.0.113.0", "203.0.113.255", "2");
        add("203.0.113.7", "203.0.113.7", "3");
        add("255.255.255.255", "255.255.255.255", "4");
        add("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "5");
        add("2001:db8:1::1", "2001:db8:1::9", "6");
        let table = builder.build();
        for (asked, net, asn) in [
            ("198.51.100.1", "198.51.100.0/23", 1),
            ("198.51.102.1", "198.51.102.0/24", 1),
            ("198.51.100.0/22", "-", 0),
            ("198.51.101.0/24", "198.51.100.0/23", 1),
            ("203.0.113.7", "203.0.113.7", 3),
            ("203.0.113.8", "203.0.113.8/29", 2),
            ("203.0.113.0/24", "-", 0),
            ("255.255.255.255", "255.255.255.255", 4),
            ("2001:db8:2::1", "2001:db8:2::/47", 5),
            ("2001:db8:1::3", "2001:db8:1::2/127", 6),
            ("2001:db9::", "-", 0),
            ("0.0.0.0/0", "-", 0),
        ] {
            let found = table.find(&Address::parse(asked.as_bytes()).unwrap());
            let text = found.map_or("-".into(), |(net, _)| net.to_string());
            assert_eq!(text, net, "{asked}");
            let entry = found.map_or("".into(), |(_, e)| String::from_utf8_lossy(e.asn()));
            let expected = match asn {
                0 => String::new(),
                n => format!("\tasn=AS{n}"),
            };
            assert_eq!(entry, expected, "{asked}");
        }
        let takes = |entry: &Entry| entry.asn() == b"\tasn=AS1";
        let nets: Vec<_> = table
            .networks(takes)
            .map(|(net, _)| net.to_string())
            .collect();
        assert_eq!(nets, ["198.51.100.0/23", "198.51.102.0/24"]);
    }
}
