//! The time stamps of log lines: a text that begins with one, in; the moment and the stamp's
//! length, out.
//!
//! Where a stamp stands in a line is told in [`line`](crate::line). [`StampReader`] says what is
//! done where a stamp leaves something open.

mod clock; // the clock of a stamp
mod cursor; // the parts of a stamp
mod fast; // stamps of the minute of a line before
mod fields; // a stamp in its parts
mod known_forms; // all known forms
mod names; // months and days of the week in many languages
mod order; // 03/30/2026 or 30/03/2026
mod user_format; // a form of one's own
mod zones; // CEST and other names

use chrono::{DateTime, Datelike, NaiveDate};

use fast::Recent;
use fields::{Fields, Offset};
use order::Order;
use zones::Named;

use pipeban::time::{Time, Zone};
pub use user_format::StampFormat;

const DAY: i64 = 86_400;
/// Lines come in order but for this much, in seconds.
const LATE: i64 = 300;

/// Reads one stamp after another, of one log.
///
/// `known_forms.rs` has a table of the forms. A fraction may follow the seconds, behind a point or
/// a comma; what is finer than a microsecond is cut off. Where a stamp leaves something open, these
/// rules hold:
///
/// - the year: the latest in which the stamp is not ahead of the clock by more than a day: `Dec 31`
///   read on New Year's Day is last year's, `Feb 29` a leap year's
/// - the century: 1969 to 2068
/// - day or month first: the month, but see `order.rs`: a day beyond 12 or a date ahead of the
///   clock shows the other order, and so do such dates before it in the same log; with points the
///   day is first
/// - the zone: the reader's own
/// - a zone's name: the reader's own zone, if it has that name; else a table of the usual meanings
///   (`zones.rs`); a name that is not there is none, and the stamp is in the reader's zone
/// - which of two: a time that clocks showed twice is the first, unless that is more than five
///   minutes before the line before
/// - a time left out: a time that clocks left out is read as if they had not been set
/// - second 60: the first of the next minute
#[derive(Clone)]
pub struct StampReader {
    zone: Zone,
    order: Order,
    /// The hour of the last stamp.
    hour: Hour,
    /// Hours by the day of the month and the hour.
    hours: [Hour; HOURS],
    /// The day on which they were looked up, since 1970.
    day: i64,
    recent: Recent,
    /// The zone named last, and its seconds east of UTC.
    named: Option<(Named, i32)>,
    /// The last stamp, in seconds, if there was one.
    last: Option<i64>,
    /// Whether the last stamp, where there is none, is not known.
    begun_amid: bool,
    /// Whether a time depends on that one.
    depends: bool,
}

/// An hour on the clock, and what is known of it.
#[derive(Clone, Copy)]
struct Hour {
    /// Year, month, day and hour as the stamp has them.
    key: (Option<i32>, u32, u32, u32),
    /// Its beginning, in seconds since clocks showed 1970-01-01 00:00.
    start: i64,
    /// How far clocks were ahead of UTC, if that is the same in all of it.
    offset: Option<i32>,
}

/// Hours that are remembered: the stamps of some logs are in no order.
const HOURS: usize = 32;

/// No stamp is of hour 24.
const NO_HOUR: Hour = Hour {
    key: (None, 0, 0, 24),
    start: 0,
    offset: None,
};

impl StampReader {
    /// Stamps that name no zone are in `zone`.
    pub fn new(zone: Zone) -> Self {
        StampReader {
            zone,
            order: Order::default(),
            hour: NO_HOUR,
            hours: [NO_HOUR; HOURS],
            day: 0,
            recent: Recent::default(),
            named: None,
            last: None,
            begun_amid: false,
            depends: false,
        }
    }

    /// The clock by which years are told, in place of the system's.
    #[cfg(test)]
    pub(crate) fn set_now(&mut self, now: Time) {
        self.order.now = Some(now);
    }

    /// Takes over what another reader knows of the log, but for what it has read already.
    #[cfg(test)]
    pub(crate) fn go_on_from(&mut self, other: &StampReader) {
        self.last = other.last;
        self.order = other.order.clone();
    }

    /// Begins another log, of which nothing is known; the zone is the same.
    pub fn begin_log(&mut self) {
        self.order.forget();
        self.recent = Recent::default();
        self.last = None;
        (self.begun_amid, self.depends) = (false, false);
    }

    /// Whether the log is known to write the day first.
    pub(crate) fn day_first(&self) -> Option<bool> {
        self.order.day_first()
    }

    /// Begins in the middle of a log, of whose order of day and month this is known; its last stamp
    /// is not.
    pub(crate) fn begin_amid(&mut self, day_first: Option<bool>) {
        self.begin_log();
        self.order.learn(day_first);
        self.begun_amid = true;
    }

    /// Whether a time, since [`begin_amid`](Self::begin_amid), depends on the stamp before.
    pub(crate) fn depends(&self) -> bool {
        self.depends
    }

    /// Goes on behind stamps of the same log that another reader has read.
    pub(crate) fn go_on_behind(&mut self, other: &StampReader) {
        if self.day_first() != other.day_first() {
            self.order.learn(other.day_first());
            self.recent = Recent::default();
        }
        self.last = other.last.or(self.last);
    }

