//! The counts of all addresses, in memory.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use memchr::memchr;
use pipeban::address::list::{Bits, Take, addresses};
use pipeban::address::{Address, mask4, mask6};
use pipeban::time::Time;

use super::ranking::{Ranking, first_of};
use super::total::Total;
use crate::arguments::Arguments;
use crate::line::{BadLines, Line};
use crate::table::bound::{Aged, Bound};
use crate::table::counts::{Batch, Counts, Limits};
use crate::table::key::{Ipv6Key, Key, Part, Seed};
use crate::table::map::{AddressMap, MapKey};
use crate::table::memory::BATCH;
use crate::table::slot::Slot;
use crate::throttle::{self, LastCounted};

/// The totals so far. Addresses without times have narrow tables of their own; all else is in
/// `others`.
pub struct Totals {
    ipv4: Counts<u32, 8>,
    ipv6: Counts<Ipv6Key, 1>,
    others: AddressMap<Total>,
    bound: Bound,
    merge: bool,
    /// Lengths of the networks that are counted.
    prefixes: (u8, u8),
    throttle: Option<Duration>,
    last_counted: AddressMap<LastCounted>,
}

/// Counts of IPv4 networks without times, and of others.
type TakenOut = (Vec<(u32, u64)>, Vec<(Address, Total)>);

/// Takes addresses into batches to be counted.
struct Batches<'a> {
    ipv4: (&'a mut Batch<u32>, &'a Counts<u32, 8>),
    ipv6: (&'a mut Batch<Ipv6Key>, &'a Counts<Ipv6Key, 1>),
    masks: (u32, u128),
}

impl Take for Batches<'_> {
    #[inline(always)]
    fn take(&mut self, bits: Bits) {
        match bits {
            Bits::V4(number) => self.ipv4.0.push(number & self.masks.0, self.ipv4.1),
            Bits::V6(number) => {
                let number = number & self.masks.1;
                self.ipv6.0.push(number.into(), self.ipv6.1);
            }
        }
    }
}

impl Totals {
    /// No counts yet. Totals of one seed can be ranked together.
    pub fn new(arguments: &Arguments, seed: Seed) -> Self {
        let [four, six] = arguments.sizes();
        Totals {
            ipv4: Counts::new(seed),
            ipv6: Counts::new(seed),
            others: AddressMap::new(),
            bound: Bound::new(arguments.max_addresses, true),
            merge: arguments.merge,
            prefixes: (four[0], six[0]),
            throttle: arguments.throttle,
            last_counted: AddressMap::new(),
        }
    }

    /// Counts the lines of a block; returns their number and the bad ones.
    pub fn count(&mut self, block: &[u8]) -> (u64, BadLines) {
        let masks = (mask4(self.prefixes.0), mask6(self.prefixes.1));
        let (mut ipv4, mut ipv6) = (Batch::new(), Batch::new());
        let mut bad = Vec::new();
        let mut rest = block;
        let mut lines = 0;
        // The arrival of the lines is the time of those without one.
        let now = Time::now();
        while !rest.is_empty() {
            let (_, left) = self.bound.period();
            let most = if self.throttle.is_none() {
                BATCH.min(left)
            } else {
                0
            };
            let mut batches = Batches {
                ipv4: (&mut ipv4, &self.ipv4),
                ipv6: (&mut ipv6, &self.ipv6),
                masks,
            };
            let (count, used) = addresses(rest, most, &mut batches);
            self.count_batches(&mut ipv4, &mut ipv6);
            lines += count as u64;
            rest = &rest[used..];
            if count == BATCH || rest.is_empty() {
                continue;
            }
            // The next line is more than an address.
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let read = Line::read(rest, end, self.merge, false);
            rest = rest.get(end + 1..).unwrap_or_default();
            lines += 1;
            match read {
                Ok(Some(line)) => self.count_line(line, now),
                Ok(None) => {}
                Err(fault) => bad.push((lines, fault)),
            }
        }
        (lines, bad)
    }

