//! The number of events in the last while, by the times at which they happened.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::moment::Time;

/// The number of parts of a window: the answer is right to one of them.
const PARTS: i64 = 60;
/// One more, which has begun, and one for the rounding of its length.
const SLOTS: usize = PARTS as usize + 2;

/// Counts events in parts of a window. One thread adds; any may ask.
pub struct Recent {
    /// Its parts' length in microseconds, at least 1.
    part: i64,
    /// The events of a part, and its number since 1970.
    slots: [(AtomicI64, AtomicU64); SLOTS],
}

impl Recent {
    /// Of a window of this length.
    pub fn new(window: Duration) -> Self {
        let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
        Recent {
            part: window / PARTS + 1,
            slots: [const { (AtomicI64::new(0), AtomicU64::new(0)) }; SLOTS],
        }
    }

    /// Adds numbers of events, each with its time.
    #[inline]
    pub fn add(&self, events: impl IntoIterator<Item = (Time, u64)>) {
        // Most lie in the part of the one before: a division for each would be slow.
        let (mut part, mut within, mut number) = (0, Time::MAX..Time::MAX, 0);
        for (at, events) in events {
            if !within.contains(&at) {
                self.add_to(part, number);
                part = at.micros().div_euclid(self.part);
                let begin = part.saturating_mul(self.part);
                within = Time(begin)..Time(begin.saturating_add(self.part));
                number = 0;
            }
            number += events;
        }
        self.add_to(part, number);
    }

    fn add_to(&self, part: i64, events: u64) {
        let (own, number) = &self.slots[part.rem_euclid(SLOTS as i64) as usize];
        let known = own.load(Relaxed);
        if known < part {
            own.store(part, Relaxed);
            number.store(events, Relaxed);
        } else if known == part {
            number.fetch_add(events, Relaxed);
        }
    }

    /// The number of events in the window that ends now.
    pub fn count(&self, now: Time) -> u64 {
        let last = now.micros().div_euclid(self.part);
        let slots = self.slots.iter();
        let ages = slots.map(|(part, number)| (last.saturating_sub(part.load(Relaxed)), number));
        let within = ages.filter(|(age, _)| (0..=PARTS).contains(age));
        within.map(|(_, number)| number.load(Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_the_window() {
        let recent = Recent::new(Duration::from_secs(600));
        let at = |seconds: i64| Time::from_secs(1_800_000_000 + seconds);
        let add = |seconds, events| recent.add([(at(seconds), events)]);
        // Out of order, and one from far before the window.
        for (seconds, events) in [(0, 1), (590, 2), (300, 4), (-5_000, 8), (600, 16)] {
            add(seconds, events);
        }
        for (now, expected) in [(600, 23), (650, 22), (899, 22), (920, 18), (1_300, 0)] {
            assert_eq!(recent.count(at(now)), expected, "{now}");
        }
        // A slot is used again, and what came too late for it does not count.
        add(620, 32);
        add(0, 64);
        assert_eq!(recent.count(at(1_000)), 50);
        assert_eq!(Recent::new(Duration::MAX).count(at(0)), 0);
        assert_eq!(Recent::new(Duration::ZERO).count(at(0)), 0);
    }
}
