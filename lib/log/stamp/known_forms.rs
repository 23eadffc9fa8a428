//! The forms in which logs write a time stamp, told by the bytes in it and read from the left.
//!
//! A date, what stands between it and the clock, the clock, and then as far as they stand there: a
//! fraction, AM or PM, a zone, the year. `T` is the clock in this list
//! of beginnings.
//!
//! - a month's name: `Mar 30 T`, `Mar 30 2026 T`, `Mar 30, 2026 T`, `Mar-30-26 T`, `mar/30 T`,
//!   `Mar 30 T 2026`, `Mar 30 T UTC 2026`
//! - a day of the week: the same, and all that begin with a number
//! - 4 digits: `2026-03-30T`, also with `/`, `.`, `:` or a month's name; `2026 Mar 30 T`,
//!   `2026年03月30日
//!   T`
//! - 1 or 2 digits: `30 Mar 2026 T`, `30. Mar T`, `30/Mar/2026:T`, `03/30/2026 T`, `30.03.2026 T`,
//!   `03/30/26 T`, `3月 30 T`
//! - a number and a number: `03/30 T`, `03-30 T`; `I0330 T`, `I20260330 T` behind a level's letter
//! - 6, 8, 14 digits: `260330 T`, `20260330 T`, `20260330T021617`, `20260330021617`
//! - 10, 13, 16, 19 digits: since 1970, in seconds and less
//! - `audit(`: the kernel's audit record
//! - `@4`: TAI64N, 24 digits of base 16

use super::clock::{between, clock};
use super::cursor::Cursor;
use super::fields::Fields;
use super::order::Order;

/// Reads a stamp at the beginning of `text`, and its length in bytes.
pub(super) fn read(text: &[u8], order: &mut Order) -> Option<(Fields, usize)> {
    let mut cursor = Cursor::new(text);
    let first = cursor.first()?;
    let fields = match first {
        b'0'..=b'9' => number(&mut cursor, order)?,
        b'a' if cursor.skip_text("audit(") => {
            let fields = epoch(&mut cursor)?;
            cursor.skip(b':')?;
            cursor.digits(1, 9)?;
            cursor.skip(b')')?;
            fields
        }
        b'@' => tai64n(&mut cursor)?,
        b'I' | b'W' | b'E' | b'F' if has_klog_date(text) => klog(&mut cursor)?,
        b'A'..=b'Z' | b'a'..=b'z' | 0x80.. => name(&mut cursor, order)?,
        _ => return None,
    };
    let sound = fields.epoch.is_some() || fields.has_clock();
    (sound && cursor.ends()).then(|| (fields, text.len() - cursor.rest.len()))
}

/// Whether 4 or 8 digits and a blank stand behind the first letter.
fn has_klog_date(text: &[u8]) -> bool {
    let digits = text[1..].iter().take(9).take_while(|b| b.is_ascii_digit());
    let length = digits.count();
    matches!(length, 4 | 8) && text.get(1 + length) == Some(&b' ')
}

/// Kubernetes' `I0330 02:16:17.123456` and glog's `I20260330 02:16:17.123456`: level, perhaps the
/// year, month and day.
fn klog(cursor: &mut Cursor) -> Option<Fields> {
    cursor.rest = &cursor.rest[1..];
    let year = match cursor.count_digits() {
        8 => Some(cursor.digits(4, 4)? as i32),
        _ => None,
    };
    let fields = Fields {
        year,
        month: cursor.digits(2, 2)?,
        day: cursor.digits(2, 2)?,
        ..Fields::default()
    };
    cursor.blanks()?;
    clock(cursor, fields)
}

/// A stamp that begins with a month's name or a day of the week.
fn name(cursor: &mut Cursor, order: &mut Order) -> Option<Fields> {
    if !date_is_near(cursor) {
        return None;
    }
    let mut ahead = *cursor;
    if !english_weekday(ahead.rest)
        && let Some(month) = ahead.month()
        && let Some(fields) = after_month(&mut ahead, month)
    {
        *cursor = ahead;
        return Some(fields);
    }
    let mut ahead = *cursor;
    if let Some(fields) = numbered_month_after(&mut ahead) {
        *cursor = ahead;
        return Some(fields);
    }
    if english_weekday(cursor.rest) {
        cursor.rest = &cursor.rest[3..];
    } else {
        cursor.weekday()?;
    }
    cursor.weekday_read = true;
    _ = cursor.skip(b',');
    cursor.blanks()?;
    match cursor.first()? {
        b'0'..=b'9' => number(cursor, order),
        _ => {
            let month = cursor.month()?;
            after_month(cursor, month)
        }
    }
}

