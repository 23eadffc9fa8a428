//! The counts of addresses by time slot.

use std::cmp::Reverse;
use std::time::Duration;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::time::Time;

use super::slots::Slots;
use super::total::Total;
use crate::arguments::Arguments;
use crate::line::{BadLines, Line};
use crate::table::bound::{Aged, Bound};
use crate::table::counts::Limits;
use crate::table::key::Seed;
use crate::table::map::{AddressMap, Map, MapKey};
use crate::throttle::{self, LastCounted};
use crate::times::{Times, is_live};

/// A slot's beginning, and its totals by address.
pub type Slot = (Time, Vec<(Address, u64)>);

/// A slot's beginning, and an address in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SlotAddress(Time, Address);

impl MapKey for SlotAddress {
    #[inline(always)]
    fn hash(&self, seed: Seed) -> u64 {
        seed.hash(self.1.hash(seed), self.0.0 as u64)
    }
}

/// The totals so far, by slot and address.
pub struct SlotTotals {
    slots: Slots,
    pub times: Times,
    totals: Map<SlotAddress, Total>,
    bound: Bound,
    /// The highest number of addresses, if the user gave one.
    most: Option<usize>,
    merge: bool,
    /// The prefix lengths of the networks that are counted, of IPv4 and IPv6.
    prefixes: [u8; 2],
    throttle: Option<Duration>,
    last_counted: AddressMap<LastCounted>,
}

impl SlotTotals {
    /// No counts yet, by the slots that the command line asks for.
    pub fn new(arguments: &Arguments) -> Self {
        let [four, six] = arguments.sizes();
        SlotTotals {
            slots: Slots::new(arguments.per.unwrap_or_default()),
            times: Times::new(is_live(&arguments.files), true),
            totals: Map::new(),
            bound: Bound::new(arguments.max_addresses, true),
            most: arguments.max_addresses,
            merge: arguments.merge,
            prefixes: [four[0], six[0]],
            throttle: arguments.throttle,
            last_counted: AddressMap::new(),
        }
    }

    /// Counts the lines of a block; returns their number and the bad ones.
    pub fn count(&mut self, block: &[u8]) -> (u64, BadLines) {
        let mut bad = Vec::new();
        let mut rest = block;
        let mut lines = 0;
        // The arrival of the lines is the time of those without one.
        let now = Time::now();
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let read = Line::read(rest, end, self.merge, false);
            rest = rest.get(end + 1..).unwrap_or_default();
            lines += 1;
            match read {
                Ok(Some(line)) => self.count_line(&line, now),
                Ok(None) => {}
                Err(fault) => bad.push((lines, fault)),
            }
        }
        (lines, bad)
    }

    fn count_line(&mut self, line: &Line, now: Time) {
        let own = line.span.map(|(_, last)| last);
        if own.is_some() && self.times.is_first_timed() {
            self.totals = Map::new();
            self.last_counted = AddressMap::new();
            self.bound = Bound::new(self.most, true);
        }
        if (own.is_none() && !self.times.accept_untimed(1)) || line.count == 0 {
            return;
        }
        let (at, limit) = self.times.of(own, now);
        let at = limit.map_or(at, |limit| at.min(limit));
        if let Some(throttle) = self.throttle {
            let hash = self.last_counted.hash(&line.address);
            let place = loop {
                let known = &mut self.last_counted;
                match known.place(&line.address, hash, &mut self.bound) {
                    Some(place) => break place,
                    None => self.make_room(),
                }
            };
            let counts =
                |last: &mut LastCounted| throttle::counts(throttle, &mut last.0, at, limit);
            if !self.last_counted.change(place, counts) {
                return;
            }
        }
        let size = self.prefixes[usize::from(!line.address.is_ipv4())];
        self.add(self.slots.start(at), line.address.widen(size), line.count);
    }

    /// Adds `count` events, at least 1, to an address in the slot that begins at `start`.
    pub fn add(&mut self, start: Time, address: Address, count: u64) {
        let key = SlotAddress(start, address);
        let hash = self.totals.hash(&key);
        loop {
            if let Some(place) = self.totals.place(&key, hash, &mut self.bound) {
                return self.totals.change(place, |total| total.add(count, None));
            }
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        let tables: [&mut dyn Aged; 2] = [&mut self.totals, &mut self.last_counted];
        self.bound.make_room(tables);
    }

    /// Reports how many totals were evicted, if any were, and the records without a time.
    pub fn report(&self) {
        self.bound.report(true);
        self.times.report();
    }

    /// All totals: the beginning of the slot, the address, the count.
    pub fn into_totals(self) -> impl Iterator<Item = (Time, Address, u64)> {
        let all = self.totals.into_values();
        all.map(|(SlotAddress(start, address), total)| (start, address, total.count))
    }

    /// The slots in the order of time, each with the totals within the limits, the highest first,
    /// then by address.
    pub fn rank(self, Limits { least, top }: Limits) -> (Slots, Vec<Slot>) {
        let all = self.totals.into_values();
        let mut all: Vec<_> = all.map(|(key, total)| (key, total.count)).collect();
        all.sort_unstable_by_key(|(SlotAddress(slot, address), count)| {
            (*slot, Reverse(*count), *address)
        });
        let slots = all.chunk_by(|(a, _), (b, _)| a.0 == b.0).map(|slot| {
            let totals = slot.iter().map(|(key, count)| (key.1, *count));
            let totals = totals.filter(|(_, count)| *count >= least).take(top);
            (slot[0].0.0, totals.collect())
        });
        (self.slots, slots.collect())
    }
}
