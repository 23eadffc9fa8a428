//! Sliding windows of millions of addresses, where the rule is a threshold and no more.
//!
//! Each address has a row for its last times.

use std::time::Duration;

use pipeban::time::Time;

use super::rule::Verdict;
use crate::table::rows::NONE;

/// The highest threshold: with more than this, rows of 8 bytes for each time are too wide for
/// addresses with a single event.
pub const MOST: u64 = 16;

/// The first and the last event of a window that reached the threshold.
type Reached = (Time, Time);

/// The rule of windows.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    threshold: usize,
    /// The length of the window, in microseconds.
    within: i64,
}

impl Window {
    /// A threshold of 1 to [`MOST`].
    pub fn new(threshold: usize, within: Duration) -> Self {
        Window {
            threshold,
            within: microseconds(within),
        }
    }

    /// The width of a row: the last times of an address, sorted; one fewer than the threshold,
    /// because counting begins again there.
    pub fn width(&self) -> usize {
        // With a threshold of 1 no time is ever kept, but a free row needs a place for a number.
        self.threshold.max(2) - 1
    }

    /// Counts an event as [`Tally::add`](super::tally::Tally::add) does.
    #[inline(always)]
    pub fn add(&self, row: &mut [i64], at: Time, now: Option<Time>) -> Verdict<Reached> {
        slide(&mut row[..self.threshold - 1], at, now, self.within)
    }
}

/// A duration in microseconds.
pub fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
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
    if at >= last {
        times.copy_within(1.., 0);
        if let Some(end) = times.last_mut() {
            *end = at;
        }
        return Verdict::Counted;
    }
    for time in times.iter_mut().rev() {
        let earlier = at.min(*time);
        *time = at.max(*time);
        at = earlier;
    }
    Verdict::Counted
}

/// The beginning of the window that ends at `newest`; no time is before the first of all.
#[inline(always)]
pub fn begin(newest: i64, within: i64) -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::bound::Bound;
    use crate::table::rows::Rows;
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
            let window = Window::new(threshold as usize, within);
            let mut rows = Rows::<u32, 8>::new(window.width());
            let mut bound = Bound::new(None, true);
            let mut tallies = vec![Tally::default(); 1_000];
            let (mut reached, mut late) = (0, 0);
            for i in 0..200_000 {
                let key = random.u32(..1_000);
                let at = Time(i / 200 + random.i64(0..20));
                let now = random
                    .bool()
                    .then(|| Time(i / 200 + random.i64(0..30) - 10));
                let place = rows.prefetch_row(key, rows.prefetch_index(key));
                let answer = loop {
                    let add = |row: &mut [i64]| window.add(row, at, now);
                    if let (age, 1..) = bound.period()
                        && let Some(answer) = rows.change(key, place, age, &mut bound, add)
                    {
                        bound.advance(1);
                        break answer;
                    }
                    bound.make_room([&mut rows]);
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