/// Whether the first three letters are those of an English day, and all of the word.
fn english_weekday(text: &[u8]) -> bool {
    match text {
        [a, b, c, b' ' | b',', ..] => {
            let name = [a | 0x20, b | 0x20, c | 0x20];
            matches!(
                &name,
                b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun"
            )
        }
        _ => false,
    }
}

/// Whether a digit follows the first or the second word: few words of a log need be looked up.
fn date_is_near(cursor: &Cursor) -> bool {
    let mut ahead = *cursor;
    for _ in 0..2 {
        // No name is longer, but this: `September`.
        if ahead.word().len() > 24 {
            return false;
        }
        while let Some(b' ' | b',' | b'.' | b'-' | b'/') = ahead.first() {
            ahead.rest = &ahead.rest[1..];
        }
        if ahead.first().is_some_and(|b| b.is_ascii_digit()) {
            return true;
        }
    }
    false
}

/// Vietnamese `Thg 3 30 02:16:17` (CLDR) and `Th03 30 02:16:17` (glibc).
fn numbered_month_after(cursor: &mut Cursor) -> Option<Fields> {
    let words = ["Thg ", "thg ", "Tháng ", "tháng ", "Th"];
    let word = words.iter().any(|word| cursor.skip_text(word));
    let month = word.then(|| cursor.digits(1, 2))??;
    after_month(cursor, month)
}

/// The rest of a date that begins with the month.
fn after_month(cursor: &mut Cursor, month: u32) -> Option<Fields> {
    let mut fields = Fields {
        month,
        ..Fields::default()
    };
    if let Some(separator @ (b'-' | b'/')) = cursor.first() {
        _ = cursor.skip(separator);
        fields.day = cursor.digits(1, 2)?;
        // RouterOS leaves out the year.
        if cursor.skip(separator).is_some() {
            fields.year = Some(year(cursor)?);
        }
        between(cursor)?;
        return clock(cursor, fields);
    }
    cursor.blanks()?;
    fields.day = day(cursor)?;
    let comma = cursor.skip(b',').is_some();
    cursor.blanks()?;
    // A clock's hour has two digits at most.
    if comma || cursor.count_digits() == 4 {
        fields.year = Some(cursor.digits(4, 4)? as i32);
        between(cursor)?;
    }
    clock(cursor, fields)
}

/// The day of a month, perhaps with what languages put behind it.
fn day(cursor: &mut Cursor) -> Option<u32> {
    let day = cursor.digits(1, 2)?;
    _ = cursor.skip(b'.').is_some() || cursor.skip_text("日") || cursor.skip_text("일");
    Some(day)
}

fn number(cursor: &mut Cursor, order: &mut Order) -> Option<Fields> {
    match cursor.count_digits() {
        1 | 2 => short_number(cursor, order),
        4 => year_first(cursor),
        6 => {
            let mut fields = Fields {
                year: Some(cursor.year_of_century()?),
                ..Fields::default()
            };
            fields.month = cursor.digits(2, 2)?;
            fields.day = cursor.digits(2, 2)?;
            cursor.blanks()?;
            clock(cursor, fields)
        }
        8 => {
            let fields = compact_date(cursor)?;
            between(cursor)?;
            if cursor.count_digits() == 6 {
                return compact_clock(cursor, fields);
            }
            clock(cursor, fields)
        }
        14 => {
            let fields = compact_date(cursor)?;
            compact_clock(cursor, fields)
        }
        _ => epoch(cursor),
    }
}

/// A number that may be a day, a month or the end of a year.
fn short_number(cursor: &mut Cursor, order: &mut Order) -> Option<Fields> {
    let first = cursor.digits(1, 2)?;
    if cursor.skip_text("月") || cursor.skip_text("월") {
        return after_month(cursor, first);
    }
    let separator = cursor.first()?;
    match separator {
        b'/' | b'-' | b'.' => _ = cursor.skip(separator),
        b' ' | b'\t' => {}
        _ => return None,
    }
    _ = cursor.blanks();
    if cursor.first()?.is_ascii_digit() {
        if separator == b' ' {
            return None;
        }
        let second = cursor.digits(1, 2)?;
        if separator != b'.' && cursor.blanks().is_some() {
            return clock(cursor, order.undated([first, second])?);
        }
        cursor.skip(separator)?;
        let long = cursor.count_digits() == 4;
        let third = if long {
            cursor.digits(4, 4)?
        } else {
            cursor.digits(2, 2)?
        };
        between(cursor)?;
        return clock(cursor, order.date(separator, [first, second, third], long)?);
    }
    let mut fields = Fields {
        month: cursor.month()?,
        day: first,
        ..Fields::default()
    };
    match separator {
        b'/' | b'-' => {
            cursor.skip(separator)?;
            fields.year = Some(year(cursor)?);
            between(cursor)?;
        }
        _ => {
            _ = cursor.skip(b'.');
            cursor.blanks();
            if cursor.count_digits() == 4 {
                fields.year = Some(cursor.digits(4, 4)? as i32);
                between(cursor)?;
            }
        }
    }
    clock(cursor, fields)
}

