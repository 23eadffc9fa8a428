//! The words of a TIME: at(1) takes the longest that fits, with or without blanks between them.

use chrono::Weekday;

/// A unit that a number can count: each is a multiple of minutes, days or months.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Minutes(i64),
    Days(i64),
    Months(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Word {
    Now,
    /// A time of day by its name, in hours.
    Named(u32),
    /// `16:00`: hours and minutes.
    Clock(u32, u32),
    /// Whether hours of this clock face are those after noon.
    Half {
        after_noon: bool,
    },
    Utc,
    Today,
    Tomorrow,
    Yesterday,
    Next,
    Weekday(Weekday),
    Month(u32),
    Unit(Unit),
    /// `24.12.2026` or `2026-12-24`: year, month and day.
    Date(i32, u32, u32),
    /// A number, and the number of its digits.
    Number(i64, usize),
    /// One of `+ - / ,`.
    Sign(u8),
}

const NAMES: [(&str, Word); 55] = [
    ("now", Word::Now),
    ("noon", Word::Named(12)),
    ("midnight", Word::Named(0)),
    ("teatime", Word::Named(16)),
    ("am", Word::Half { after_noon: false }),
    ("pm", Word::Half { after_noon: true }),
    ("utc", Word::Utc),
    ("today", Word::Today),
    ("tomorrow", Word::Tomorrow),
    ("yesterday", Word::Yesterday),
    ("next", Word::Next),
    ("sun", Word::Weekday(Weekday::Sun)),
    ("sunday", Word::Weekday(Weekday::Sun)),
    ("mon", Word::Weekday(Weekday::Mon)),
    ("monday", Word::Weekday(Weekday::Mon)),
    ("tue", Word::Weekday(Weekday::Tue)),
    ("tuesday", Word::Weekday(Weekday::Tue)),
    ("wed", Word::Weekday(Weekday::Wed)),
    ("wednesday", Word::Weekday(Weekday::Wed)),
    ("thu", Word::Weekday(Weekday::Thu)),
    ("thursday", Word::Weekday(Weekday::Thu)),
    ("fri", Word::Weekday(Weekday::Fri)),
    ("friday", Word::Weekday(Weekday::Fri)),
    ("sat", Word::Weekday(Weekday::Sat)),
    ("saturday", Word::Weekday(Weekday::Sat)),
    ("jan", Word::Month(1)),
    ("january", Word::Month(1)),
    ("feb", Word::Month(2)),
    ("february", Word::Month(2)),
    ("mar", Word::Month(3)),
    ("march", Word::Month(3)),
    ("apr", Word::Month(4)),
    ("april", Word::Month(4)),
    ("may", Word::Month(5)),
    ("jun", Word::Month(6)),
    ("june", Word::Month(6)),
    ("jul", Word::Month(7)),
    ("july", Word::Month(7)),
    ("aug", Word::Month(8)),
    ("august", Word::Month(8)),
    ("sep", Word::Month(9)),
    ("september", Word::Month(9)),
    ("oct", Word::Month(10)),
    ("october", Word::Month(10)),
    ("nov", Word::Month(11)),
    ("november", Word::Month(11)),
    ("dec", Word::Month(12)),
    ("december", Word::Month(12)),
    ("min", Word::Unit(Unit::Minutes(1))),
    ("minute", Word::Unit(Unit::Minutes(1))),
    ("hour", Word::Unit(Unit::Minutes(60))),
    ("day", Word::Unit(Unit::Days(1))),
    ("week", Word::Unit(Unit::Days(7))),
    ("month", Word::Unit(Unit::Months(1))),
    ("year", Word::Unit(Unit::Months(12))),
];

/// All words of `text`; `None` if some part of it is no word.
pub(super) fn split(text: &str) -> Option<Vec<Word>> {
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.as_bytes().trim_ascii_start();
    let mut words = Vec::new();
    while let Some(first) = rest.first() {
        let (word, length) = match first {
            b'+' | b'-' | b'/' | b',' => (Word::Sign(*first), 1),
            b'0'..=b'9' => date(rest)
                .or_else(|| clock(rest))
                .or_else(|| number(rest))?,
            _ => name(rest)?,
        };
        words.push(word);
        rest = rest[length..].trim_ascii_start();
    }
    Some(words)
}

/// The longest name with which `text` begins; of units the plural too (but not `mins`).
fn name(text: &[u8]) -> Option<(Word, usize)> {
    let (name, word) = NAMES
        .iter()
        .filter(|(name, _)| text.starts_with(name.as_bytes()))
        .max_by_key(|(name, _)| name.len())?;
    let plural =
        matches!(word, Word::Unit(_)) && *name != "min" && text.get(name.len()) == Some(&b's');
    Some((*word, name.len() + usize::from(plural)))
}

/// `24.12.26`, `24.12.2026`, `2026-12-24` or `26-12-24`.
fn date(text: &[u8]) -> Option<(Word, usize)> {
    let (first, a) = digits(text)?;
    let separator = text.get(a)?;
    let (second, b) = digits(&text[a + 1..])?;
    let tail = text[a + 1 + b..].strip_prefix(&[*separator])?;
    let (third, c) = digits(tail)?;
    let date = match (separator, a, b, c) {
        (b'-', 2 | 4, 1 | 2, 1 | 2) => Word::Date(year(first, a)?, second as u32, third as u32),
        (b'.', 1 | 2, 1 | 2, 2 | 4) => Word::Date(year(third, c)?, second as u32, first as u32),
        _ => return None,
    };
    Some((date, a + b + c + 2))
}

/// `16:00` or `9h05`.
fn clock(text: &[u8]) -> Option<(Word, usize)> {
    let (hour, length @ (1 | 2)) = digits(text)? else {
        return None;
    };
    let (separator, minute) = text[length..].split_at_checked(3)?.0.split_first()?;
    let (minute, 2) = digits(minute)? else {
        return None;
    };
    let clock = Word::Clock(hour as u32, minute as u32);
    b":.,h'".contains(separator).then_some((clock, length + 3))
}

fn number(text: &[u8]) -> Option<(Word, usize)> {
    digits(text).map(|(value, length)| (Word::Number(value, length), length))
}

/// The number with which `text` begins, and its digits; `None` too if it has more than 18.
fn digits(text: &[u8]) -> Option<(i64, usize)> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let value = |value, digit: &u8| value * 10 + i64::from(digit - b'0');
    (1..=18)
        .contains(&length)
        .then(|| (text[..length].iter().fold(0, value), length))
}

/// A year of four digits, or of two: from 1970 to 2069.
pub(super) fn year(value: i64, length: usize) -> Option<i32> {
    match (length, value as i32) {
        (2, year @ 0..70) => Some(2000 + year),
        (2, year) => Some(1900 + year),
        (4, year) => Some(year),
        _ => None,
    }
}
