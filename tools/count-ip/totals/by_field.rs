//! The counts of the values of a field, with the number of addresses that had each.

use std::cmp::Reverse;
use std::time::Duration;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::complain;
use pipeban::time::Time;

use super::total::Total;
use crate::arguments::Arguments;
use crate::fields::{Fields, Keys};
use crate::line::{BadLines, Line};
use crate::steps::Plain;
use crate::table::bound::{Aged, Bound};
use crate::table::counts::Limits;
use crate::table::map::{AddressMap, Map, Weight};
use crate::table::memory::BATCH;
use crate::table::set::AddressSet;
use crate::throttle::{self, LastCounted};
use crate::usual::Searched;
use crate::value::{Text, Value, Values};

/// The events of one value.
#[derive(Default)]
pub struct FieldTotal {
    /// The value itself.
    pub text: Box<[u8]>,
    pub sum: Total,
    /// The addresses with it.
    pub addresses: AddressSet,
}

/// A total in its order, with the key of its value.
pub type Ranked = (Value, FieldTotal);

impl Weight for FieldTotal {
    fn weight(&self) -> usize {
        let weight = self.text.len() + self.addresses.weight();
        // A third more for the gaps that pieces of many sizes leave.
        weight * 4 / 3
    }
}

/// The totals so far, by value.
pub struct FieldTotals {
    keys: Keys,
    searched: Searched,
    values: Values,
    totals: Map<Value, FieldTotal>,
    bound: Bound,
    merge: bool,
    throttle: Option<Duration>,
    last_counted: AddressMap<LastCounted>,
    /// Events that are read and not counted yet.
    batch: Vec<Pending>,
    /// The number of records without the field.
    pub without: u64,
}

/// Events of an address with a value.
struct Pending {
    by: Text,
    address: Address,
    count: u64,
    span: Option<(Time, Time)>,
}

impl FieldTotals {
    /// No counts yet, by the field that the command line names.
    pub fn new(arguments: &Arguments) -> Self {
        let keys = Keys::new(arguments).unwrap_or_default();
        FieldTotals {
            searched: keys.searched(),
            keys,
            values: Values::random(),
            totals: Map::new(),
            bound: Bound::new(arguments.max_addresses, false),
            merge: arguments.merge,
            throttle: arguments.throttle,
            last_counted: AddressMap::new(),
            batch: Vec::with_capacity(BATCH),
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
            lines += 1;
            if let Some(length) = self.count_usual(rest, now) {
                rest = &rest[length + 1..];
                continue;
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let read = Line::read(rest, end, self.merge, false);
            let text = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            match read {
                Ok(Some(line)) => {
                    let fields = self.keys.read(text, &line.address, self.values);
                    self.count_line(line.address, line.count, line.span, fields, now);
                }
                Ok(None) => {}
                Err(fault) => bad.push((lines, fault)),
            }
        }
        self.add_batch();
        (lines, bad)
    }

    /// Counts the line that `text` begins with, if it has the usual form; returns its length.
    #[inline(always)]
    fn count_usual(&mut self, text: &[u8], now: Time) -> Option<usize> {
        if self.merge {
            return None;
        }
        let line = self.searched.read(text, Plain)?;
        let at = match line.at() {
            Some(text) => Some(Time::parse(text)?),
            None => None,
        };
        let address: Address = line.bits.into();
        let fields = self
            .keys
            .of_usual(&self.searched, &line, &address, self.values);
        self.count_line(address, 1, at.map(|at| (at, at)), fields, now);
        Some(line.length)
    }

    #[inline(always)]
    fn count_line(
        &mut self,
        address: Address,
        count: u64,
        span: Option<(Time, Time)>,
        fields: Option<Fields>,
        now: Time,
    ) {
        let Some(by) = fields.and_then(|fields| fields.by) else {
            self.without += 1;
            return;
        };
        if let Some(throttle) = self.throttle {
            let (_, at) = span.unwrap_or((now, now));
            let hash = self.last_counted.hash(&address);
            let place = loop {
                let known = &mut self.last_counted;
                match known.place(&address, hash, &mut self.bound) {
                    Some(place) => break place,
                    None => self.make_room(),
                }
            };
            let counts = |last: &mut LastCounted| throttle::counts(throttle, &mut last.0, at, None);
            if !self.last_counted.change(place, counts) {
                return;
            }
        }
        if count > 0 {
            self.batch.push(Pending {
                by,
                address,
                count,
                span,
            });
            if self.batch.len() == BATCH {
                self.add_batch();
            }
        }
    }

    /// Adds the events that are read. The sets of addresses may be large, so the places of all are
    /// loaded before the first is used.
    fn add_batch(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        for event in &batch {
            if let Some(total) = self.totals.guess(self.totals.hash(&event.by.value)) {
                total.addresses.prefetch(&event.address);
            }
        }
        for event in batch.drain(..) {
            self.add(&event.by, event.address, event.count, event.span);
        }
        self.batch = batch;
    }

    /// Adds `count` events of an address to a value.
    pub fn add(&mut self, by: &Text, address: Address, count: u64, span: Option<(Time, Time)>) {
        let hash = self.totals.hash(&by.value);
        loop {
            if let Some(place) = self.totals.place(&by.value, hash, &mut self.bound) {
                self.totals.change(place, |total| {
                    if total.addresses.len() == 0 {
                        total.text = by.to_vec().into();
                    }
                    total.sum.add(count, span);
                    total.addresses.insert(address);
                });
                self.bound.relieve([&mut self.totals]);
                return;
            }
            self.make_room();
        }
    }

    /// Adds totals that were saved.
    pub fn add_saved(
        &mut self,
        text: &[u8],
        address: Address,
        count: u64,
        span: Option<(Time, Time)>,
    ) {
        self.add(&self.values.with_text(text), address, count, span);
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

    /// The totals within the limits, the highest first, then by value.
    pub fn rank(self, Limits { least, top }: Limits) -> Vec<Ranked> {
        // With their keys, as they lie in the table: so the vector takes over its memory.
        let mut all: Vec<_> = self.totals.into_values().collect();
        all.retain(|(_, total)| total.sum.count >= least);
        all.sort_unstable_by(|(_, a), (_, b)| {
            let counts = Reverse(a.sum.count).cmp(&Reverse(b.sum.count));
            counts.then_with(|| a.text.cmp(&b.text))
        });
        all.truncate(top);
        all
    }
}
