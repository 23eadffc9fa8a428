//! TIME as at(1) reads it: the moment at which a ban is to end.

mod calendar; // days and months counted on
mod grammar; // the order of words
mod past; // the same words, of the past
mod words; // the words

#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::duration::parse_duration;
use super::moment::Time;
use super::zone::Zone;
use grammar::{Day, Spec};

pub use past::{parse_past, parse_past_in};

const MINUTE: Duration = Duration::from_secs(60);

/// Reads a moment from `now` on, in the local time zone.
///
/// The language is that of Debian's at(1) 3.2.5, in full: `now+1hour`, `16:00`, `4pm tomorrow`,
/// `noon next week`, `teatime - 5 minutes`, `10am Jul 31`, `1800 24.12.2026`, `9:00 UTC + 2 days`.
/// As in at(1):
///
/// - case and blanks do not matter;
/// - a time of day that is past means tomorrow's, and `Jul 31` that is past means next year's;
/// - a date without a time of day takes the present one;
/// - `Feb 30` counts on into March.
///
/// This function also reads forms that at(1) refuses:
///
/// - a date before the time: `2026-12-24 18:00`, `tomorrow noon`;
/// - a duration from now: `90` (seconds), `10m`, `1h30m`; so `1800` is six in the evening, as in
///   at(1), but `3600` and `1800s` are durations;
/// - RFC 3339, as the tools print it: `2026-12-24T18:00:00+09:00`.
///
/// It differs from at(1) where at's answer surprises:
///
/// - at cuts to the minute; here `now + 1 minute` is 60 s from now, and a time of day is at
///   second 0;
/// - hours and minutes are added as they pass, even if clocks are set in between (at's
///   `now + 1 hour` may then be now); days, weeks, months and years are added on the calendar;
/// - a time of day that clocks leave out when they are set forward is that much later; of one that
///   they show twice, the first is meant;
/// - `16:00 UTC` is the next 16:00 in UTC, where at looks at the local clock and may refuse it;
/// - a time that `-` moves into the past is refused, where at takes next year's.
///
/// The error is a phrase for a usage message; a moment in the past is one.
pub fn parse_at(text: &str, now: Time) -> Result<Time, String> {
    parse_at_in(&Zone::local(), text, now)
}

/// Like [`parse_at`], where clocks are set as in `zone`.
pub fn parse_at_in(zone: &Zone, text: &str, now: Time) -> Result<Time, String> {
    let when = if let Some(spec) = grammar::read(text) {
        moment(&spec, zone, now).ok_or_else(|| format!("too far ahead: \"{text}\""))?
    } else if let Ok(duration) = parse_duration(text) {
        now + duration
    } else if let Some(when) = Time::parse(text.as_bytes()) {
        when
    } else {
        return Err(format!(
            "not a time such as 16:00, now+1hour or 10am Jul 31: \"{text}\""
        ));
    };
    if when < now.floor(MINUTE) {
        return Err(format!("in the past: \"{text}\" is {when}"));
    }
    Ok(when.max(now))
}

/// The moment meant; `None` if it is after the year 9999.
fn moment(spec: &Spec, zone: &Zone, now: Time) -> Option<Time> {
    let seconds = now.secs();
    let local =
        DateTime::from_timestamp(seconds + i64::from(zone.offset_at(seconds)), 0)?.naive_utc();
    let today = local.date();
    let on = |date: Option<NaiveDate>| on_date(spec, date?, local.time(), zone, now);
    let day = |ahead: i64| today.checked_add_signed(TimeDelta::try_days(ahead)?);
    match spec.day {
        None => match on(day(0))? {
            past if past <= now => on(day(1)),
            when => Some(when),
        },
        Some(Day::Today) => on(day(0)),
        Some(Day::Next(weekday)) => {
            let ahead = weekday.days_since(today.weekday());
            on(day(if ahead == 0 { 7 } else { ahead.into() }))
        }
        Some(Day::Exact(year, month, day)) => on(calendar::date(year, month, day)),
        Some(Day::Yearly(month, day)) => {
            // As in at, the year is this one if what is counted from the date is not past.
            let over = (month, day) < (today.month(), today.day());
            let midnight = on_clock(today.and_time(NaiveTime::MIN), zone, now)?;
            match on(calendar::date(today.year(), month, day))? {
                when if over && (spec.steps.is_empty() || when < midnight) => {
                    on(calendar::date(today.year() + 1, month, day))
                }
                when => Some(when),
            }
        }
    }
}

/// The time of day and the steps of `spec`, on this date.
fn on_date(spec: &Spec, date: NaiveDate, time: NaiveTime, zone: &Zone, now: Time) -> Option<Time> {
    let (clock, passing) = calendar::clock(spec, date, time)?;
    let zone = if spec.utc { &Zone::UTC } else { zone };
    let mut when = on_clock(clock, zone, now)?;
    if spec.minutes.is_none() {
        when = when + Duration::from_micros(now.subsec_micros().unsigned_abs());
    }
    let ahead = Duration::from_secs(passing.unsigned_abs().checked_mul(60)?);
    let when = if passing < 0 {
        when - ahead
    } else {
        when + ahead
    };
    (when < END_OF_9999).then_some(when)
}

const END_OF_9999: Time = Time::from_secs(253_402_300_800);

/// The moment at which clocks show `clock`; of two, the first that is not past.
fn on_clock(clock: NaiveDateTime, zone: &Zone, now: Time) -> Option<Time> {
    let (first, last) = zone.moments(clock.and_utc().timestamp());
    let first = Time::from_secs(first);
    // The minute that has begun still counts as now.
    Some(if first < now.floor(MINUTE) {
        Time::from_secs(last)
    } else {
        first
    })
}
