//! Days and months, counted on.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::grammar::Spec;
use super::words::Unit;

/// The clock that `spec` means on a date, with the days and months of its steps, and the minutes
/// that pass from there. `time` is the time of day where `spec` has none.
pub(super) fn clock(spec: &Spec, date: NaiveDate, time: NaiveTime) -> Option<(NaiveDateTime, i64)> {
    let mut clock = match spec.minutes {
        Some(minutes) => date.and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes.into()),
        None => date.and_time(time),
    };
    let mut passing = 0i64;
    for (count, unit) in &spec.steps {
        match unit {
            Unit::Minutes(n) => passing = passing.checked_add(count.checked_mul(*n)?)?,
            Unit::Days(n) => {
                let days = TimeDelta::try_days(count.checked_mul(*n)?)?;
                clock = clock.checked_add_signed(days)?;
            }
            Unit::Months(n) => clock = add_months(clock, count.checked_mul(*n)?)?,
        }
    }
    Some((clock, passing))
}

/// A date of the calendar; days beyond the month's end count on into the next month.
pub(super) fn date(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)?.checked_add_days(Days::new(u64::from(day) - 1))
}

/// The same day some months later, or earlier if negative; like [`date`] where the month has no
/// such day.
fn add_months(clock: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let months = (i64::from(clock.year()) * 12 + i64::from(clock.month0())).checked_add(months)?;
    let year = i32::try_from(months.div_euclid(12)).ok()?;
    let month = months.rem_euclid(12) as u32 + 1;
    Some(date(year, month, clock.day())?.and_time(clock.time()))
}
