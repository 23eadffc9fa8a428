//! The clock of a stamp, and what may follow it: a fraction, AM or PM, a zone, the year.

use super::cursor::Cursor;
use super::fields::Fields;

/// The text between a date and the clock: `T`, blanks, or one of `-:;@_,/|`, with blanks around
/// it.
pub(super) fn between(cursor: &mut Cursor) -> Option<()> {
    let blanks = cursor.blanks().is_some();
    let sign = match cursor.first()? {
        b'T' | b't' | b'-' | b':' | b';' | b'@' | b'_' | b',' | b'/' | b'|' => {
            cursor.rest = &cursor.rest[1..];
            _ = cursor.blanks();
            true
        }
        _ => false,
    };
    (blanks || sign).then_some(())
}

/// The clock and what may follow it.
pub(super) fn clock(cursor: &mut Cursor, mut fields: Fields) -> Option<Fields> {
    fields.hour = cursor.digits(1, 2)?;
    let separator = cursor.first().filter(|b| *b == b':' || *b == b'.')?;
    _ = cursor.skip(separator);
    fields.minute = cursor.digits(2, 2)?;
    if fields.year.is_some() && cursor.first() != Some(separator) {
        // Hours and minutes alone, as ISO 8601 allows.
        fields.offset = cursor.offset();
        return (separator == b':').then_some(fields);
    }
    cursor.skip(separator)?;
    fields.seconds_from_end = Some(cursor.rest.len());
    fields.second = cursor.digits(2, 2)?;
    if separator == b'.' && cursor.first() == Some(b'.') {
        return None; // an address
    }
    fields.micros = match fraction_by_colon(cursor) {
        Some(micros) => micros,
        None => cursor.fraction(),
    };
    // Where no year came first, a word here may be a host's name.
    let dated = fields.year.is_some();
    if dated && let Some(after_noon) = half(cursor) {
        fields.set_half(after_noon)?;
    }
    let mut ahead = *cursor;
    fields.offset = ahead.offset();
    let named = ahead.rest.len() < cursor.rest.len()
        && cursor.rest.get(1).is_some_and(u8::is_ascii_uppercase);
    if !dated {
        let mut behind = ahead;
        fields.year = year_behind(&mut behind);
        if fields.year.is_some() {
            ahead = behind;
            // `Mar 30 02:16:17 2026 +0000`
            fields.offset = fields.offset.or_else(|| ahead.offset());
        } else if named && ahead.first() != Some(b':') {
            fields.offset = None;
            ahead = *cursor;
        }
    } else if !named && fields.offset.is_some() && cursor.first() == Some(b' ') {
        // Go's own form has the zone's name, too: ` +0900 JST`.
        let mut behind = ahead;
        if behind.first() == Some(b' ')
            && behind.rest.get(1).is_some_and(u8::is_ascii_uppercase)
            && behind.offset().is_some()
        {
            ahead = behind;
        }
    }
    *cursor = ahead;
    Some(fields)
}

/// Half of the day behind a clock with a date. In small letters it could be a host's name, unless
/// it joins the clock, has points, or a zone behind it.
fn half(cursor: &mut Cursor) -> Option<bool> {
    let mut ahead = *cursor;
    let joined = ahead.blanks().is_none();
    let name = ahead.rest;
    let after_noon = ahead.half()?;
    let capital = name[0].is_ascii_uppercase();
    let zoned = || Cursor { ..ahead }.offset().is_some();
    if !ahead.ends() || !(joined || capital || name[1] == b'.' || zoned()) {
        return None;
    }
    *cursor = ahead;
    Some(after_noon)
}

/// `02:16:17:123`
fn fraction_by_colon(cursor: &mut Cursor) -> Option<u32> {
    let mut ahead = *cursor;
    ahead.skip(b':')?;
    if !matches!(ahead.count_digits(), 3 | 6) {
        return None;
    }
    let micros = ahead.micros()?;
    if !ahead.ends() || ahead.first() == Some(b':') {
        return None;
    }
    *cursor = ahead;
    Some(micros)
}

/// The year of asctime(3), behind the clock. Where no day of the week came first, a number before
/// a blank is taken for a host's name.
fn year_behind(cursor: &mut Cursor) -> Option<i32> {
    cursor.blanks()?;
    let year = cursor
        .digits(4, 4)
        .filter(|year| (1970..2100).contains(year))?;
    let ended = match cursor.rest {
        [b' ' | b'\t', ..] | [b':', b' ', ..] => cursor.weekday_read,
        [] | [b']' | b')' | b'>' | b',' | b';' | b'|', ..] | [b':'] => true,
        // `2001:db8::25` is a host.
        _ => false,
    };
    ended.then_some(year as i32)
}
