//! Reads RFC 3339. The form that all tools print needs no general parser: millions of records
//! carry it.

use chrono::DateTime;

/// Microseconds since 1970 of any RFC 3339 time.
pub(super) fn micros(text: &[u8]) -> Option<i64> {
    usual(text).or_else(|| general(text))
}

fn general(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
}

/// Reads `2026-03-30T02:16:17+09:00`, also with a fraction of a second or with `Z`.
///
/// `None` says only that this function does not read it.
fn usual(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let marks = [date[4], date[7], date[10], date[13], date[16]];
    if marks != *b"--T::" {
        return None;
    }
    let two = |at: usize| digits(&date[at..at + 2]);
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    // The month's end and leap seconds are rare, and left to the general parser.
    if !(1..=12).contains(&month)
        || !(1..=28).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let (micros, rest) = fraction(rest)?;
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset[2] == b':' => {
            let (hours, minutes) = (digits(&offset[..2])?, digits(&offset[3..])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000 + micros)
}

/// Microseconds of the fraction that `text` begins with, such as `.123`, and the rest of the text;
/// 0 where it begins with none.
#[inline(always)]
pub(super) fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=6).contains(&length) {
        return None;
    }
    let missing = 6 - length as u32;
    Some((
        digits(&text[..length])? * 10_i64.pow(missing),
        &text[length..],
    ))
}

#[inline(always)]
pub(super) fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, b| match b.wrapping_sub(b'0') {
        digit @ 0..=9 => Some(n * 10 + i64::from(digit)),
        _ => None,
    })
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, for years from 0.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Counted from a March, so that the leap day is a year's last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // (153 m + 2) / 5 is the number of days in the m months from March on.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_general_parser() {
        for year in (0..=9999).step_by(7) {
            for (month, day) in [(1, 1), (2, 28), (3, 1), (12, 28), (6, 17)] {
                for rest in [
                    "02:16:17Z",
                    "23:59:59+09:00",
                    "00:00:00.5-11:30",
                    "12:00:59.000001Z",
                ] {
                    let text = format!("{year:04}-{month:02}-{day:02}T{rest}");
                    let read = usual(text.as_bytes());
                    assert!(read.is_some(), "{text}");
                    assert_eq!(read, general(text.as_bytes()), "{text}");
                }
            }
        }
        for text in [
            "",
            "2026-03-30",
            "2026-03-10T02:16:17",
            "2026-03-10 02:16:17Z",
            "2026-13-10T02:16:17Z",
            "2026-03-10T24:16:17Z",
            "2026-03-10T02:16:17+0900",
            "2026-03-10T02:16:17.Z",
            "2026-03-1xT02:16:17Z",
            "2026-03-10T02:16:17+24:00",
            "2026-03-10T02:16:17Zx",
        ] {
            assert_eq!(usual(text.as_bytes()), None, "{text}");
        }
    }
}
