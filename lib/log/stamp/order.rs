//! The order of day, month and year in a date of numbers.

use chrono::{Days, NaiveDate};

use super::fields::{Fields, century};
use pipeban::time::Time;

/// The order in which a log writes its dates, learnt from those that leave no doubt.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Order {
    /// A date of this log so far had the day first, or had the month first.
    day_first: Option<bool>,
    /// The clock, if it is not the system's.
    pub now: Option<Time>,
}

/// Where year, month and day stand.
type Places = [usize; 3];

const MONTH_FIRST: Places = [2, 0, 1];
const DAY_FIRST: Places = [2, 1, 0];
const YEAR_FIRST: Places = [0, 1, 2];

impl Order {
    /// Another log begins.
    pub(super) fn forget(&mut self) {
        self.day_first = None;
    }

    /// Whether a date of this log so far had the day first.
    pub(super) fn day_first(&self) -> Option<bool> {
        self.day_first
    }

    /// Takes over what is known of this log.
    pub(super) fn learn(&mut self, day_first: Option<bool>) {
        self.day_first = day_first;
    }

    /// Reads month and day, where no year follows, in the order that is known of this log.
    pub(super) fn undated(&self, [first, second]: [u32; 2]) -> Option<Fields> {
        let day_first = first > 12 || (self.day_first == Some(true) && second <= 12);
        let (month, day) = match day_first {
            true => (second, first),
            false => (first, second),
        };
        (1..=12).contains(&month).then(|| Fields {
            month,
            day,
            ..Fields::default()
        })
    }

    /// Reads three numbers with `separator` between them; the last has four digits (`long`) or two.
    ///
    /// With points the day is first. Else the month is first, unless a date of this log so far
    /// showed that the day is. Of these orders, and year first where all have two digits, it is the
    /// first by which the date is in the calendar and not ahead of the clock by more than a day;
    /// where all are ahead, the first that is in the calendar.
    pub(super) fn date(&mut self, separator: u8, numbers: [u32; 3], long: bool) -> Option<Fields> {
        let places = match separator {
            b'.' => [DAY_FIRST, DAY_FIRST, YEAR_FIRST],
            _ if self.day_first == Some(true) => [DAY_FIRST, MONTH_FIRST, YEAR_FIRST],
            _ => [MONTH_FIRST, DAY_FIRST, YEAR_FIRST],
        };
        let places = &places[..if long { 2 } else { 3 }];
        let date = |[year, month, day]: Places| {
            let year = if long {
                numbers[year] as i32
            } else {
                century(numbers[year])
            };
            NaiveDate::from_ymd_opt(year, numbers[month], numbers[day])
        };
        let now = self
            .now
            .unwrap_or_else(Time::now)
            .0
            .div_euclid(86_400_000_000);
        let latest =
            NaiveDate::from_epoch_days(i32::try_from(now).ok()?)?.checked_add_days(Days::new(1))?;
        let in_calendar = || places.iter().filter(|p| date(**p).is_some());
        let past = in_calendar().find(|p| date(**p).is_some_and(|d| d <= latest));
        let chosen = *past.or_else(|| in_calendar().next())?;
        if separator != b'.' && in_calendar().count() == 1 && chosen != YEAR_FIRST {
            self.day_first = Some(chosen == DAY_FIRST);
        }
        let [year, month, day] = chosen;
        Some(Fields {
            year: Some(if long {
                numbers[year] as i32
            } else {
                century(numbers[year])
            }),
            month: numbers[month],
            day: numbers[day],
            ..Fields::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(order: &mut Order, text: &str) -> Option<String> {
        let separator = text.bytes().find(|b| !b.is_ascii_digit())?;
        let parts: Vec<&str> = text.split(separator as char).collect();
        let numbers = [parts[0], parts[1], parts[2]].map(|part| part.parse().unwrap());
        let date = order.date(separator, numbers, parts[2].len() == 4)?;
        Some(format!("{}-{:02}-{:02}", date.year?, date.month, date.day))
    }

    #[test]
    fn of_numbers() {
        let now = Some(Time::parse(b"2026-11-29T00:00:00Z").unwrap());
        for (log, expected) in [
            // The month is first, unless that is not in the calendar.
            ("03/30/2026 04/05/2026", "2026-03-30 2026-04-05"),
            ("30/03/2026 04/05/2026", "2026-03-30 2026-05-04"),
            (
                "04/05/2026 30/03/2026 04/05/2026",
                "2026-04-05 2026-03-30 2026-05-04",
            ),
            (
                "30/03/2026 03/31/2026 04/05/2026",
                "2026-03-30 2026-03-31 2026-04-05",
            ),
            ("03-30-2026 30-03-26", "2026-03-30 2026-03-30"),
            // Points have the day first.
            (
                "04.05.2026 03/30/2026 04.05.2026",
                "2026-05-04 2026-03-30 2026-05-04",
            ),
            ("04.13.2026", "-"),
            // Not ahead of the clock.
            ("12/11/2026 11/30/2026", "2026-11-12 2026-11-30"),
            (
                "26/03/30 03/30/26 30/03/26",
                "2026-03-30 2026-03-30 2026-03-30",
            ),
            ("12/31/2027", "2027-12-31"),
            ("13/13/2026 02/30/2026 00/10/2026", "- - -"),
        ] {
            let mut order = Order {
                day_first: None,
                now,
            };
            let read: Vec<_> = log.split(' ').map(|text| read(&mut order, text)).collect();
            let read: Vec<_> = read.iter().map(|r| r.as_deref().unwrap_or("-")).collect();
            assert_eq!(read.join(" "), expected, "{log}");
        }
    }
}
