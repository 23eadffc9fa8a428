//! Moments and durations: the one clock of all tools, and the forms in which people write time.

mod at; // TIME as at(1) reads it
mod decode; // how times are printed, read back fast
mod duration; // 90, 10m, 1h30m
mod rfc3339; // how times are printed
mod zone; // time zones

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;

pub use at::{parse_at, parse_at_in};
pub use duration::{format_duration, parse_duration};
pub use zone::Zone;

/// A moment: microseconds since 1970-01-01 00:00 UTC, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Time(since.as_micros() as i64)
    }

    pub fn from_secs(seconds: i64) -> Self {
        Time(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn to_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Reads RFC 3339 with an offset, such as `2026-03-30T02:16:17+09:00`; a fraction of a second may stand.
    pub fn parse(text: &[u8]) -> Option<Self> {
        decode::parse(text).or_else(|| general(text))
    }

    /// Appends RFC 3339 in the local time zone, with as much of a fraction as there is.
    pub fn write(self, out: &mut Vec<u8>) {
        rfc3339::write(self, out);
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Any RFC 3339 time.
fn general(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?;
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Time(time.timestamp_micros()))
}

/// RFC 3339 in the local time zone, with as much of a fraction as there is.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut buffer = [0; rfc3339::LENGTH];
        let length = rfc3339::encode(*self, &mut buffer);
        f.pad(std::str::from_utf8(&buffer[..length]).map_err(|_| fmt::Error)?)
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, duration: Duration) -> Time {
        Time(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}
