//! The counts of the values of a field, with the number of addresses that had each.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::complain;
use pipeban::time::Time;

use super::total::Total;
use crate::arguments::Arguments;
use crate::fields::Keys;
use crate::line::{BadLines, Line};
use crate::table::bound::{Aged, Bound};
use crate::table::map::{AddressMap, Map, Weight};
use crate::throttle::{self, LastCounted};
use crate::value::{Value, Values};

/// The events of one value.
#[derive(Default)]
pub struct FieldTotal {
    /// The value itself.
    pub text: Box<[u8]>,
    /// The events of each address with it.
    pub addresses: HashMap<Address, Total>,
}

impl FieldTotal {
    /// The events of all addresses.
    pub fn sum(&self) -> Total {
        let mut sum = Total::default();
        for total in self.addresses.values() {
            sum.add(total.count, total.span);
        }
        sum
    }
}

impl Weight for FieldTotal {
    fn weight(&self) -> usize {
        // A byte of each place is the map's own.
        let places = self.addresses.capacity() * 8 / 7;
        let weight = self.text.len() + places * (size_of::<(Address, Total)>() + 1);
        // A third more for the gaps that pieces of many sizes leave.
        weight * 4 / 3
    }
}

/// The totals so far, by value.
pub struct FieldTotals {
    keys: Keys,
    values: Values,
    totals: Map<Value, FieldTotal>,
    bound: Bound,
    merge: bool,
    throttle: Option<Duration>,
    last_counted: AddressMap<LastCounted>,
    /// The number of records without the field.
    pub without: u64,
}

impl FieldTotals {
    /// No counts yet, by the field that the command line names.
    pub fn new(arguments: &Arguments) -> Self {
        FieldTotals {
            keys: Keys::new(arguments).unwrap_or_default(),
            values: Values::random(),
            totals: Map::new(),
            bound: Bound::new(arguments.max_addresses, false),
            merge: arguments.merge,
            throttle: arguments.throttle,
            last_counted: AddressMap::new(),
            without: 0,
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
            let text = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            lines += 1;
            match read {
                Ok(Some(line)) => self.count_line(&line, text, now),
                Ok(None) => {}
                Err(fault) => bad.push((lines, fault)),
            }
        }
        (lines, bad)
    }

    fn count_line(&mut self, line: &Line, text: &[u8], now: Time) {
        let fields = self.keys.read(text, &line.address, self.values);
        let Some(by) = fields.and_then(|fields| fields.by) else {
            self.without += 1;
            return;
        };
        if let Some(throttle) = self.throttle {
            let (_, at) = line.span.unwrap_or((now, now));
            let hash = self.last_counted.hash(&line.address);
            let place = loop {
                let known = &mut self.last_counted;
                match known.place(&line.address, hash, &mut self.bound) {
                    Some(place) => break place,
                    None => self.make_room(),
                }
            };
            let counts = |last: &mut LastCounted| throttle::counts(throttle, &mut last.0, at, None);
            if !self.last_counted.change(place, counts) {
                return;
            }
        }
        if line.count > 0 {
            self.add(&by.to_vec(), line.address, line.count, line.span);
        }
    }

    /// Adds `count` events of an address, at least 1, to a value.
    pub fn add(&mut self, text: &[u8], address: Address, count: u64, span: Option<(Time, Time)>) {
        let value = self.values.text(text);
        let hash = self.totals.hash(&value);
        loop {
            if let Some(place) = self.totals.place(&value, hash, &mut self.bound) {
                self.totals.change(place, |total| {
                    if total.text.is_empty() {
                        total.text = text.into();
                    }
                    let of_address = total.addresses.entry(address).or_default();
                    of_address.add(count, span);
                });
                self.bound.relieve([&mut self.totals]);
                return;
            }
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        let tables: [&mut dyn Aged; 2] = [&mut self.totals, &mut self.last_counted];
        self.bound.make_room(tables);
    }

    /// Reports how many values were evicted, if any were: then the totals are wrong; and how many
    /// records had no value.
    pub fn report(&self) {
        self.bound.report(true);
        if self.without > 0 {
            let (needed, number) = (self.keys.needed(), self.without);
            complain::note(
                "input",
                format_args!("records without {needed}, which do not count: {number}"),
            );
        }
    }

    /// The totals of each value.
    pub fn into_totals(self) -> impl Iterator<Item = FieldTotal> {
        self.totals.into_values().map(|(_, total)| total)
    }

    /// The totals of at least `least`, the highest first, then by value; of these, the first
    /// `top`.
    pub fn rank(self, least: u64, top: usize) -> Vec<(FieldTotal, Total)> {
        let with_sum = |total: FieldTotal| {
            let sum = total.sum();
            (total, sum)
        };
        let mut all: Vec<_> = self.into_totals().map(with_sum).collect();
        all.retain(|(_, sum)| sum.count >= least);
        all.sort_unstable_by(|(a, a_sum), (b, b_sum)| {
            let counts = Reverse(a_sum.count).cmp(&Reverse(b_sum.count));
            counts.then_with(|| a.text.cmp(&b.text))
        });
        all.truncate(top);
        all
    }
}
