//! Time slots.

use std::time::Duration;

use pipeban::time::{Time, Zone};

const DAY: i64 = 86_400;

/// Divides time into slots, which begin at round hours, midnights or Mondays of a time zone.
///
/// A slot is one stretch of time. It ends early where clocks are set and show a time of another
/// slot, and at an hour that they show twice if it is no longer than that hour.
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
        Time::from_secs(self.start_of(at.0.div_euclid(1_000_000)))
    }

    /// The beginning of the slot after that which begins at `start`.
    pub fn next(&self, start: Time) -> Time {
        let start = start.0.div_euclid(1_000_000);
        let mut next = self.start_of(start.saturating_add(self.length));
        if next <= start {
            // Clocks were set back in this slot, by less than a day.
            let later = start.saturating_add(self.length).saturating_add(DAY);
            next = self.start_of(later);
        }
        // Clocks that are set may make a slot shorter.
        loop {
            match self.start_of(next - 1) {
                earlier if earlier <= start => return Time::from_secs(next),
                earlier => next = earlier,
            }
        }
    }

    fn start_of(&self, moment: i64) -> i64 {
        let offset = self.zone.offset_at(moment);
        let wall = self.wall_start(moment, offset);
        let start = wall.saturating_sub(offset.into());
        let last = start.saturating_sub(1);
        if self.zone.offset_at(last) == offset {
            return start;
        }
        // Clocks were set in this slot or at its beginning. A day is long enough to go on.
        if self.length % DAY == 0 {
            return self.zone.moments(wall).0;
        }
        let (mut before, mut set) = (last, moment);
        while set - before > 1 {
            let middle = before.midpoint(set);
            match self.zone.offset_at(middle) == offset {
                true => set = middle,
                false => before = middle,
            }
        }
        let offset_before = self.zone.offset_at(before);
        let same = self.wall_start(before, offset_before) == wall;
        match same && self.length > i64::from(offset_before - offset) {
            true => self.start_of(before),
            false => set,
        }
    }

    /// The time that clocks show when the slot of a moment begins, if they are not set meanwhile;
    /// in seconds since they showed 1970-01-01 00:00.
    fn wall_start(&self, moment: i64, offset: i32) -> i64 {
        let local = moment.saturating_add(offset.into());
        // 1970 began on a Thursday; slots of weeks begin on Mondays.
        let shift = match self.length % (7 * DAY) {
            0 => 3 * DAY,
            _ => 0,
        };
        let passed = local.saturating_add(shift).rem_euclid(self.length);
        local.saturating_sub(passed)
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
            // The midnight that clocks show twice begins one day.
            (
                "America/Havana",
                86_400,
                "2026-11-01T17:00:00Z",
                "2026-11-01T04:00:00Z",
                "2026-11-02T05:00:00Z",
            ),
            // Clocks are set by two hours.
            (
                "Antarctica/Troll",
                86_400,
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-26T00:00:00Z",
            ),
            // Where a slot would begin at a time that clocks leave out, it begins behind that.
            (
                "Europe/Berlin",
                420,
                "2026-03-29T01:00:30Z",
                "2026-03-29T01:00:00Z",
                "2026-03-29T01:01:00Z",
            ),
            // And where clocks are set back, none goes on beside others.
            (
                "America/New_York",
                5400,
                "2026-11-01T05:59:59Z",
                "2026-11-01T05:30:00Z",
                "2026-11-01T06:00:00Z",
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
