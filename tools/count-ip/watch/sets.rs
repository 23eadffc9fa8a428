//! Distinct values of millions of addresses, where the rule is no more than a threshold of them.
//!
//! Each address has a row for its values, one fewer than the threshold. It counts as a
//! [`Group`](super::groups::group::Group) of one address does.

use std::time::Duration;

use pipeban::time::Time;

use super::rule::Verdict;
use super::windows::{begin, microseconds};
use crate::table::key::Seed;
use crate::table::map::MapKey;
use crate::table::memory;
use crate::table::rows::NONE;
use crate::value::Value;

/// The numbers of an entry in a window: its value, which is [`NONE`] where there is none, the first
/// and the last time of its events, and their number. Without a window it is the value alone.
const TIMED: usize = 4;

/// The numbers before the entries. In a window it is the time of the newest event, without one the
/// number of events and their first and last time.
const NEWEST: usize = 1;
const SUM: usize = 3;

/// The events of an address that reached the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    pub count: u64,
    pub first: Time,
    pub last: Time,
}

/// The rule of distinct values.
#[derive(Clone, Copy)]
pub struct DistinctRule {
    threshold: usize,
    seed: Seed,
    /// The length of the window, in microseconds.
    within: Option<i64>,
}

impl DistinctRule {
    /// `threshold` is 1 to [`MOST`](super::windows::MOST).
    pub fn new(threshold: usize, within: Option<Duration>) -> Self {
        DistinctRule {
            threshold,
            seed: Seed::random(),
            within: within.map(microseconds),
        }
    }

    /// The width of a row. It fills whole cache lines where this takes little more memory.
    pub fn width(&self) -> usize {
        const LINE: usize = memory::LINE / size_of::<i64>();
        let width = self.used();
        let whole = width.next_multiple_of(LINE);
        if (whole - width) * 5 <= width {
            whole
        } else {
            width
        }
    }

    /// The part of a row that is used.
    #[inline(always)]
    fn used(&self) -> usize {
        let entries = self.threshold - 1;
        match self.within {
            Some(_) => NEWEST + TIMED * entries,
            None => SUM + entries,
        }
    }

    /// A value as one number, so that a row takes fewer cache lines. In a row are fewer than
    /// [`MOST`](super::windows::MOST) values: two of them are the same number once in 2^60 rows,
    /// and nobody who does not know the seed can find such.
    #[inline(always)]
    fn number(&self, value: Value) -> i64 {
        // Not `NONE`.
        (value.hash(self.seed) | 1) as i64
    }

    /// Counts an event. No time lies after `now`.
    #[inline(always)]
    pub fn add(
        &self,
        row: &mut [i64],
        value: Value,
        at: Time,
        now: Option<Time>,
    ) -> Verdict<Reached> {
        let limit = now.map_or(i64::MAX, |now| now.0);
        let at = at.0.min(limit);
        let (row, value) = (&mut row[..self.used()], self.number(value));
        match self.within {
            Some(within) => add_within(row, value, at, limit, within),
            None => add(row, value, at),
        }
    }
}

#[inline(always)]
fn add(row: &mut [i64], value: i64, at: i64) -> Verdict<Reached> {
    let Some((sum, entries)) = row.split_first_chunk_mut::<SUM>() else {
        return Verdict::Counted;
    };
    // Only the last branch depends on the row: the others would be mispredicted half of the time.
    let [count, first, last] = *sum;
    let is_new = count == NONE;
    let (count, first) = (
        if is_new { 0 } else { count },
        if is_new { at } else { first },
    );
    *sum = [count.saturating_add(1), first.min(at), last.max(at)];
    // The value's own place, or the first free one.
    let mut place = entries.len();
    for (i, entry) in entries.iter().enumerate().rev() {
        let is_it = (*entry == value) | (*entry == NONE);
        place = if is_it { i } else { place };
    }
    if let Some(entry) = entries.get_mut(place) {
        *entry = value;
        return Verdict::Counted;
    }
    let [count, first, last] = *sum;
    row.fill(NONE);
    Verdict::Reached(Reached {
        count: count as u64,
        first: Time(first),
        last: Time(last),
    })
}

