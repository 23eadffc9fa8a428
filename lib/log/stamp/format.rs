//! A form of time stamps, written as for strftime(3).

use super::cursor::Cursor;

/// What a stamp said, before it meets a calendar and a time zone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields {
    pub year: Option<i32>,
    /// 1 to 12; 0 where `day` is the day of the year.
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    /// Up to 60, a leap second.
    pub second: u32,
    pub micros: u32,
    /// Seconds east of UTC.
    pub offset: Option<i32>,
    /// Whole seconds since 1970, in place of all but `micros`.
    pub epoch: Option<i64>,
}

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
    /// The same, if it is there.
    MaybeOffset,
    ZoneName,
    /// Seconds since 1970, or milli-, micro- or nanoseconds.
    Epoch,
}

/// A form of time stamps, ready for use.
#[derive(Clone, Debug)]
pub struct StampFormat {
    items: Vec<Item>,
    /// The hour is one of a clock face, before or after noon.
    halves: bool,
}

impl StampFormat {
    /// Reads a form such as `%d.%m.%Y %H:%M:%S`, in the conversions of strftime(3) and chrono's `%.f`, an optional
    /// fraction of a second with its point or comma. A blank stands for any number of blanks and TABs, but one at
    /// least; names are English, in any case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        compile(text, &mut items)?;
        let has = |item| items.contains(&item);
        let date = has(Item::Day) && (has(Item::Month) || has(Item::MonthName));
        if !date && !has(Item::DayOfYear) && !has(Item::Epoch) {
            return Err("a time format without a day: %d and %m or %b, or %j, or %s".into());
        }
        let halves = has(Item::Half);
        Ok(StampFormat { items, halves })
    }

    /// The bytes that stand before anything variable, if there are any.
    pub fn first_literal(&self) -> Option<u8> {
        match self.items[0] {
            Item::Literal(byte) => Some(byte),
            _ => None,
        }
    }

    /// Whether a stamp could begin here: a quick look before a long one.
    pub fn begins(&self, text: &[u8]) -> bool {
        let near = |is: fn(&u8) -> bool| text.len() > 4 && text[..3].iter().all(is);
        match self.items[0] {
            Item::Literal(literal) => text.first() == Some(&literal),
            Item::MonthName | Item::WeekdayName => near(u8::is_ascii_alphabetic),
            Item::Year | Item::Epoch => near(u8::is_ascii_digit) && text[3].is_ascii_digit(),
            _ => true,
        }
    }

    /// Reads a stamp at the beginning of `text`. What follows may not go on with a letter or a digit.
    pub fn read(&self, text: &[u8]) -> Option<Fields> {
        let mut cursor = Cursor { rest: text };
        let mut fields = Fields::default();
        let mut after_noon = None;
        let mut scale = 1; // of the fraction: it may be one of a millisecond
        for item in &self.items {
            match item {
                Item::Literal(byte) => cursor.skip(*byte)?,
                Item::Blanks => cursor.blanks()?,
                Item::Year => fields.year = Some(cursor.digits(4, 4)? as i32),
                Item::YearOfCentury => {
                    let year = cursor.digits(2, 2)? as i32;
                    fields.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
                }
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
                Item::Fraction => fields.micros += cursor.fraction() / scale,
                Item::Digits => fields.micros = cursor.micros()?,
                Item::Offset => fields.offset = Some(cursor.offset()?),
                Item::MaybeOffset => {
                    let mut ahead = Cursor { rest: cursor.rest };
                    if let Some(offset) = ahead.offset().filter(|_| ahead.ends()) {
                        fields.offset = Some(offset);
                        cursor = ahead;
                    }
                }
                Item::ZoneName => cursor.letters()?,
                Item::Epoch => {
                    let (count, per_second) = cursor.epoch()?;
                    fields.epoch = Some(count / per_second);
                    scale = u32::try_from(per_second).ok()?;
                    fields.micros = (count % per_second * 1_000_000 / per_second) as u32;
                }
            }
        }
        if self.halves {
            fields.hour = match (fields.hour, after_noon?) {
                (12, false) => 0,
                (hour @ 1..=11, true) => hour + 12,
                (hour @ 1..=12, _) => hour,
                _ => return None,
            };
        }
        if fields.hour > 23 || fields.minute > 59 || fields.second > 60 {
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

const CONVERSIONS: [(&str, Item); 20] = [
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
    ("?z", Item::MaybeOffset),
    ("Z", Item::ZoneName),
    ("s", Item::Epoch),
    ("n t", Item::Blanks),
    ("%", Item::Literal(b'%')),
];
