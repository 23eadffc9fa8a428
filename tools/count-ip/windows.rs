//! Sliding windows of millions of addresses, where a threshold is all that is asked: each address has a row of
//! fixed width for its last times, found by one access to the index and read by another. Both are asked of the
//! memory for a batch of addresses at once.

use std::time::Duration;

use pipeban::time::Time;

use crate::bound::{Aged, Bound};
use crate::counts::{Key, Seed};
use crate::table::{Slot, Table, prefetch};

/// The largest threshold for which the width of a row, 8 bytes each, is worth it also for addresses of one event.
pub const MOST: u64 = 16;

/// The first and the last event of a window that reached the threshold.
type Reached = (Time, Time);

pub struct Windows<K, const N: usize> {
    /// The number of each address's row, 1 for the first.
    index: Table<K, N>,
    /// Each row begins with an age and, above 8 bits, the number of times; then these, sorted.
    rows: Vec<i64>,
    used: usize,
    threshold: usize,
    within: Duration,
    seed: Seed,
}

impl<K: Key, const N: usize> Windows<K, N> {
    pub fn new(threshold: usize, within: Duration) -> Self {
        Windows {
            index: Table::new(64),
            rows: Vec::new(),
            used: 0,
            threshold,
            within,
            seed: Seed::random(),
        }
    }

    /// Has the memory bring the place in the index of a key that is to be counted soon.
    #[inline(always)]
    pub fn prefetch_index(&self, key: K) {
        self.index.prefetch(self.home(key));
    }

    /// The same for its row, when the index is there.
    #[inline(always)]
    pub fn prefetch_row(&self, key: K) {
        let row = self.index.glance(self.home(key), key);
        let start = self.start(row);
        if let Some(row) = self.rows.get(start..start.wrapping_add(self.threshold)) {
            // It may lie across the end of a cache line.
            prefetch(&row[0]);
            prefetch(&row[row.len() - 1]);
        }
    }

    /// Counts an event; the rules are those of [`Tally::add`](crate::tally::Tally::add). `None` if
    /// [`Bound::make_room`] must come first.
    #[inline(always)]
    pub fn add(
        &mut self,
        key: K,
        at: Time,
        now: Option<Time>,
        bound: &mut Bound,
    ) -> Option<Option<Reached>> {
        let (age, 1..) = bound.period() else {
            return None;
        };
        let place = self.index.find(self.home(key), key, |_| true);
        if self.index.get(place).value == 0 {
            if self.is_full() || !bound.hold_one() {
                return None;
            }
            self.used += 1;
            self.rows.resize(self.start(self.used as u32 + 1), 0);
            *self.index.get_mut(place) = Slot {
                key,
                value: self.used as u32,
            };
        }
        bound.pass(1);
        let start = self.start(self.index.get(place).value);
        let (head, times) = self.rows[start..][..self.threshold].split_first_mut()?;
        let length = (*head >> 8) as usize;
        let (length, reached) = slide(times, length, at, now, self.within);
        *head = (length as i64) << 8 | i64::from(age);
        Some(reached)
    }

    #[inline(always)]
    fn home(&self, key: K) -> usize {
        self.index.home(key.hash(self.seed))
    }

    /// Where the row of this number begins.
    #[inline(always)]
    fn start(&self, row: u32) -> usize {
        (row as usize).wrapping_sub(1).wrapping_mul(self.threshold)
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.index.len() * 3
    }

    fn put(&mut self, slot: Slot<K>) {
        let place = self.index.find(self.home(slot.key), slot.key, |_| true);
        *self.index.get_mut(place) = slot;
    }
}

/// Puts another event into its place among the times, of which `length` count; answers how many do then.
#[inline(always)]
fn slide(
    times: &mut [i64],
    length: usize,
    at: Time,
    now: Option<Time>,
    within: Duration,
) -> (usize, Option<Reached>) {
    let limit = now.map_or(i64::MAX, |now| now.0);
    let at = at.0.min(limit);
    let held = &mut times[..length];
    for time in held.iter_mut().rev().take_while(|time| **time > limit) {
        *time = limit;
    }
    let newest = held.last().map_or(at, |last| at.max(*last));
    let Time(from) = Time(newest) - within;
    if at < from {
        return (length, None);
    }
    let outside = held.iter().take_while(|time| **time < from).count();
    let kept = length - outside;
    if kept == times.len() {
        let first = Time(times.first().map_or(at, |first| at.min(*first)));
        return (0, Some((first, Time(newest))));
    }
    if outside > 0 {
        times.copy_within(outside..length, 0);
    }
    let mut place = kept;
    while place > 0 && times[place - 1] > at {
        times[place] = times[place - 1];
        place -= 1;
    }
    times[place] = at;
    (kept + 1, None)
}

impl<K: Key, const N: usize> Aged for Windows<K, N> {
    fn census(&self, ages: &mut [usize; 256]) {
        for head in self.rows.iter().step_by(self.threshold) {
            ages[usize::from(*head as u8)] += 1;
        }
    }

    fn shift(&mut self, by: u8) {
        for head in self.rows.iter_mut().step_by(self.threshold) {
            *head -= i64::from((*head as u8).min(by));
        }
    }

    fn forget(&mut self, age: u8) -> usize {
        // The rows that stay move together; their numbers change.
        let mut numbers = vec![0; self.used];
        let mut kept = 0;
        for (row, number) in numbers.iter_mut().enumerate() {
            let start = self.start(row as u32 + 1);
            if self.rows[start] as u8 > age {
                kept += 1;
                *number = kept;
                let place = self.start(kept);
                self.rows.copy_within(start..start + self.threshold, place);
            }
        }
        self.rows.truncate(self.start(kept + 1));
        let number = |slot: &Slot<K>| Slot {
            value: numbers[slot.value as usize - 1],
            ..*slot
        };
        let slots = self.index.used().map(number);
        let slots: Vec<_> = slots.filter(|slot| slot.value > 0).collect();
        self.index.clear();
        slots.into_iter().for_each(|slot| self.put(slot));
        let gone = self.used - kept as usize;
        self.used = kept as usize;
        gone
    }

    fn size(&self) -> usize {
        self.index.size() + self.rows.capacity() * size_of::<i64>()
    }

    fn growth(&self) -> usize {
        // Of the index, old and new stand side by side. The system moves the pages of the rows.
        if self.is_full() {
            self.index.size() * 3 / 2 + self.rows.capacity() * size_of::<i64>() / 2
        } else {
            0
        }
    }

    fn grow(&mut self) {
        let larger = Table::new(self.index.len() * 3 / 2);
        let old = std::mem::replace(&mut self.index, larger);
        old.used().for_each(|slot| self.put(*slot));
        let rows = self.start(self.index.len() as u32 * 3 / 4 + 2);
        self.rows.reserve_exact(rows - self.rows.len());
    }
}
