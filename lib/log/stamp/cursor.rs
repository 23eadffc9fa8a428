//! The parts of a time stamp, read from bytes; a part that does not stand here is `None`.

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub rest: &'a [u8],
}

const MONTHS: [Name; 12] = [
    name("january"),
    name("february"),
    name("march"),
    name("april"),
    name("may"),
    name("june"),
    name("july"),
    name("august"),
    name("september"),
    name("october"),
    name("november"),
    name("december"),
];

const WEEKDAYS: [Name; 7] = [
    name("monday"),
    name("tuesday"),
    name("wednesday"),
    name("thursday"),
    name("friday"),
    name("saturday"),
    name("sunday"),
];

/// The first three letters as a number, which is quickly compared, and all of them.
type Name = (u32, &'static [u8]);

const fn name(text: &'static str) -> Name {
    let text = text.as_bytes();
    (short([text[0], text[1], text[2]]), text)
}

/// Three letters without regard to case.
const fn short([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) | 0x20_20_20
}

impl Cursor<'_> {
    pub(super) fn skip(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
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

    /// Hour, minute and second of `02:16:17`.
    pub(super) fn clock(&mut self) -> Option<(u32, u32, u32)> {
        let (clock, rest) = self.rest.split_first_chunk()?;
        let [a, b, b':', c, d, b':', e, f] = *clock else {
            return None;
        };
        self.rest = rest;
        Some((two(a, b)?, two(c, d)?, two(e, f)?))
    }

    /// 1 to 12, for a month's English name or the first three letters of it.
    pub(super) fn month(&mut self) -> Option<u32> {
        self.name(&MONTHS).map(|month| month + 1)
    }

    /// An English day of the week, or the first three letters of it.
    pub(super) fn weekday(&mut self) -> Option<()> {
        self.name(&WEEKDAYS).map(|_| ())
    }

    fn name(&mut self, names: &[Name]) -> Option<u32> {
        let (first, rest) = self.rest.split_first_chunk()?;
        let index = names.iter().position(|name| name.0 == short(*first))?;
        self.rest = rest;
        if rest.first().is_some_and(u8::is_ascii_alphabetic) {
            let tail = &names[index].1[3..];
            let (end, after) = rest.split_at_checked(tail.len())?;
            self.rest = after;
            if !end.eq_ignore_ascii_case(tail) {
                return None;
            }
        }
        Some(index as u32)
    }

    /// Whether `am` or `pm` stands here: true after noon.
    pub(super) fn half(&mut self) -> Option<bool> {
        let (name, rest) = self.rest.split_first_chunk::<2>()?;
        self.rest = rest;
        match &name.map(|b| b | 0x20) {
            b"am" => Some(false),
            b"pm" => Some(true),
            _ => None,
        }
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
        let length = self.length(|b| b.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |b| u32::from(b - b'0'));
        (length > 0).then(|| (0..6).fold(0, |value, at| value * 10 + digit(at)))
    }

    /// Seconds east of UTC: `+0900`, `+09:00`, `+09`, `Z`, or after a blank also `UTC` and `GMT`.
    pub(super) fn offset(&mut self) -> Option<i32> {
        _ = self.skip(b' ');
        let (sign, rest) = match self.rest {
            [b'+', rest @ ..] => (1, rest),
            [b'-', rest @ ..] => (-1, rest),
            [b'Z', rest @ ..] | [b'U', b'T', b'C', rest @ ..] | [b'G', b'M', b'T', rest @ ..] => {
                self.rest = rest;
                return Some(0);
            }
            _ => return None,
        };
        self.rest = rest;
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

    /// A count since 1970, and how many of its unit are a second: its size tells whether they are seconds (10 digits,
    /// from 2001 to 2286), or milli-, micro- or nanoseconds in those years.
    pub(super) fn epoch(&mut self) -> Option<(i64, i64)> {
        let length = self.length(|b| b.is_ascii_digit());
        let per_second = match length {
            10 => 1,
            13 => 1_000,
            16 => 1_000_000,
            19 => 1_000_000_000,
            _ => return None,
        };
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let count = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((count, per_second))
    }

    /// Whether no letter or digit follows.
    pub(super) fn ends(&self) -> bool {
        !self.rest.first().is_some_and(u8::is_ascii_alphanumeric)
    }

    /// How many of these bytes stand here; more than 64 is no part of a stamp, and not worth the time.
    fn length(&self, is: impl Fn(u8) -> bool) -> usize {
        let near = self.rest.iter().take(64);
        near.take_while(|b| is(**b)).count()
    }
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}
