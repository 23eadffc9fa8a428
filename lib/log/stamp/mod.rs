//! The time stamps of log lines.

mod cursor;
mod format;

#[cfg(test)]
mod tests;

use bstr::ByteSlice;
use chrono::{DateTime, Datelike, NaiveDate};
use memchr::{memchr_iter, memrchr};

use format::Fields;
pub use format::StampFormat;
use pipeban::time::{Time, Zone};

/// The forms that stand at the beginning of a line. No text has two of them.
const AT_START: [&str; 8] = [
    "%b %e %T%.f",          // syslog, RFC 3164
    "%Y-%m-%dT%T%.f%?z",    // RFC 3339 and 5424, ISO 8601
    "%Y-%m-%d %T%.f%?z",    // the same with a blank
    "%Y/%m/%d %T%.f",       // nginx's error log
    "%a %b %e %T%.f %Y",    // Apache's error log, asctime(3)
    "%a %Y-%m-%d %T%.f%?z", // journalctl -o short-full
    "%b %e %Y %T%.f",       // network appliances
    "%s%.f",                // seconds or less since 1970
];
/// Common Log Format, inside a line.
const COMMON_LOG: &str = "[%d/%b/%Y:%T %z]";
/// The kernel's audit log, inside a line.
const AUDIT: &str = "msg=audit(%s%.f";

const DAY: i64 = 86_400;
/// Lines come in order but for this much, in seconds.
const LATE: i64 = 300;

/// Reads the time stamp of one line after another.
///
/// Known are, at the line's beginning (in brackets, too, or after the priority of a syslog packet): syslog's
/// `Mar 30 02:16:17`, RFC 3339 and 5424, ISO 8601 also with a blank, the error logs of nginx and Apache, seconds since
/// 1970 (10 digits) and milli-, micro- and nanoseconds (13, 16, 19 digits); and inside the line the Common Log
/// Format's `[30/Mar/2026:02:16:17 +0900]` and the kernel's `msg=audit(1774804577.123:45)`. A fraction may follow the
/// seconds, after a point or a comma; what is finer than a microsecond is cut off.
///
/// - A stamp without a year is of the latest year in which it is not ahead of the clock by more than a day: so
///   `Dec 31` read on New Year's Day is last year's, and `Feb 29` a leap year's.
/// - A stamp without an offset is in the reader's zone. Where clocks were set back and showed a time twice, it is
///   the first, unless that is more than five minutes before the line before. A time that was left out when clocks were
///   set forward is read as if they had not been.
/// - Second 60 is the first of the next minute.
///
/// In the Common Log Format the user's name stands before the stamp, and a remote party may have chosen it: so the stamp
/// is the last before the quoted request.
pub struct StampReader {
    zone: Zone,
    forms: Forms,
    hour: Hour,
    /// The last stamp, in seconds, if there was one.
    last: Option<i64>,
    /// The clock, if it is not the system's.
    now: Option<Time>,
}

enum Forms {
    Known {
        at_start: Vec<StampFormat>,
        /// Which of them the last line had.
        recent: usize,
        common_log: StampFormat,
        audit: StampFormat,
    },
    Own(StampFormat),
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

/// No stamp is of hour 24.
const NO_HOUR: Hour = Hour {
    key: (None, 0, 0, 24),
    start: 0,
    offset: None,
};

impl StampReader {
    /// Stamps without an offset are in `zone`. With a format of one's own no other is looked for; it stands at the
    /// line's beginning, or, if it begins with a fixed character, where that stands first and the format fits.
    pub fn new(zone: Zone, format: Option<StampFormat>) -> Self {
        let known = |text| StampFormat::parse(text).expect("a form that the tests have read");
        let forms = match format {
            Some(format) => Forms::Own(format),
            None => Forms::Known {
                at_start: AT_START.map(known).into(),
                recent: 0,
                common_log: known(COMMON_LOG),
                audit: known(AUDIT),
            },
        };
        StampReader {
            zone,
            forms,
            hour: NO_HOUR,
            last: None,
            now: None,
        }
    }

    /// The time of a line, or `None` if it has no stamp.
    pub fn read(&mut self, line: &[u8]) -> Option<Time> {
        let fields = self.forms.read(line)?;
        let seconds = match fields.epoch {
            Some(seconds) => seconds,
            None => self.seconds(&fields)?,
        };
        self.last = Some(seconds);
        Some(Time(seconds * 1_000_000 + i64::from(fields.micros)))
    }

    fn seconds(&mut self, fields: &Fields) -> Option<i64> {
        let key = (fields.year, fields.month, fields.day, fields.hour);
        if key != self.hour.key {
            self.hour = self.look_up(key)?;
        }
        let clock = self.hour.start + i64::from(fields.minute * 60 + fields.second);
        Some(match fields.offset.or(self.hour.offset) {
            Some(offset) => clock - i64::from(offset),
            None => self.one_of(self.zone.moments(clock)),
        })
    }

    fn look_up(&self, key: (Option<i32>, u32, u32, u32)) -> Option<Hour> {
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
                let latest = self.now.unwrap_or_else(Time::now).0 / 1_000_000 + DAY;
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
    fn one_of(&self, (first, last): (i64, i64)) -> i64 {
        match self.last {
            Some(before) if first < before - LATE => last,
            _ => first,
        }
    }
}

impl Forms {
    fn read(&mut self, line: &[u8]) -> Option<Fields> {
        match self {
            Forms::Own(format) => match format.first_literal() {
                None => format.read(line),
                Some(first) => memchr_iter(first, line).find_map(|at| format.read(&line[at..])),
            },
            Forms::Known {
                at_start,
                recent,
                common_log,
                audit,
            } => {
                let text = beginning(line);
                if let Some(fields) = at_start[*recent].read(text) {
                    return Some(fields);
                }
                for (index, format) in at_start.iter().enumerate() {
                    if format.begins(text)
                        && let Some(fields) = format.read(text)
                    {
                        *recent = index;
                        return Some(fields);
                    }
                }
                if line.starts_with(b"type=") {
                    return audit.read(&line[line.find("msg=audit(")?..]);
                }
                read_common_log(common_log, line)
            }
        }
    }
}

/// What follows a bracket, or syslog's `<38>` and RFC 5424's `<38>1 `, at the line's beginning.
fn beginning(line: &[u8]) -> &[u8] {
    match line {
        [b'[', rest @ ..] => rest,
        [b'<', rest @ ..] => {
            let digits = rest
                .iter()
                .take(3)
                .take_while(|b| b.is_ascii_digit())
                .count();
            match rest[digits..].strip_prefix(b">") {
                Some(rest) => rest.strip_prefix(b"1 ").unwrap_or(rest),
                None => line,
            }
        }
        _ => line,
    }
}

/// The last stamp before the first quote that is not escaped; without a quote, the first.
fn read_common_log(format: &StampFormat, line: &[u8]) -> Option<Fields> {
    let escaped = |at: usize| at > 0 && line[at - 1] == b'\\';
    let Some(quote) = memchr_iter(b'"', line).find(|at| !escaped(*at)) else {
        return memchr_iter(b'[', line).find_map(|at| format.read(&line[at..]));
    };
    let mut before = &line[..quote];
    while let Some(at) = memrchr(b'[', before) {
        if let Some(fields) = format.read(&before[at..]) {
            return Some(fields);
        }
        before = &before[..at];
    }
    None
}