    /// The same as [`read`](Self::read), or nothing where that would take longer.
    #[inline]
    pub fn read_recent(&mut self, text: &[u8]) -> Option<(Time, usize)> {
        let found = self.recent.read(text)?;
        self.last = Some(found.0.0.div_euclid(1_000_000));
        Some(found)
    }

    /// The time that a text begins with, and the stamp's length in bytes. A letter or a digit does
    /// not follow it.
    #[inline]
    pub fn read(&mut self, text: &[u8]) -> Option<(Time, usize)> {
        if let Some(found) = self.read_recent(text) {
            return Some(found);
        }
        let order = self.order.clone();
        let (fields, length) = known_forms::read(text, &mut self.order)?;
        if self.order != order {
            self.recent = Recent::default();
        }
        let time = self.time(&fields)?;
        if fields.seconds_from_end.is_some() && fields.second < 60 && self.is_sure(&fields) {
            let start = time.0.div_euclid(1_000_000) - i64::from(fields.second);
            self.recent.remember(text, length, &fields, start);
        }
        Some((time, length))
    }

    /// Whether all seconds of the stamp's minute are as far ahead of UTC.
    fn is_sure(&self, fields: &Fields) -> bool {
        fields.offset.is_some() || self.hour.offset.is_some()
    }

    /// The length of the stamp that a text begins with. It is not remembered: such a text may be a
    /// remote party's.
    pub fn length(text: &[u8]) -> Option<usize> {
        let mut order = Order::default();
        known_forms::read(text, &mut order).map(|(_, length)| length)
    }

    /// The time of a stamp in a form of one's own, at the beginning of a text.
    pub(crate) fn read_format(&mut self, format: &StampFormat, text: &[u8]) -> Option<Time> {
        let fields = format.read(text)?;
        self.time(&fields)
    }

    fn time(&mut self, fields: &Fields) -> Option<Time> {
        let seconds = match fields.epoch {
            Some(seconds) => seconds,
            None => self.seconds(fields)?,
        };
        self.last = Some(seconds);
        Some(Time(
            seconds.checked_mul(1_000_000)? + i64::from(fields.micros),
        ))
    }

    fn seconds(&mut self, fields: &Fields) -> Option<i64> {
        let key = (fields.year, fields.month, fields.day, fields.hour);
        if key != self.hour.key {
            let place = (fields.day * 24 + fields.hour) as usize % HOURS;
            if key != self.hours[place].key {
                self.hours[place] = self.look_up(key)?;
            }
            self.hour = self.hours[place];
        }
        let clock = self.hour.start + i64::from(fields.minute * 60 + fields.second);
        let offset = match fields.offset {
            Some(Offset::East(offset)) => Some(offset),
            Some(Offset::Named(named)) => Some(self.offset_of(named)),
            None => self.hour.offset,
        };
        Some(match offset {
            Some(offset) => clock - i64::from(offset),
            None => self.one_of(self.zone.moments(clock)),
        })
    }

    fn offset_of(&mut self, named: Named) -> i32 {
        match self.named {
            Some((last, offset)) if last == named => offset,
            _ => {
                let own = self.zone.offset_named(named.name);
                let offset = own.unwrap_or(named.offset);
                self.named = Some((named, offset));
                offset
            }
        }
    }

    fn look_up(&mut self, key: (Option<i32>, u32, u32, u32)) -> Option<Hour> {
        let (year, month, day, hour) = key;
        let start = |year| {
            let date = match month {
                0 => NaiveDate::from_yo_opt(year, day)?,
                _ => NaiveDate::from_ymd_opt(year, month, day)?,
            };
            Some(date.and_hms_opt(hour, 0, 0)?.and_utc().timestamp())
        };
        let start = match year {
            Some(year) => start(year)?,
            None => {
                let now = self.order.now.unwrap_or_else(Time::now);
                let latest = now.0 / 1_000_000 + DAY;
                // Some day a stamp without a year is of another year.
                if latest / DAY != self.day {
                    (self.day, self.hours) = (latest / DAY, [NO_HOUR; HOURS]);
                }
                let clock = latest + i64::from(self.zone.offset_at(latest));
                let this = DateTime::from_timestamp(clock, 0)?.year();
                // Leap days are up to eight years apart.
                let mut years = (this - 8..=this).rev().filter_map(start);
                years.find(|start| *start <= clock)?
            }
        };
        let (first, last) = (self.zone.moments(start), self.zone.moments(start + 3_599));
        let same = first.0 == first.1 && last.0 == last.1 && last.0 - first.0 == 3_599;
        let offset = same.then(|| (start - first.0) as i32);
        Some(Hour { key, start, offset })
    }

    /// Which of two moments that clocks show alike is meant.
    fn one_of(&mut self, (first, last): (i64, i64)) -> i64 {
        self.depends |= self.begun_amid && self.last.is_none() && first != last;
        match self.last {
            Some(before) if first < before - LATE => last,
            _ => first,
        }
    }
}