#[inline(always)]
fn add_within(row: &mut [i64], value: i64, at: i64, limit: i64, within: i64) -> Verdict<Reached> {
    let Some((newest, entries)) = row.split_first_mut() else {
        return Verdict::Counted;
    };
    let entries = entries.as_chunks_mut::<TIMED>().0;
    if *newest > limit {
        *newest = limit;
        for [.., first, last, _] in entries.iter_mut() {
            (*first, *last) = ((*first).min(limit), (*last).min(limit));
        }
    }
    let from = begin(at.max(*newest), within);
    if at < from {
        return Verdict::Late;
    }
    *newest = at.max(*newest);
    // The entries that are left move to the front.
    let (mut kept, mut same) = (0, None);
    for i in 0..entries.len() {
        let entry = entries[i];
        if entry[0] == NONE {
            break;
        }
        if entry[2] >= from {
            if entry[0] == value {
                same = Some(kept);
            }
            entries[kept] = entry;
            kept += 1;
        }
    }
    if let Some(place) = same {
        let [.., first, last, count] = &mut entries[place];
        (*first, *last) = (at.min(*first), at.max(*last));
        *count = count.saturating_add(1);
    } else if kept < entries.len() {
        entries[kept] = [value, at, at, 1];
        kept += 1;
    } else {
        let mut reached = Reached {
            count: 1,
            first: Time(at),
            last: Time(at),
        };
        for [.., first, last, count] in entries.iter() {
            reached.count = reached.count.saturating_add(*count as u64);
            reached.first = reached.first.min(Time(*first));
            reached.last = reached.last.max(Time(*last));
        }
        entries.as_flattened_mut().fill(NONE);
        return Verdict::Reached(reached);
    }
    if let Some(next) = entries.get_mut(kept) {
        next[0] = NONE;
    }
    Verdict::Counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Values;
    use crate::watch::groups::group::{Group, GroupEvent, GroupRule};
    use pipeban::address::Address;

    /// Also with times out of order, and where the clock is set back.
    #[test]
    fn as_a_group_counts() {
        let mut random = fastrand::Rng::with_seed(1);
        let address = Address::parse(b"203.0.113.7").expect("an address");
        let values = Values::random();
        for (threshold, within) in [(1, 9), (2, 9), (3, 12), (5, 20), (16, 90), (4, 0), (1, 0)] {
            let within = Some(within).filter(|n| *n > 0).map(Duration::from_micros);
            let rule = DistinctRule::new(threshold, within);
            let slow = GroupRule {
                threshold: threshold as u64,
                within,
                distinct: true,
                ..GroupRule::default()
            };
            let mut row = vec![NONE; rule.width()];
            let mut group = Group::default();
            let (mut reached, mut late) = (0, 0);
            for i in 0..100_000 {
                let text = "value".repeat(random.usize(..threshold + 3));
                let value = values.text(text.as_bytes());
                let at = Time(i / 2 + random.i64(0..20));
                let now = random.bool().then(|| Time(i / 2 + random.i64(0..30) - 10));
                let event = GroupEvent {
                    at,
                    address,
                    count: 1,
                    value,
                    user: Value::NONE,
                    success: false,
                    lines: vec![],
                };
                let answer = rule.add(&mut row, value, at, now);
                let expected = group.add(&slow, event, &address, now).map(|reports| {
                    let crossing = &reports.as_slice()[0].crossing;
                    assert_eq!(crossing.distinct, Some(threshold as u64));
                    let (first, last) = (crossing.first, crossing.last);
                    let count = crossing.count;
                    Reached { count, first, last }
                });
                assert_eq!(answer, expected, "{i}, {threshold}, {within:?}");
                reached += u32::from(matches!(answer, Verdict::Reached(_)));
                late += u32::from(answer == Verdict::Late);
            }
            assert!(reached > 100, "{reached} at {threshold}");
            assert!(late == 0 || within.is_some());
        }
    }
}