fn year_first(cursor: &mut Cursor) -> Option<Fields> {
    let mut fields = Fields {
        year: Some(cursor.digits(4, 4)? as i32),
        ..Fields::default()
    };
    if cursor.skip_text("年") || cursor.skip_text("년") {
        _ = cursor.blanks();
        fields.month = cursor.digits(1, 2)?;
        if !cursor.skip_text("月") && !cursor.skip_text("월") {
            return None;
        }
        _ = cursor.blanks();
        fields.day = day(cursor)?;
        _ = cursor.blanks();
        // A day of the week may stand between.
        if !cursor.first()?.is_ascii_digit() {
            cursor.word();
            cursor.blanks()?;
        }
        return clock(cursor, fields);
    }
    let separator = cursor.first()?;
    if !matches!(separator, b'-' | b'/' | b'.' | b':' | b' ') {
        return None;
    }
    _ = cursor.skip(separator);
    let named = !cursor.first()?.is_ascii_digit();
    // `2026 03 30` is three numbers, and no date.
    fields.month = match named {
        true => cursor.month()?,
        false if separator == b' ' => return None,
        false => cursor.digits(1, 2)?,
    };
    match separator {
        b' ' => cursor.blanks()?,
        _ => cursor.skip(separator)?,
    }
    fields.day = cursor.digits(1, 2)?;
    between(cursor)?;
    clock(cursor, fields)
}

/// A year of four digits or of two.
fn year(cursor: &mut Cursor) -> Option<i32> {
    match cursor.count_digits() {
        4 => cursor.digits(4, 4).map(|year| year as i32),
        2 => cursor.year_of_century(),
        _ => None,
    }
}

fn compact_date(cursor: &mut Cursor) -> Option<Fields> {
    let year = Some(cursor.digits(4, 4)? as i32);
    let month = cursor.digits(2, 2)?;
    let day = cursor.digits(2, 2)?;
    Some(Fields {
        year,
        month,
        day,
        ..Fields::default()
    })
}

fn compact_clock(cursor: &mut Cursor, mut fields: Fields) -> Option<Fields> {
    fields.hour = cursor.digits(2, 2)?;
    fields.minute = cursor.digits(2, 2)?;
    fields.second = cursor.digits(2, 2)?;
    fields.micros = cursor.fraction();
    fields.offset = cursor.offset();
    Some(fields)
}

/// Since 1970; more than a point or a comma may not go on with it, for a host's name may begin so.
fn epoch(cursor: &mut Cursor) -> Option<Fields> {
    let (seconds, micros) = cursor.epoch()?;
    match cursor.rest {
        [b' ', b'-', b' ', rest @ ..] if has_common_log(rest) => return None,
        []
        | [
            b' ' | b'\t' | b']' | b')' | b'>' | b':' | b';' | b'|' | b'"' | b'}',
            ..,
        ] => {}
        [b',', after, ..] if !after.is_ascii_digit() => {}
        [b','] => {}
        _ => return None,
    }
    Some(Fields {
        epoch: Some(seconds),
        micros,
        ..Fields::default()
    })
}

/// Whether a date of the Common Log Format is near: the number before it is a host's name.
fn has_common_log(text: &[u8]) -> bool {
    let near = text.windows(4).take(300);
    near.into_iter()
        .any(|w| w[0] == b'[' && w[1].is_ascii_digit() && w[3] == b'/')
}

/// `@4000000069c9dd7b0756b3a8`, as multilog(8) writes: seconds of TAI, ten more than those since
/// 1970, and nanoseconds.
fn tai64n(cursor: &mut Cursor) -> Option<Fields> {
    let (digits, rest) = cursor.rest.get(1..)?.split_at_checked(24)?;
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.starts_with('+') || digits.contains('-') {
        return None;
    }
    let seconds = u64::from_str_radix(&digits[..16], 16)
        .ok()?
        .checked_sub((1 << 62) + 10)?;
    let nanos = u32::from_str_radix(&digits[16..], 16)
        .ok()
        .filter(|n| *n < 1_000_000_000)?;
    cursor.rest = rest;
    let epoch = i64::try_from(seconds).ok().filter(|s| *s < 1 << 40);
    Some(Fields {
        epoch: Some(epoch?),
        micros: nanos / 1_000,
        ..Fields::default()
    })
}