    /// Counts an event of each of these networks, which are as large as those that are counted.
    pub fn add_bare(&mut self, ipv4: &[u32], ipv6: &[Ipv6Key]) {
        let (mut four, mut six) = (Batch::new(), Batch::new());
        for keys in ipv4.chunks(BATCH) {
            keys.iter().for_each(|key| four.push(*key, &self.ipv4));
            self.count_batches(&mut four, &mut six);
        }
        for keys in ipv6.chunks(BATCH) {
            keys.iter().for_each(|key| six.push(*key, &self.ipv6));
            self.count_batches(&mut four, &mut six);
        }
    }

    /// Adds counts of IPv4 networks, which are as large as those that are counted.
    pub fn add_counts(&mut self, counts: &[(u32, u64)]) {
        for counts in counts.chunks(BATCH) {
            counts.iter().for_each(|(ip, _)| self.ipv4.prefetch(*ip));
            for (ip, count) in counts {
                self.count_ipv4(*ip, *count);
            }
        }
    }

    /// Takes out the counts of the networks that these functions accept, in no order: those of IPv4
    /// networks without times, and those of others. All networks with times are taken out.
    pub fn take_out(
        &mut self,
        goes4: impl Fn(u32) -> bool,
        goes6: impl Fn(Ipv6Key) -> bool,
    ) -> TakenOut {
        let mut fours = Vec::new();
        self.ipv4.take_out(|ip, count| {
            let goes = goes4(ip);
            if goes {
                fours.push((ip, count));
            }
            goes
        });
        let others = std::mem::replace(&mut self.others, AddressMap::new());
        let mut others: Vec<_> = others.into_values().collect();
        let length = self.prefixes.1;
        self.ipv6.take_out(|ip, count| {
            let goes = goes6(ip);
            if goes {
                let ip = IpAddr::from(Ipv6Addr::from_bits(ip.into()));
                let network = Address::network(ip, length).unwrap_or(ip.into());
                others.push((network, Total { count, span: None }));
            }
            goes
        });
        (fours, others)
    }

    /// The memory that the addresses held here would take in tables for all, in bytes: a large
    /// table is half full before it grows, and a new one for other values stands beside the old.
    pub fn memory(&self) -> usize {
        let (four, six) = (self.ipv4.held(), self.ipv6.held());
        four * 2 * size_of::<Slot<u32>>()
            + six * 2 * size_of::<Slot<Ipv6Key>>()
            + self.others.held() * 256
    }

    #[inline(always)]
    fn count_batches(&mut self, ipv4: &mut Batch<u32>, ipv6: &mut Batch<Ipv6Key>) {
        let done = self.ipv4.add_all(ipv4, &mut self.bound);
        for number in ipv4.drain_from(done) {
            self.count_ipv4(number, 1);
        }
        let done = self.ipv6.add_all(ipv6, &mut self.bound);
        for number in ipv6.drain_from(done) {
            self.count_ipv6(number, 1);
        }
    }

    fn count_ipv4(&mut self, number: u32, count: u64) {
        while !self.ipv4.add(number, count, &mut self.bound) {
            self.make_room();
        }
    }

    fn count_ipv6(&mut self, number: Ipv6Key, count: u64) {
        while !self.ipv6.add(number, count, &mut self.bound) {
            self.make_room();
        }
    }

    fn count_line(&mut self, line: Line, now: Time) {
        let Line {
            address,
            count,
            span,
            ..
        } = line;
        if let Some(throttle) = self.throttle {
            let (_, at) = span.unwrap_or((now, now));
            let hash = self.last_counted.hash(&address);
            let place = loop {
                match self.last_counted.place(&address, hash, &mut self.bound) {
                    Some(place) => break place,
                    None => self.make_room(),
                }
            };
            if !self.last_counted.change(place, |last| {
                throttle::counts(throttle, &mut last.0, at, None)
            }) {
                return;
            }
        }
        if count > 0 {
            self.count_other(address, count, span);
        }
    }

