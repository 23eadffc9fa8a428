//! The order of words in a TIME.

use chrono::{NaiveDate, Weekday};

use super::words::{Unit, Word, split, year};

/// A TIME as it was written, before it meets a clock.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Spec {
    /// The time of day, in minutes after midnight; without one, now's.
    pub minutes: Option<u32>,
    pub utc: bool,
    /// Without a day it is today, or tomorrow if the time of day is past.
    pub day: Option<Day>,
    /// The durations to add, in this order.
    pub steps: Vec<(i64, Unit)>,
    /// It begins with `now`: today's day is the present moment.
    pub now: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Day {
    Today,
    /// The next day after today that is this one.
    Next(Weekday),
    /// Month and day of this year, or the next year.
    Yearly(u32, u32),
    /// Year, month and day.
    Exact(i32, u32, u32),
}

/// Reads a whole TIME; `None` if it is none.
pub(super) fn read(text: &str) -> Option<Spec> {
    let words = split(text)?;
    let mut reader = Reader { words: &words };
    let mut spec = Spec::default();
    if reader.take(Word::Now) {
        (spec.day, spec.now) = (Some(Day::Today), true);
    } else {
        reader.clock(&mut spec)?;
        reader.day(&mut spec)?;
        if spec.minutes.is_none() {
            spec.day.as_ref()?;
            reader.clock(&mut spec)?;
        }
    }
    reader.step(&mut spec)?;
    reader.words.is_empty().then_some(spec)
}

/// Each method reads one part if it stands here, and answers `None` if what stands here is wrong.
struct Reader<'a> {
    words: &'a [Word],
}

impl Reader<'_> {
    fn take(&mut self, word: Word) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn clock(&mut self, spec: &mut Spec) -> Option<()> {
        let (hour, minute, half, rest) = match *self.words {
            [Word::Named(hour), ref rest @ ..] => (hour, 0, None, rest),
            [Word::Number(number, 4), ref rest @ ..] => {
                (number as u32 / 100, number as u32 % 100, None, rest)
            }
            [
                Word::Clock(hour, minute),
                Word::Half { after_noon },
                ref rest @ ..,
            ] => (hour, minute, Some(after_noon), rest),
            [Word::Clock(hour, minute), ref rest @ ..] => (hour, minute, None, rest),
            [
                Word::Number(hour, 1 | 2),
                Word::Half { after_noon },
                ref rest @ ..,
            ] => (hour as u32, 0, Some(after_noon), rest),
            _ => return Some(()),
        };
        let hour = match (hour, half) {
            (0..=24, None) | (0..=11, Some(false)) | (12, Some(true)) => hour,
            (12, Some(false)) => 0,
            (0..=11, Some(true)) => hour + 12,
            _ => return None,
        };
        // As at does, 24:00 is the next midnight, and 9:60 is 10:00.
        if minute > 60 {
            return None;
        }
        self.words = rest;
        spec.minutes = Some(hour * 60 + minute);
        spec.utc = self.take(Word::Utc);
        Some(())
    }

    fn day(&mut self, spec: &mut Spec) -> Option<()> {
        let (day, rest) = match *self.words {
            [Word::Today, ref rest @ ..] => (Day::Today, rest),
            [Word::Tomorrow, ref rest @ ..] => {
                spec.steps.push((1, Unit::Days(1)));
                (Day::Today, rest)
            }
            [Word::Yesterday, ref rest @ ..] => {
                spec.steps.push((-1, Unit::Days(1)));
                (Day::Today, rest)
            }
            [Word::Next, Word::Unit(unit), ref rest @ ..] => {
                spec.steps.push((1, unit));
                (Day::Today, rest)
            }
            [Word::Next, Word::Weekday(day), ref rest @ ..]
            | [Word::Weekday(day), ref rest @ ..] => (Day::Next(day), rest),
            [Word::Date(year, month, day), ref rest @ ..] => {
                NaiveDate::from_ymd_opt(year, month, day)?;
                (Day::Exact(year, month, day), rest)
            }
            [
                Word::Number(month, 1 | 2),
                Word::Sign(b'/'),
                Word::Number(day, 1 | 2),
                Word::Sign(b'/'),
                Word::Number(y, l),
                ref rest @ ..,
            ] => (Day::Exact(year(y, l)?, month as u32, day as u32), rest),
            // MMDDYY or MMDDYYYY, where the first 0 may be missing.
            [Word::Number(all, length @ 5..=8), ref rest @ ..] => {
                let (digits, scale) = if length > 6 { (4, 10_000) } else { (2, 100) };
                let (month, day) = (all / scale / 100, all / scale % 100);
                (
                    Day::Exact(year(all % scale, digits)?, month as u32, day as u32),
                    rest,
                )
            }
            [Word::Month(month), Word::Number(day, 1 | 2), ref rest @ ..] => {
                let comma = rest.first() == Some(&Word::Sign(b','));
                match with_year(month, day, &rest[usize::from(comma)..]) {
                    (Day::Yearly(..), _) if comma => return None,
                    found => found,
                }
            }
            [Word::Number(day, 1 | 2), Word::Month(month), ref rest @ ..] => {
                with_year(month, day, rest)
            }
            _ => return Some(()),
        };
        if let Day::Exact(_, month, day) | Day::Yearly(month, day) = day
            && !((1..=12).contains(&month) && (1..=31).contains(&day))
        {
            return None;
        }
        self.words = rest;
        spec.day = Some(day);
        Some(())
    }

    fn step(&mut self, spec: &mut Spec) -> Option<()> {
        let (sign, number, unit, rest) = match *self.words {
            [] => return Some(()),
            [
                Word::Sign(b'+'),
                Word::Number(number, _),
                Word::Unit(unit),
                ref rest @ ..,
            ] => (1, number, unit, rest),
            [
                Word::Sign(b'-'),
                Word::Number(number, _),
                Word::Unit(unit),
                ref rest @ ..,
            ] => (-1, number, unit, rest),
            _ => return None,
        };
        self.words = rest;
        spec.steps.push((sign * number, unit));
        Some(())
    }
}

/// Month and day, and the year if it comes next; a number before `am` or `pm` is none.
fn with_year(month: u32, day: i64, rest: &[Word]) -> (Day, &[Word]) {
    let day = day as u32;
    match *rest {
        [Word::Number(_, _), Word::Half { .. }, ..] => (Day::Yearly(month, day), rest),
        [Word::Number(y, length), ref after @ ..] => match year(y, length) {
            Some(y) => (Day::Exact(y, month, day), after),
            None => (Day::Yearly(month, day), rest),
        },
        _ => (Day::Yearly(month, day), rest),
    }
}
