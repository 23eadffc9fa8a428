//! The parts of a time stamp, read from bytes; a part that does not stand here is `None`.

use super::fields::{Offset, century};
use super::names;
use super::zones;

/// The bytes that are left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub rest: &'a [u8],
    /// A day of the week was read.
    pub weekday_read: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        let weekday_read = false;
        Cursor { rest, weekday_read }
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn skip(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// Skips this text if it stands here.
    pub(super) fn skip_text(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text.as_bytes());
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Blanks and TABs, one at least.
    pub(super) fn blanks(&mut self) -> Option<()> {
        let length = self.length(|b| b == b' ' || b == b'\t');
        self.rest = &self.rest[length..];
        (length > 0).then_some(())
    }

    /// A number of `least` to `most` digits; no more than 9.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let mut value = 0;
        let mut length = 0;
        while length < most
            && let Some(digit @ b'0'..=b'9') = self.rest.get(length)
        {
            value = value * 10 + u32::from(digit - b'0');
            length += 1;
        }
        self.rest = &self.rest[length..];
        (length >= least).then_some(value)
    }

    /// A year by its last two digits.
    pub(super) fn year_of_century(&mut self) -> Option<i32> {
        self.digits(2, 2).map(century)
    }

    /// The number of digits that stand here, up to 64.
    pub(super) fn count_digits(&self) -> usize {
        self.length(|b| b.is_ascii_digit())
    }

    /// Hour, minute and second of `02:16:17`.
    pub(super) fn clock(&mut self) -> Option<(u32, u32, u32)> {
        let (clock, rest) = self.rest.split_first_chunk()?;
        let [a, b, b':', c, d, b':', e, f] = *clock else {
            return None;
        };
        self.rest = rest;
        Some((two(a, b)?, two(c, d)?, two(e, f)?))
    }

    /// A word of letters, those beyond ASCII included, with the points between these.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let bytes = &self.rest[..self.rest.len().min(64)];
        let mut length = 0;
        while length < bytes.len() {
            let letter = |b: u8| b.is_ascii_alphabetic() || b >= 0x80;
            let point =
                || bytes[length] == b'.' && bytes.get(length + 1).is_some_and(|next| *next >= 0x80);
            if !letter(bytes[length]) && !point() {
                break;
            }
            length += 1;
        }
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word
    }

    /// 1 to 12, for a month's name.
    pub(super) fn month(&mut self) -> Option<u32> {
        let mut word = self.word();
        // Catalan has "de març".
        if word.eq_ignore_ascii_case(b"de") && self.skip(b' ').is_some() {
            word = self.word();
        }
        let month = english(word).or_else(|| names::month(word))?;
        self.point();
        Some(month)
    }

    /// A day of the week.
    pub(super) fn weekday(&mut self) -> Option<()> {
        if !names::is_weekday(self.word()) {
            return None;
        }
        self.point();
        Some(())
    }

    /// Skips the point of an abbreviation, with a blank behind it.
    fn point(&mut self) {
        if self.rest.starts_with(b". ") {
            self.rest = &self.rest[1..];
        }
    }

    /// Whether `am` or `pm` stands here, also as `a.m.`: true after noon.
    pub(super) fn half(&mut self) -> Option<bool> {
        let after = match self.first()? | 0x20 {
            b'a' => false,
            b'p' => true,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let point = self.skip(b'.').is_some();
        if self.first()? | 0x20 != b'm' {
            return None;
        }
        self.rest = &self.rest[1..];
        if point {
            _ = self.skip(b'.');
        }
        Some(after)
    }

    pub(super) fn letters(&mut self) -> Option<()> {
        let length = self.length(|b| b.is_ascii_alphabetic());
        self.rest = &self.rest[length..];
        (length > 0).then_some(())
    }

    /// Microseconds of `.123` or `,123`; 0 if none stand here.
    pub(super) fn fraction(&mut self) -> u32 {
        match self.rest {
            [b'.' | b',', b'0'..=b'9', ..] => {
                self.rest = &self.rest[1..];
                self.micros().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Microseconds of the digits after a point; what is finer is cut off.
    pub(super) fn micros(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at(self.count_digits());
        self.rest = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |b| u32::from(b - b'0'));
        (!digits.is_empty()).then(|| (0..6).fold(0, |value, at| value * 10 + digit(at)))
    }

    /// Seconds east of UTC of `+0900`, `+09:00` or `+09`.
    pub(super) fn east(&mut self) -> Option<i32> {
        let sign = match self.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.digits(2, 2).filter(|h| *h < 24)?;
        let colon = self.skip(b':').is_some();
        let minutes = match self.digits(2, 2) {
            Some(minutes @ 0..60) => minutes,
            Some(_) => return None,
            None if colon => return None,
            None => 0,
        };
        Some(sign * (hours * 3_600 + minutes * 60) as i32)
    }

    /// An offset that the stamp goes on with, or after a blank: `Z`, `+0900`, `UTC`, `CEST`,
    /// `GMT+2`.
    pub(super) fn offset(&mut self) -> Option<Offset> {
        let mut ahead = *self;
        _ = ahead.skip(b' ');
        let offset = match ahead.first()? {
            b'+' | b'-' => Offset::East(ahead.east()?),
            b'Z' | b'z' => {
                ahead.rest = &ahead.rest[1..];
                Offset::East(0)
            }
            b'A'..=b'Y' => ahead.zone()?,
            _ => return None,
        };
        if !ahead.ends() {
            return None;
        }
        *self = ahead;
        Some(offset)
    }

    /// A zone by its name; `UTC` and `GMT` may have an offset behind.
    fn zone(&mut self) -> Option<Offset> {
        let (name, rest) = self.rest.split_at(self.length(|b| b.is_ascii_uppercase()));
        let zone = zones::find(name)?;
        self.rest = rest;
        if zone.offset == 0 && matches!(self.first(), Some(b'+' | b'-')) {
            return Some(Offset::East(self.utc_and()?));
        }
        Some(if zone.name == "UTC" {
            Offset::East(0)
        } else {
            Offset::Named(zone)
        })
    }

    /// Behind `UTC`: `+2`, too.
    fn utc_and(&mut self) -> Option<i32> {
        if let [sign @ (b'+' | b'-'), hour @ b'0'..=b'9', rest @ ..] = self.rest
            && !rest
                .first()
                .is_some_and(|b| b.is_ascii_digit() || *b == b':')
        {
            self.rest = rest;
            let seconds = i32::from(hour - b'0') * 3_600;
            return Some(if *sign == b'-' { -seconds } else { seconds });
        }
        self.east()
    }

    /// A count since 1970 as whole seconds and microseconds. Its size tells whether it is one of
    /// seconds (10 digits, from 2001 to 2286), or of milli-, micro- or nanoseconds in those years.
    /// A fraction may follow.
    pub(super) fn epoch(&mut self) -> Option<(i64, u32)> {
        let (digits, rest) = self.rest.split_at(self.count_digits());
        let per_second = match digits.len() {
            10 => 1,
            13 => 1_000,
            16 => 1_000_000,
            19 => 1_000_000_000,
            _ => return None,
        };
        self.rest = rest;
        let digit = |count: i64, b: &u8| count.checked_mul(10)?.checked_add(i64::from(b - b'0'));
        let count = digits.iter().try_fold(0, digit)?;
        let micros = (count % per_second * 1_000_000 / per_second) as u32;
        let finer = self.fraction() / u32::try_from(per_second).ok()?;
        Some((count / per_second, micros + finer))
    }

    /// Whether no letter or digit follows.
    pub(super) fn ends(&self) -> bool {
        !self.rest.first().is_some_and(u8::is_ascii_alphanumeric)
    }

    /// How many of these bytes stand here; more than 64 is no part of a stamp, and not worth the
    /// time.
    pub(super) fn length(&self, is: impl Fn(u8) -> bool) -> usize {
        let near = self.rest.iter().take(64);
        near.take_while(|b| is(**b)).count()
    }
}

/// 1 to 12, for the first three letters of an English month.
pub(super) fn english(name: &[u8]) -> Option<u32> {
    let [a, b, c] = *name else { return None };
    Some(match &[a | 0x20, b | 0x20, c | 0x20] {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

/// The number of two digits.
pub(super) fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}