    /// Adds `count` events, at least 1, to the network around an address.
    pub fn count_other(&mut self, address: Address, count: u64, span: Option<(Time, Time)>) {
        match address.ip() {
            IpAddr::V4(ip) if span.is_none() && address.prefix_len() >= self.prefixes.0 => {
                self.count_ipv4(ip.to_bits() & mask4(self.prefixes.0), count);
            }
            IpAddr::V6(ip) if span.is_none() && address.prefix_len() >= self.prefixes.1 => {
                self.count_ipv6((ip.to_bits() & mask6(self.prefixes.1)).into(), count);
            }
            ip => {
                let length = if ip.is_ipv4() {
                    self.prefixes.0
                } else {
                    self.prefixes.1
                };
                let address = address.widen(length);
                let hash = self.others.hash(&address);
                loop {
                    if let Some(place) = self.others.place(&address, hash, &mut self.bound) {
                        return self.others.change(place, |total| total.add(count, span));
                    }
                    self.make_room();
                }
            }
        }
    }

    fn make_room(&mut self) {
        let tables: [&mut dyn Aged; 4] = [
            &mut self.ipv4,
            &mut self.ipv6,
            &mut self.others,
            &mut self.last_counted,
        ];
        self.bound.make_room(tables);
    }

    /// Reports how many addresses were evicted, if any were: then the totals are wrong.
    pub fn report_evictions(&self) {
        self.bound.report(true);
    }

    /// The totals that are to be printed.
    pub fn rank(mut self, limits: Limits) -> Ranking {
        let mut others: Vec<_> = self.others.into_values().collect();
        // An address may have events both with a time and without.
        for (address, total) in &mut others {
            let more = match bits(address, self.prefixes) {
                Some(Bits::V4(ip)) => self.ipv4.take(ip),
                Some(Bits::V6(ip)) => self.ipv6.take(ip.into()),
                None => 0,
            };
            total.add(more, None);
        }
        Ranking {
            ipv4: self.ipv4.rank(limits),
            ipv6: self.ipv6.rank(limits),
            others: first_of(others, limits),
            prefixes: self.prefixes,
        }
    }

    /// The same of a part of all addresses, if each of these has a part of their events. All have
    /// this seed.
    pub fn rank_part(all: &[Totals], part: Part, seed: Seed, arguments: &Arguments) -> Ranking {
        let limits = arguments.limits();
        let mut sum = Totals::new(arguments, seed);
        let lengths = sum.prefixes;
        let is_here = |address: &Address| match bits(address, lengths) {
            Some(Bits::V4(ip)) => part.has(ip.hash(seed)),
            Some(Bits::V6(ip)) => part.has(Ipv6Key::from(ip).hash(seed)),
            None => part.has(address.hash(seed)),
        };
        let others = all.iter().flat_map(|totals| totals.others.values());
        for (address, total) in others.filter(|(address, _)| is_here(address)) {
            sum.count_other(*address, total.count, total.span);
        }
        let mut others: Vec<_> = sum.others.into_values().collect();
        let ipv4: Vec<_> = all.iter().map(|totals| &totals.ipv4).collect();
        let ipv6: Vec<_> = all.iter().map(|totals| &totals.ipv6).collect();
        let (mut with_time4, mut with_time6) = (HashSet::new(), HashSet::new());
        for (address, total) in &mut others {
            match bits(address, sum.prefixes) {
                Some(Bits::V4(ip)) => {
                    total.add(Counts::sum(&ipv4, ip), None);
                    with_time4.insert(ip);
                }
                Some(Bits::V6(ip)) => {
                    total.add(Counts::sum(&ipv6, ip.into()), None);
                    with_time6.insert(ip.into());
                }
                None => {}
            }
        }
        Ranking {
            ipv4: Counts::rank_part(&ipv4, part, limits, &with_time4),
            ipv6: Counts::rank_part(&ipv6, part, limits, &with_time6),
            others: first_of(others, limits),
            prefixes: sum.prefixes,
        }
    }
}

/// The number of a network, if it is one of those that are counted.
fn bits(address: &Address, (four, six): (u8, u8)) -> Option<Bits> {
    match address.ip() {
        IpAddr::V4(ip) => (address.prefix_len() == four).then(|| Bits::V4(ip.to_bits())),
        IpAddr::V6(ip) => (address.prefix_len() == six).then(|| Bits::V6(ip.to_bits())),
    }
}
