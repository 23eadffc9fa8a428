//! Reads the times of records that follow one another.

use super::moment::Time;
use super::read::{digits, fraction};

/// Reads RFC 3339 as [`Time::parse`] does, and remembers the last minute: most records lie in that
/// of the one before.
#[derive(Clone, Debug, Default)]
pub struct TimeReader {
    /// The text up to the minute.
    minute: [u8; 16],
    /// The text of the offset, as [`offset`] makes it a number.
    offset: u64,
    /// The beginning of the minute, in microseconds since 1970.
    begin: i64,
}

impl TimeReader {
    /// The time that `text` is.
    #[inline(always)]
    pub fn read(&mut self, text: &[u8]) -> Option<Time> {
        if let Some((minute, micros, offset)) = parts(text)
            && *minute == self.minute
            && offset == self.offset
        {
            return Some(Time(self.begin + micros));
        }
        self.read_other(text)
    }

    /// Reads a time of another minute, which is then remembered.
    #[inline(never)]
    fn read_other(&mut self, text: &[u8]) -> Option<Time> {
        let time = Time::parse(text)?;
        if let Some((minute, micros, offset)) = parts(text) {
            (self.minute, self.offset) = (*minute, offset);
            self.begin = time.0 - micros;
        }
        Some(time)
    }
}

/// Of a time with at most six digits of a fraction: the text up to the minute, the microseconds of
/// the minute, and the offset as a number. `None` says only that this function does not read it.
#[inline(always)]
fn parts(text: &[u8]) -> Option<(&[u8; 16], i64, u64)> {
    let (minute, rest) = text.split_first_chunk()?;
    let ([b':', seconds @ ..], rest) = rest.split_first_chunk::<3>()? else {
        return None;
    };
    let seconds = digits(seconds).filter(|seconds| *seconds < 60)?;
    let (micros, rest) = fraction(rest)?;
    Some((minute, seconds * 1_000_000 + micros, offset(rest)?))
}

/// A text such as `+09:00` or `Z` as a number, another one for each text; not 0.
#[inline(always)]
fn offset(text: &[u8]) -> Option<u64> {
    match text {
        [a, b, c, d, e, f] => Some(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 6, 0])),
        [a] => Some(u64::from_le_bytes([*a, 0, 0, 0, 0, 0, 1, 0])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever was read before, a time is read as if it were the first.
    #[test]
    fn as_without_memory() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut reader = TimeReader::default();
        let (mut read, mut same, mut last) = (0, 0, None);
        let choose =
            |random: &mut fastrand::Rng, all: &[&str]| all[random.usize(..all.len())].to_string();
        for _ in 0..100_000 {
            let minutes = ["02:16", "02:17", "23:59", "24:00", "2:160"];
            let dates = ["2026-03-30", "2026-02-29", "2024-02-29", "0000-01-01"];
            let seconds = ["17", "59", "60", "61", "1x", "00", "007"];
            let fractions = ["", "", "", ".5", ".123456", ".1234567", ".", ".x"];
            let offsets = [
                "Z", "z", "+09:00", "-09:00", "+00:00", "", "+0900", "+24:00",
            ];
            let text = choose(&mut random, &dates)
                + &choose(&mut random, &["T", "T", "T", "t", " "])
                + &choose(&mut random, &minutes)
                + &choose(&mut random, &[":", ":", ":", "-"])
                + &choose(&mut random, &seconds)
                + &choose(&mut random, &fractions)
                + &choose(&mut random, &offsets);
            let expected = Time::parse(text.as_bytes());
            assert_eq!(reader.read(text.as_bytes()), expected, "{text}");
            read += u32::from(expected.is_some());
            let minute = expected.map(|time| time.0.div_euclid(60_000_000));
            same += u32::from(minute.is_some() && minute == last);
            last = minute.or(last);
        }
        assert!(read > 5_000 && same > 200, "{read} {same}");
    }
}
