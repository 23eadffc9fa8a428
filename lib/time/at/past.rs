//! TIME as at(1) reads it, of the past: the moment from which on, or until which, lines are wanted.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta};

use super::calendar;
use super::grammar::{self, Day, Spec};
use crate::duration::parse_duration;
use crate::moment::Time;
use crate::zone::Zone;

/// Reads a moment of the past, in the local time zone.
///
/// The words are those of [`parse_at`](super::parse_at), and `yesterday`. They mean the last such
/// moment where there they mean the next:
///
/// - `16:00` that is still to come means yesterday's, `Jul 31` last year's, a day of the week the
///   last one, which may be today; a day without a time of day is its beginning;
/// - a duration is that long ago: `5m`, `1h30m`, `90` (seconds), also with `ago` behind it.
///
/// A date with its year may be in the future. The error is a phrase for a usage message.
pub fn parse_past(text: &str, now: Time) -> Result<Time, String> {
    parse_past_in(&Zone::local(), text, now)
}

/// Like [`parse_past`], where clocks are set as in `zone`.
pub fn parse_past_in(zone: &Zone, text: &str, now: Time) -> Result<Time, String> {
    let ago = text.trim_end().strip_suffix("ago").map(str::trim_end);
    // "1 hour ago" is "now - 1 hour"; "5m ago" is no words of at(1).
    let words = ago.map(|ago| format!("now - {ago}"));
    let spec = grammar::read(words.as_deref().unwrap_or(text));
    let read = match (spec, parse_duration(ago.unwrap_or(text))) {
        (Some(spec), _) => moment(&spec, zone, now),
        (None, Ok(duration)) => Some(now - duration),
        (None, Err(_)) => Time::parse(text.as_bytes()),
    };
    read.ok_or_else(|| format!("not a time such as 16:00, yesterday, Jul 31 or 5m: \"{text}\""))
}

/// The moment meant; `None` if no calendar has it.
fn moment(spec: &Spec, zone: &Zone, now: Time) -> Option<Time> {
    let seconds = now.secs();
    let zone_of_day = if spec.utc { &Zone::UTC } else { zone };
    let offset = i64::from(zone_of_day.offset_at(seconds));
    let local = DateTime::from_timestamp(seconds + offset, 0)?.naive_utc();
    let today = local.date();
    let time = if spec.now {
        local.time()
    } else {
        NaiveTime::MIN
    };
    let on = |date: Option<NaiveDate>| on_date(spec, date?, time, zone_of_day, now);
    let day = |behind: i64| today.checked_sub_signed(TimeDelta::try_days(behind)?);
    let last = |when: Option<Time>, earlier: Option<NaiveDate>| match when {
        Some(when) if when > now => on(earlier),
        when => when,
    };
    match spec.day {
        None => last(on(day(0)), day(1)),
        Some(Day::Today) => on(day(0)),
        Some(Day::Next(weekday)) => {
            let behind = today.weekday().days_since(weekday).into();
            last(on(day(behind)), day(behind + 7))
        }
        Some(Day::Exact(year, month, day)) => on(calendar::date(year, month, day)),
        Some(Day::Yearly(month, day)) => {
            let of_year = |year| calendar::date(year, month, day);
            last(on(of_year(today.year())), of_year(today.year() - 1))
        }
    }
}

fn on_date(spec: &Spec, date: NaiveDate, time: NaiveTime, zone: &Zone, now: Time) -> Option<Time> {
    let (clock, passing) = calendar::clock(spec, date, time)?;
    // Of a time that clocks showed twice, the first.
    let mut when = Time::from_secs(zone.moments(clock.and_utc().timestamp()).0);
    if spec.now {
        when = when + Duration::from_micros(now.subsec_micros().unsigned_abs());
    }
    let passed = Duration::from_secs(passing.unsigned_abs().checked_mul(60)?);
    Some(if passing < 0 {
        when - passed
    } else {
        when + passed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_past() {
        // A Sunday.
        let now = Time::parse(b"2026-11-29T19:30:15.5+09:00").unwrap();
        let zone = Zone::parse("+09:00").unwrap();
        for (text, expected) in [
            ("10:00", "2026-11-29T10:00:00+09:00"),
            ("20:00", "2026-11-28T20:00:00+09:00"),
            ("8pm", "2026-11-28T20:00:00+09:00"),
            ("10:00 UTC", "2026-11-29T10:00:00Z"),
            ("11:00 UTC", "2026-11-28T11:00:00Z"),
            ("noon", "2026-11-29T12:00:00+09:00"),
            ("today", "2026-11-29T00:00:00+09:00"),
            ("yesterday", "2026-11-28T00:00:00+09:00"),
            ("noon yesterday", "2026-11-28T12:00:00+09:00"),
            ("yesterday 16:00", "2026-11-28T16:00:00+09:00"),
            ("Jul 31", "2026-07-31T00:00:00+09:00"),
            ("10am Jul 31", "2026-07-31T10:00:00+09:00"),
            ("Dec 24", "2025-12-24T00:00:00+09:00"),
            ("Nov 29", "2026-11-29T00:00:00+09:00"),
            ("20:00 Nov 29", "2025-11-29T20:00:00+09:00"),
            ("sunday", "2026-11-29T00:00:00+09:00"),
            ("20:00 sunday", "2026-11-22T20:00:00+09:00"),
            ("monday", "2026-11-23T00:00:00+09:00"),
            ("2026-03-30", "2026-03-30T00:00:00+09:00"),
            ("2026-03-30 02:16", "2026-03-30T02:16:00+09:00"),
            ("30.03.2026", "2026-03-30T00:00:00+09:00"),
            ("2027-01-01", "2027-01-01T00:00:00+09:00"),
            ("2026-03-30T02:16:17Z", "2026-03-30T02:16:17Z"),
            ("now", "2026-11-29T19:30:15.5+09:00"),
            ("now - 2 hours", "2026-11-29T17:30:15.5+09:00"),
            ("now-1day", "2026-11-28T19:30:15.5+09:00"),
            ("16:00 - 30 minutes", "2026-11-29T15:30:00+09:00"),
            ("5m", "2026-11-29T19:25:15.5+09:00"),
            ("90", "2026-11-29T19:28:45.5+09:00"),
            ("1 hour ago", "2026-11-29T18:30:15.5+09:00"),
            ("2d ago", "2026-11-27T19:30:15.5+09:00"),
        ] {
            let read = parse_past_in(&zone, text, now).unwrap();
            assert_eq!(read, Time::parse(expected.as_bytes()).unwrap(), "{text}");
        }
        for wrong in ["", "soon", "25:00", "yesterday today", "ago", "10:00 ago"] {
            assert!(parse_past_in(&zone, wrong, now).is_err(), "{wrong}");
        }
    }
}
