//! The two forms that most lines have, RFC 3164's and RFC 3339's, where the minute is that of a line before.
//!
//! It answers as `form.rs` does or not at all: a text that goes on so that more could belong to the stamp is left to that.

use super::cursor::two;
use super::fields::Fields;
use pipeban::time::Time;

/// `Mar 30 02:16:` in bytes.
const SHORT: usize = 13;
/// `2026-03-30T02:16:` in bytes.
const LONG: usize = 17;

/// The minutes last read in each form.
#[derive(Debug, Default)]
pub(super) struct Recent {
    short: Minute,
    long: Minute,
}

#[derive(Debug, Default)]
struct Minute {
    /// The text up to the seconds, as two numbers that overlap; zeros, which no stamp has, before the first.
    text: (u64, u64),
    /// Its beginning, in seconds since clocks showed 1970-01-01 00:00.
    clock: i64,
    /// The seconds that the reader's clocks are ahead of UTC, if that is known for all of the minute.
    offset: Option<i32>,
}

fn eight(text: &[u8], at: usize) -> u64 {
    let bytes = text.get(at..at + 8).and_then(|b| b.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

impl Recent {
    #[inline]
    pub(super) fn read(&self, text: &[u8]) -> Option<(Time, usize)> {
        let first = eight(text, 0);
        if first == self.short.text.0 && eight(text, SHORT - 8) == self.short.text.1 {
            return self.short(text);
        }
        if first == self.long.text.0 && eight(text, LONG - 9) == self.long.text.1 {
            return self.long(text);
        }
        None
    }

    fn short(&self, text: &[u8]) -> Option<(Time, usize)> {
        let second = seconds(text, SHORT)?;
        let (micros, end) = fraction(text, SHORT + 2)?;
        if !is_end(text, end) || goes_on_undated(&text[end..]) {
            return None;
        }
        let offset = self.short.offset?;
        Some((self.short.time(second, micros, offset), end))
    }

    fn long(&self, text: &[u8]) -> Option<(Time, usize)> {
        if text.get(LONG - 1) != Some(&b':') {
            return None;
        }
        let second = seconds(text, LONG)?;
        let (micros, end) = fraction(text, LONG + 2)?;
        let (offset, end) = match *text.get(end..)? {
            [b'Z', ..] => (0, end + 1),
            [sign @ (b'+' | b'-'), a, b, b':', c, d, ..] => {
                let (hours, minutes) = (two(a, b)?, two(c, d)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let east = (hours * 3_600 + minutes * 60) as i32;
                (if sign == b'-' { -east } else { east }, end + 6)
            }
            [b' ', ref behind @ ..] if !goes_on_dated(behind) => (self.long.offset?, end),
            [b']', ..] => (self.long.offset?, end),
            _ => return None,
        };
        is_end(text, end).then(|| (self.long.time(second, micros, offset), end))
    }

    /// Remembers the minute of a stamp that `text` begins with, which began at `clock` on the clock.
    pub(super) fn remember(
        &mut self,
        text: &[u8],
        fields: &Fields,
        clock: i64,
        offset: Option<i32>,
    ) {
        let is = |marks: &[(usize, u8)]| marks.iter().all(|(at, b)| text.get(*at) == Some(b));
        if is(&[(3, b' '), (6, b' '), (9, b':'), (12, b':')]) {
            // Only where the stamp says neither year nor zone.
            if fields.year.is_none() && fields.offset.is_none() && text[0].is_ascii_alphabetic() {
                let text = (eight(text, 0), eight(text, SHORT - 8));
                self.short = Minute {
                    text,
                    clock,
                    offset,
                };
            }
        } else if is(&[(4, b'-'), (7, b'-'), (13, b':'), (16, b':')]) && b"T ".contains(&text[10]) {
            let text = (eight(text, 0), eight(text, LONG - 9));
            self.long = Minute {
                text,
                clock,
                offset,
            };
        }
    }
}

impl Minute {
    fn time(&self, second: u32, micros: u32, offset: i32) -> Time {
        let seconds = self.clock + i64::from(second) - i64::from(offset);
        Time(seconds * 1_000_000 + i64::from(micros))
    }
}

fn seconds(text: &[u8], at: usize) -> Option<u32> {
    two(*text.get(at)?, *text.get(at + 1)?).filter(|second| *second < 61)
}

/// Microseconds at `at`, where a point or a comma stands with digits behind it, and where they end.
fn fraction(text: &[u8], at: usize) -> Option<(u32, usize)> {
    match *text.get(at..)? {
        [b'.' | b',', b'0'..=b'9', ..] => {}
        [b':', b'0'..=b'9', ..] => return None,
        _ => return Some((0, at)),
    }
    let digits = &text[at + 1..];
    let (mut micros, mut length) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = digits.get(length) {
        if length < 6 {
            micros = micros * 10 + u32::from(digit - b'0');
        }
        length += 1;
        if length > 64 {
            return None;
        }
    }
    let missing = 6_usize.saturating_sub(length) as u32;
    Some((micros * 10_u32.pow(missing), at + 1 + length))
}

fn is_end(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a zone or a year may follow a stamp that has neither: `behind` begins where the stamp may end.
fn goes_on_undated(behind: &[u8]) -> bool {
    match *behind {
        [b' ', b'a'..=b'y', ..] | [b':', ..] | [] => false,
        [b' ', b'A'..=b'Z', ref name @ ..] => {
            let next = name.iter().take(8).find(|b| !b.is_ascii_uppercase());
            !next.is_some_and(|b| b.is_ascii_lowercase() || *b == b'-' || b.is_ascii_digit())
        }
        // The digits of a host's address, or of a year.
        [b' ', b'0'..=b'9', ref name @ ..] => !name
            .iter()
            .take(4)
            .any(|b| *b == b'.' || b.is_ascii_lowercase()),
        _ => true,
    }
}

/// Whether a zone or a half of the day may follow a stamp with a year: `behind` begins after a blank.
fn goes_on_dated(behind: &[u8]) -> bool {
    match *behind {
        [b'a' | b'p', next, ..] => next == b'm' || next == b'M' || next == b'.',
        [
            b'b'..=b'o' | b'q'..=b'y' | b'0'..=b'9' | b'[' | b'(' | b'*',
            ..,
        ] => false,
        _ => true,
    }
}
