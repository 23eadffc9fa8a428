//! Sliding windows of millions of addresses, where the rule is a threshold and no more.
//!
//! Each address has a row of fixed width for its last times. One access to the index finds the row
//! and another reads it; both are made for a batch of addresses at once.

use std::time::Duration;

use pipeban::time::Time;

use super::rule::Verdict;
use crate::table::bound::{Aged, Bound};
use crate::table::key::{Key, Seed};
use crate::table::memory::{has_capacity, prefetch, reserve};
use crate::table::open::Table;
use crate::table::slot::Slot;

/// The highest threshold: with more than this, rows of 8 bytes for each time are too wide for
/// addresses with a single event.
pub const MOST: u64 = 16;
/// The highest number of addresses, being that of row numbers. The bound on memory allows fewer.
pub const MOST_ADDRESSES: usize = (1 << 24) - 1;

/// The first and the last event of a window that reached the threshold.
type Reached = (Time, Time);

/// No time; it sorts before all times.
const NONE: i64 = i64::MIN;

/// The windows of all addresses of a family.
pub struct Windows<K, const N: usize> {
    /// The number of each address's row, 1 for the first, and in the lower 8 bits its age.
    index: Table<K, N>,
    /// The last times of each address, sorted: one fewer than the threshold, because counting
    /// begins again there.
    rows: Vec<i64>,
    /// The index in `rows` of the first row.
    first: usize,
    /// The number of the first free row. Each holds the number of the next one in place of its
    /// first time; 0 ends the list.
    free: u32,
    used: usize,
    width: usize,
    threshold: usize,
    /// The length of the window, in microseconds.
    within: i64,
    seed: Seed,
}

impl<K: Key, const N: usize> Windows<K, N> {
    /// No events yet.
    pub fn new(threshold: usize, within: Duration) -> Self {
        let mut windows = Windows {
            index: Table::new(64),
            rows: Vec::new(),
            first: 0,
            free: 0,
            used: 0,
            // With a threshold of 1 no time is ever kept, but a free row needs a place for a
            // number.
            width: threshold.max(2) - 1,
            threshold,
            within: i64::try_from(within.as_micros()).unwrap_or(i64::MAX),
            seed: Seed::random(),
        };
        windows.reserve_rows();
        windows
    }

    /// The place in the index at which the search for a key begins; loads it.
    #[inline(always)]
    pub fn prefetch_index(&self, key: K) -> usize {
        let home = self.home(key);
        self.index.prefetch(home);
        home
    }

    /// The place in the index where the key is or belongs; loads its row. `home` comes from
    /// [`prefetch_index`](Self::prefetch_index), which has done its work by then.
    #[inline(always)]
    pub fn prefetch_row(&self, key: K, home: usize) -> usize {
        let place = self.index.find(home, key, |_| true);
        let start = self.start(self.index.get(place).value >> 8);
        if let Some(row) = self.rows.get(start..start.wrapping_add(self.width)) {
            // It may lie in two cache lines.
            prefetch(&row[0]);
            prefetch(&row[row.len() - 1]);
        }
        place
    }

    /// Counts an event as [`Tally::add`](super::tally::Tally::add) does; `None` if
    /// [`Bound::make_room`] must be called first. `place` is the one that
    /// [`prefetch_row`](Self::prefetch_row) returned.
    #[inline(always)]
    pub fn add(
        &mut self,
        key: K,
        place: usize,
        at: Time,
        now: Option<Time>,
        bound: &mut Bound,
    ) -> Option<Verdict<Reached>> {
        let (age, 1..) = bound.period() else {
            return None;
        };
        let mut slot = *self.index.get(place);
        let mut place = place;
        if slot.key != key || slot.value == 0 {
            place = self.index.find(self.home(key), key, |_| true);
            slot = *self.index.get(place);
            if slot.value == 0 {
                slot = self.begin(key, bound)?;
            }
        }
        slot.value = slot.value & !0xff | u32::from(age);
        *self.index.get_mut(place) = slot;
        bound.advance(1);
        let start = self.start(slot.value >> 8);
        let row = &mut self.rows[start..][..self.width];
        Some(slide(&mut row[..self.threshold - 1], at, now, self.within))
    }

    /// A slot with a row for a new address; `None` if [`Bound::make_room`] must be called first.
    fn begin(&mut self, key: K, bound: &mut Bound) -> Option<Slot<K>> {
        if self.is_full() || !bound.try_hold() {
            return None;
        }
        self.used += 1;
        let number = if self.free == 0 {
            self.rows.resize(self.rows.len() + self.width, NONE);
            ((self.rows.len() - self.first) / self.width) as u32
        } else {
            let start = self.start(self.free);
            let row = &mut self.rows[start..][..self.width];
            let next = std::mem::replace(&mut row[0], NONE) as u32;
            std::mem::replace(&mut self.free, next)
        };
        let value = number << 8;
        Some(Slot { key, value })
    }

    #[inline(always)]
    fn home(&self, key: K) -> usize {
        self.index.home(key.hash(self.seed))
    }

    /// The index of the first time of a row.
    #[inline(always)]
    fn start(&self, row: u32) -> usize {
        start(self.first, self.width, row)
    }

    /// Reserves as many rows as the index has addresses.
    fn reserve_rows(&mut self) {
        let rows = self.index.len() * 3 / 4 + 1;
        reserve(&mut self.rows, &mut self.first, rows * self.width);
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.index.len() * 3
    }
}

