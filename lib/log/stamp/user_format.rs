//! A form of time stamps, written as for strftime(3).

use super::cursor::Cursor;
use super::fields::Fields;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Literal(u8),
    Blanks,
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    DayOfYear,
    WeekdayName,
    Hour,
    Half,
    Minute,
    Second,
    /// `02:16:17`, the most frequent part, at once.
    Clock,
    /// `.123` or `,123`, if it is there.
    Fraction,
    /// Digits after the second, without the point.
    Digits,
    /// `+0900`, `+09:00`, `+09`, `Z`, `UTC` or `GMT`.
    Offset,
    ZoneName,
    /// Seconds since 1970, or milli-, micro- or nanoseconds.
    Epoch,
}

/// A form of time stamps, ready for use.
#[derive(Clone, Debug)]
pub struct StampFormat {
    items: Vec<Item>,
}

impl StampFormat {
    /// Reads a form such as `%d.%m.%Y %H:%M:%S`, in the conversions of strftime(3) and chrono's
    /// `%.f`, an optional fraction of a second with its point or comma. A blank stands for any
    /// number of blanks and TABs, but one at least; names are in any of many languages, in any
    /// case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        compile(text, &mut items)?;
        let has = |item| items.contains(&item);
        let date = has(Item::Day) && (has(Item::Month) || has(Item::MonthName));
        if !date && !has(Item::DayOfYear) && !has(Item::Epoch) {
            return Err("a time format without a day: %d and %m or %b, or %j, or %s".into());
        }
        Ok(StampFormat { items })
    }

    /// The bytes that stand before anything variable, if there are any.
    pub(crate) fn first_literal(&self) -> Option<u8> {
        match self.items[0] {
            Item::Literal(byte) => Some(byte),
            _ => None,
        }
    }

    /// Reads a stamp at the beginning of `text`. What follows may not go on with a letter or a
    /// digit.
    pub(super) fn read(&self, text: &[u8]) -> Option<Fields> {
        let mut cursor = Cursor::new(text);
        let mut fields = Fields::default();
        let mut after_noon = None;
        for item in &self.items {
            match item {
                Item::Literal(byte) => cursor.skip(*byte)?,
                Item::Blanks => cursor.blanks()?,
                Item::Year => fields.year = Some(cursor.digits(4, 4)? as i32),
                Item::YearOfCentury => fields.year = Some(cursor.year_of_century()?),
                Item::Month => fields.month = cursor.digits(1, 2).filter(|m| *m > 0)?,
                Item::MonthName => fields.month = cursor.month()?,
                Item::Day => {
                    _ = cursor.skip(b' ');
                    fields.day = cursor.digits(1, 2)?;
                }
                Item::DayOfYear => fields.day = cursor.digits(1, 3)?,
                Item::WeekdayName => cursor.weekday()?,
                Item::Hour => {
                    _ = cursor.skip(b' ');
                    fields.hour = cursor.digits(1, 2)?;
                }
                Item::Half => after_noon = Some(cursor.half()?),
                Item::Minute => fields.minute = cursor.digits(2, 2)?,
                Item::Second => fields.second = cursor.digits(2, 2)?,
                Item::Clock => (fields.hour, fields.minute, fields.second) = cursor.clock()?,
                Item::Fraction => fields.micros += cursor.fraction(),
                Item::Digits => fields.micros = cursor.micros()?,
                Item::Offset => fields.offset = Some(cursor.offset()?),
                Item::ZoneName => match cursor.offset() {
                    None => cursor.letters()?,
                    offset => fields.offset = offset,
                },
                Item::Epoch => {
                    let (seconds, micros) = cursor.epoch()?;
                    (fields.epoch, fields.micros) = (Some(seconds), micros);
                }
            }
        }
        if let Some(after_noon) = after_noon {
            fields.set_half(after_noon)?;
        }
        if !fields.has_clock() {
            return None;
        }
        let closed = matches!(self.items.last(), Some(Item::Literal(_)));
        (closed || cursor.ends()).then_some(fields)
    }
}

fn compile(text: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let plain = &rest[..c.len_utf8()];
        rest = &rest[c.len_utf8()..];
        match c {
            '%' => rest = conversion(rest, items)?,
            ' ' | '\t' => items.push(Item::Blanks),
            _ => items.extend(plain.bytes().map(Item::Literal)),
        }
    }
    Ok(())
}

/// Adds the conversion with which `text` begins, and answers what comes after it.
fn conversion<'a>(text: &'a str, items: &mut Vec<Item>) -> Result<&'a str, String> {
    for (short, long) in [("R", "%H:%M"), ("F", "%Y-%m-%d"), ("D", "%m/%d/%y")] {
        if let Some(rest) = text.strip_prefix(short) {
            return compile(long, items).map(|()| rest);
        }
    }
    for (names, item) in CONVERSIONS {
        for name in names.split(' ') {
            if let Some(rest) = text.strip_prefix(name) {
                items.push(item);
                return Ok(rest);
            }
        }
    }
    let name: String = text.chars().take(1).collect();
    Err(format!("a time format with %{name}, which is not known"))
}

const CONVERSIONS: [(&str, Item); 19] = [
    ("Y", Item::Year),
    ("y", Item::YearOfCentury),
    ("m", Item::Month),
    ("b B h", Item::MonthName),
    ("d e", Item::Day),
    ("j", Item::DayOfYear),
    ("a A", Item::WeekdayName),
    ("H k I l", Item::Hour),
    ("p P", Item::Half),
    ("M", Item::Minute),
    ("S", Item::Second),
    ("T", Item::Clock),
    (".f", Item::Fraction),
    ("f", Item::Digits),
    ("z", Item::Offset),
    ("Z", Item::ZoneName),
    ("s", Item::Epoch),
    ("n t", Item::Blanks),
    ("%", Item::Literal(b'%')),
];
