//! A moment in time.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{read, write};

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;

/// A moment: microseconds since 1970-01-01 00:00 UTC, without leap seconds.
///
/// Sums and differences stop at [`Time::MIN`] and [`Time::MAX`], some 292,000 years away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Before every other moment.
    pub const MIN: Time = Time(i64::MIN);

    /// After every other moment.
    pub const MAX: Time = Time(i64::MAX);

    /// The moment of the call, by the system's clock.
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Time(micros(since))
    }

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Time(micros)
    }

    /// From seconds since 1970.
    pub const fn from_secs(seconds: i64) -> Self {
        Time(seconds.saturating_mul(SECOND))
    }

    /// In microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// In whole seconds since 1970, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Microseconds since the last whole second: 0 to 999,999.
    pub const fn subsec_micros(self) -> i64 {
        self.0.rem_euclid(SECOND)
    }

    /// The last moment not after this that is a multiple of `unit` since 1970; itself for a unit
    /// of zero.
    pub fn floor(self, unit: Duration) -> Self {
        Time(
            self.0
                .saturating_sub(self.0.checked_rem_euclid(micros(unit)).unwrap_or(0)),
        )
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 with an offset, such as `2026-03-30T02:16:17+09:00`, with or without a
    /// fraction of a second.
    pub fn parse(text: &[u8]) -> Option<Self> {
        read::micros(text).map(Time)
    }

    /// Appends RFC 3339 in the local time zone, with as many digits of a fraction as it needs.
    pub fn write(self, out: &mut Vec<u8>) {
        write::append(self.0, out);
    }
}

/// The same text as [`Time::write`].
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut buffer = [0; write::LENGTH];
        let length = write::encode(self.0, &mut buffer);
        f.pad(std::str::from_utf8(&buffer[..length]).map_err(|_| fmt::Error)?)
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(micros(duration)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (micros, secs, subsec) in [(0, 0, 0), (1_500_000, 1, 500_000), (-1, -1, 999_999)] {
            let time = Time::from_micros(micros);
            assert_eq!(
                (time.secs(), time.subsec_micros()),
                (secs, subsec),
                "{micros}"
            );
        }
        let minute = Duration::from_secs(60);
        assert_eq!(Time::from_secs(119).floor(minute), Time::from_secs(60));
        assert_eq!(Time::from_secs(-1).floor(minute), Time::from_secs(-60));
        assert_eq!(Time::from_secs(7).floor(Duration::ZERO), Time::from_secs(7));
    }

    #[test]
    fn no_sum_overflows() {
        for time in [Time::MIN, Time::from_secs(0), Time::MAX] {
            assert!(time + Duration::MAX == Time::MAX || time == Time::MIN);
            assert!(time - Duration::from_secs(1) <= time);
            assert!(time.floor(Duration::from_secs(3_600)) <= time);
            assert_eq!(Time::MIN.since(time), Duration::ZERO);
        }
        assert_eq!(Time::from_secs(i64::MAX), Time::MAX);
    }

    #[test]
    fn out_of_its_years() {
        let text = |micros| Time(micros).to_string();
        assert_eq!(text(i64::MAX), "9999-12-31T23:59:59+00:00");
        assert_eq!(text(i64::MIN), "0000-01-01T00:00:00+00:00");
    }

    /// Whatever zone the tests run in, and whatever was printed before.
    #[test]
    fn the_moment_stays() {
        for hours in [0, 1, 24, 24 * 7, 24 * 200, 24 * 365] {
            for seconds in [1_774_804_577, -1, 1_800, 5_399] {
                let time = Time::from_secs(seconds + hours * 3_600);
                assert_eq!(Time::parse(time.to_string().as_bytes()), Some(time));
            }
        }
    }

    #[test]
    fn read() {
        for (text, micros) in [
            ("2026-03-30T02:16:17+09:00", Some(1_774_804_577_000_000)),
            ("2026-03-29T17:16:17.5Z", Some(1_774_804_577_500_000)),
            ("2026-03-29t17:16:17.1234567z", Some(1_774_804_577_123_456)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2026-03-29T17:16:17", None),
            ("2026-03-29", None),
            ("2026-02-29T17:16:17Z", None),
            ("2026-03-29T24:16:17Z", None),
            ("2026-03-29T17:16:17Z ", None),
            ("", None),
        ] {
            assert_eq!(Time::parse(text.as_bytes()), micros.map(Time), "{text}");
        }
        assert_eq!(Time::parse(b"\xff"), None);
    }
}