/// The index of the first time of a row, the first row beginning at `first`; for row 0, which does
/// not exist, an index outside of the vector.
#[inline(always)]
fn start(first: usize, width: usize, row: u32) -> usize {
    (row as usize)
        .wrapping_sub(1)
        .wrapping_mul(width)
        .wrapping_add(first)
}

/// Inserts an event among the times before it, in place of the earliest, which is then out of the
/// window; if the earliest is still inside, the threshold is reached.
#[inline(always)]
fn slide(times: &mut [i64], at: Time, now: Option<Time>, within: i64) -> Verdict<Reached> {
    let limit = now.map_or(i64::MAX, |now| now.0);
    let mut at = at.0.min(limit);
    if times.last().is_some_and(|last| *last > limit) {
        set_back(times, limit, within);
    }
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
        return Verdict::Reached((Time(at), Time(at)));
    };
    let newest = at.max(last);
    let from = begin(newest, within);
    if at < from {
        return Verdict::Late;
    }
    if first >= from {
        times.fill(NONE);
        return Verdict::Reached((Time(at.min(first)), Time(newest)));
    }
    for time in times.iter_mut().rev() {
        let earlier = at.min(*time);
        *time = at.max(*time);
        at = earlier;
    }
    Verdict::Counted
}

/// The beginning of the window that ends at `newest`.
#[inline(always)]
fn begin(newest: i64, within: i64) -> i64 {
    newest.saturating_sub(within).max(NONE + 1)
}

/// Makes times after the limit the limit. Those outside of the window before stay outside.
#[cold]
fn set_back(times: &mut [i64], limit: i64, within: i64) {
    let from = times.last().map_or(NONE, |last| begin(*last, within));
    for time in times {
        *time = if *time < from { NONE } else { limit.min(*time) };
    }
}

impl<K: Key, const N: usize> Aged for Windows<K, N> {
    fn count_ages(&self, ages: &mut [usize; 256]) {
        for slot in self.index.used() {
            ages[usize::from(slot.value as u8)] += 1;
        }
    }

    fn lower_ages(&mut self, by: u8) {
        for slot in self.index.used_mut() {
            slot.value -= u32::from((slot.value as u8).min(by));
        }
    }

    fn evict(&mut self, age: u8) -> usize {
        let seed = self.seed;
        let (rows, first, width) = (&mut self.rows, self.first, self.width);
        let free = &mut self.free;
        let mut gone = 0;
        self.index.retain(
            |slot| slot.key.hash(seed),
            |slot| {
                let stays = slot.value as u8 > age;
                if !stays {
                    gone += 1;
                    let number = slot.value >> 8;
                    let row = &mut rows[start(first, width, number)..][..width];
                    row.fill(NONE);
                    row[0] = std::mem::replace(free, number).into();
                }
                stays
            },
        );
        self.used -= gone;
        gone
    }

    fn size(&self) -> usize {
        self.index.size() + self.rows.len() * size_of::<i64>()
    }

    fn growth(&self) -> usize {
        if !self.is_full() {
            return 0;
        }
        let rows = self.rows.len() * size_of::<i64>();
        let in_place = has_capacity(&self.rows, self.rows.len() * 3 / 2);
        self.index.growth() + if in_place { rows / 2 } else { rows * 3 / 2 }
    }

    fn grow(&mut self) {
        let seed = self.seed;
        self.index.grow(|slot| slot.key.hash(seed));
        self.reserve_rows();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::rule::{Event, Rule};
    use crate::watch::tally::Tally;
    use pipeban::address::Address;

    /// Also with times out of order, and where the clock is set back.
    #[test]
    fn as_a_tally_counts() {
        let mut random = fastrand::Rng::with_seed(1);
        let host = Address::parse(b"203.0.113.7").expect("an address");
        for threshold in [1, 2, 3, 5, 16] {
            let within = Duration::from_micros(5 * threshold);
            let rule = Rule {
                threshold: Some(threshold),
                within: Some(within),
                ..Rule::default()
            };
            let mut windows = Windows::<u32, 8>::new(threshold as usize, within);
            let mut bound = Bound::new(None, true);
            let mut tallies = vec![Tally::default(); 1_000];
            let (mut reached, mut late) = (0, 0);
            for i in 0..200_000 {
                let key = random.u32(..1_000);
                let at = Time(i / 200 + random.i64(0..20));
                let now = random
                    .bool()
                    .then(|| Time(i / 200 + random.i64(0..30) - 10));
                let place = windows.prefetch_row(key, windows.prefetch_index(key));
                let answer = loop {
                    match windows.add(key, place, at, now, &mut bound) {
                        Some(answer) => break answer,
                        None => bound.make_room([&mut windows]),
                    }
                };
                let event = Event {
                    at,
                    host,
                    count: 1,
                    lines: vec![],
                    fields: None,
                };
                let crossing = tallies[key as usize].add(&rule, event, now);
                let expected = match crossing {
                    Verdict::Reached(crossing) => Verdict::Reached((crossing.first, crossing.last)),
                    Verdict::Counted => Verdict::Counted,
                    Verdict::Late => Verdict::Late,
                };
                assert_eq!(answer, expected);
                reached += u32::from(matches!(answer, Verdict::Reached(_)));
                late += u32::from(answer == Verdict::Late);
            }
            assert!(reached > 1_000, "{reached} at {threshold}");
            // Times are at most 20 µs out of order.
            let can_be_late = threshold > 1 && within < Duration::from_micros(20);
            assert_eq!(late > 0, can_be_late, "{late} late at {threshold}");
        }
    }
}
