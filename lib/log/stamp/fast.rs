//! Stamps of the minute of a line before.
//!
//! Most stamps of a log are those of the lines before but for the seconds. What stood before and
//! behind the seconds is remembered; where it stands again, only these are read. It answers as
//! `known_forms.rs` does or not at all: where more could belong to the stamp than before, that one
//! reads it.

use super::cursor::two;
use super::fields::Fields;
use super::zones;
use pipeban::time::Time;

/// The longest text before the seconds that is remembered, in bytes.
const BEFORE: usize = 32;
/// The longest behind them.
const BEHIND: usize = 16;

/// The two last minutes of different texts: a line may have a carrier's stamp and its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    minutes: [Minute; 2],
    /// The one that is replaced next.
    next: usize,
}

#[derive(Clone, Debug, Default)]
struct Minute {
    /// The first eight bytes; zeros, with which no stamp begins, where nothing is remembered.
    first: u64,
    /// The last eight bytes before the seconds.
    last: u64,
    before: [u8; BEFORE],
    /// The length of `before`.
    seconds: usize,
    behind: [u8; BEHIND],
    /// The length of `behind`.
    length: usize,
    /// The two bytes after that: a year or a zone ends only before some.
    after: [Option<u8>; 2],
    /// Its beginning, in seconds since 1970.
    start: i64,
    /// Whether the stamp has a year.
    dated: bool,
}

fn first_eight(text: &[u8]) -> u64 {
    text.first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Recent {
    #[inline]
    pub(super) fn read(&self, text: &[u8]) -> Option<(Time, usize)> {
        let first = first_eight(text);
        if first == self.minutes[0].first {
            let found = self.minutes[0].read(text);
            if found.is_some() {
                return found;
            }
        }
        if first == self.minutes[1].first {
            return self.minutes[1].read(text);
        }
        None
    }

    /// Remembers the minute of a stamp that `text` begins with; it began at `start`.
    pub(super) fn remember(&mut self, text: &[u8], length: usize, fields: &Fields, start: i64) {
        let Some(seconds) = fields
            .seconds_from_end
            .and_then(|left| text.len().checked_sub(left))
        else {
            return;
        };
        let Some((_, end)) = fraction(text, seconds + 2) else {
            return;
        };
        let fits = (8..=BEFORE).contains(&seconds) && end <= length && length - end <= BEHIND;
        if !fits {
            return;
        }
        let minute = &mut self.minutes[self.next];
        *minute = Minute {
            first: first_eight(text),
            last: first_eight(&text[seconds - 8..]),
            seconds,
            length: length - end,
            after: [text.get(length).copied(), text.get(length + 1).copied()],
            start,
            dated: fields.year.is_some(),
            ..Minute::default()
        };
        minute.before[..seconds].copy_from_slice(&text[..seconds]);
        minute.behind[..length - end].copy_from_slice(&text[end..length]);
        self.next = 1 - self.next;
    }
}

impl Minute {
    #[inline]
    fn read(&self, text: &[u8]) -> Option<(Time, usize)> {
        let at = self.seconds;
        let last = text.get(at.checked_sub(8)?..)?;
        let differs = first_eight(last) != self.last;
        if differs || at > 16 && text[8..at - 8] != self.before[8..at - 8] {
            return None;
        }
        let second = two(*text.get(at)?, *text.get(at + 1)?).filter(|second| *second < 61)?;
        let (micros, end) = fraction(text, at + 2)?;
        let behind = &self.behind[..self.length];
        let goes_on = match behind {
            [] => &text[end..],
            _ => text[end..].strip_prefix(behind)?,
        };
        if goes_on.first().is_some_and(u8::is_ascii_alphanumeric) || self.may_go_on(goes_on) {
            return None;
        }
        let next = goes_on.first().copied();
        let colon = next == Some(b':') && self.after[1] != goes_on.get(1).copied();
        if self.length > 0 && (next != self.after[0] || colon) {
            return None;
        }
        let micros = (self.start + i64::from(second)) * 1_000_000 + i64::from(micros);
        Some((Time(micros), text.len() - goes_on.len()))
    }

    /// Whether more could belong to the stamp: half of the day, zone or year.
    #[inline]
    fn may_go_on(&self, text: &[u8]) -> bool {
        let behind = match *text {
            // Most hosts' names.
            [b' ', b'b'..=b'o' | b'q'..=b'y', ..] => return false,
            [b'+' | b'-', ..] | [b':', b'0'..=b'9', ..] => return true,
            [b' ' | b'\t', ref behind @ ..] => behind,
            _ => return false,
        };
        match *behind {
            [b' ' | b'\t' | b'+' | b'z', ..] => true,
            [b'-', next, ..] => next.is_ascii_digit(),
            [b'a' | b'p' | b'A' | b'P', next, ..] if b"mM.".contains(&next) => true,
            [b'A'..=b'Z', ..] => {
                let name = behind.iter().take(6).take_while(|b| b.is_ascii_uppercase());
                zones::find(&behind[..name.count()]).is_some() || behind[0] == b'Z'
            }
            // The digits of a host's address, or of a year.
            [b'0'..=b'9', ref digits @ ..] if !self.dated => !digits
                .iter()
                .take(4)
                .any(|b| *b == b'.' || b.is_ascii_lowercase()),
            _ => false,
        }
    }
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
