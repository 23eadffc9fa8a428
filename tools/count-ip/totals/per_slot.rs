//! The counts of addresses by time slot.

use std::cmp::Reverse;
use std::time::Duration;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::time::{Time, Zone};

use super::total::Total;
use crate::arguments::Arguments;
use crate::line::{BadLines, Line};
use crate::table::bound::{Aged, Bound};
use crate::table::counts::Limits;
use crate::table::key::Seed;
use crate::table::map::{AddressMap, Map, MapKey};
use crate::throttle::{self, LastCounted};
use crate::times::{Times, is_live};

/// Divides time into slots, which begin at round hours, midnights or Mondays of a time zone.
pub struct Slots {
    /// The length of a slot, in seconds.
    length: i64,
    zone: Zone,
}

impl Slots {
    /// Slots of this length, at least a second, in the local time zone.
    pub fn new(length: Duration) -> Self {
        Slots {
            length: i64::try_from(length.as_secs()).unwrap_or(i64::MAX).max(1),
            zone: Zone::local(),
        }
    }

    /// The beginning of the slot in which a moment lies.
    pub fn start(&self, at: Time) -> Time {
        const DAY: i64 = 86_400;
        let moment = at.0.div_euclid(1_000_000);
        let offset = self.zone.offset_at(moment);
        let local = moment.saturating_add(offset.into());
        // 1970 began on a Thursday; slots of weeks begin on Mondays.
        let shift = if self.length % (7 * DAY) == 0 {
            3 * DAY
        } else {
            0
        };
        let passed = local.saturating_add(shift).rem_euclid(self.length);
        let start = moment.saturating_sub(passed);
        // Where clocks were set since then, the slot begins at the same time of the clock.
        if self.zone.offset_at(start) == offset {
            Time::from_secs(start)
        } else {
            Time::from_secs(self.zone.moments(local - passed).0)
        }
    }

    /// The beginning of the slot after that which begins at `start`.
    pub fn next(&self, start: Time) -> Time {
        // An hour more, as a day may have 25.
        let later = start + Duration::from_secs(self.length.unsigned_abs().saturating_add(3600));
        let next = self.start(later);
        let one = self.start(start + Duration::from_secs(self.length.unsigned_abs()));
        if one > start { one } else { next }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: the zone, the length in seconds, a moment, the slot's beginning and the next one's.
    #[test]
    fn slots_begin_at_round_times() {
        for (zone, length, at, start, next) in [
            (
                "UTC",
                3600,
                "2026-03-30T02:59:59.9Z",
                "2026-03-30T02:00:00Z",
                "2026-03-30T03:00:00Z",
            ),
            (
                "+09:00",
                86_400,
                "2026-03-30T15:30:00Z",
                "2026-03-30T15:00:00Z",
                "2026-03-31T15:00:00Z",
            ),
            (
                "+05:30",
                3600,
                "2026-03-30T00:29:00Z",
                "2026-03-29T23:30:00Z",
                "2026-03-30T00:30:00Z",
            ),
            // A week begins on Monday.
            (
                "UTC",
                604_800,
                "2026-03-29T23:00:00Z",
                "2026-03-23T00:00:00Z",
                "2026-03-30T00:00:00Z",
            ),
            (
                "UTC",
                900,
                "1969-12-31T23:59:00Z",
                "1969-12-31T23:45:00Z",
                "1970-01-01T00:00:00Z",
            ),
            // Days of 23 and of 25 hours.
            (
                "Europe/Berlin",
                86_400,
                "2026-03-29T20:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Europe/Berlin",
                86_400,
                "2026-10-25T22:30:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            // The hour that clocks show twice is two slots.
            (
                "Europe/Berlin",
                3600,
                "2026-10-25T00:30:00Z",
                "2026-10-25T00:00:00Z",
                "2026-10-25T01:00:00Z",
            ),
        ] {
            // Without the system's database of zones these rows say nothing.
            let Ok(zone) = Zone::parse(zone) else {
                continue;
            };
            let slots = Slots { length, zone };
            let time = |text: &str| Time::parse(text.as_bytes()).expect("a time");
            assert_eq!(slots.start(time(at)), time(start), "{at}");
            assert_eq!(slots.next(time(start)), time(next), "{at}");
        }
    }
}
