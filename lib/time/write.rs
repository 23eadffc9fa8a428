//! Writes RFC 3339. Millions of records carry a time, so local offset and date are computed once
//! for each minute of the clock.

use std::cell::Cell;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Timelike};

use super::zone::Zone;

/// The greatest length, in bytes: `2026-03-30T02:16:17.123456+09:00`.
pub(super) const LENGTH: usize = 32;

/// The local zone as it was when first asked for.
static LOCAL: LazyLock<Zone> = LazyLock::new(Zone::local);

/// The number of minutes remembered: a record's first and last time may lie some minutes apart.
const REMEMBERED: usize = 16;

thread_local! {
    /// Minutes of UTC since 1970, each with the text of its beginning.
    static MINUTES: [Cell<(i64, Minute)>; REMEMBERED] =
        const { [const { Cell::new((i64::MIN, [0; LENGTH])) }; REMEMBERED] };
}

/// The text of a minute: zeros for the seconds, a fraction of six zeros, the offset.
type Minute = [u8; LENGTH];

/// Appends a time; see [`encode`].
pub(super) fn append(time: i64, out: &mut Vec<u8>) {
    let mut buffer = [0; LENGTH];
    let end = out.len() + encode(time, &mut buffer);
    // The whole buffer, as a copy of fixed size is faster.
    out.extend_from_slice(&buffer);
    out.truncate(end);
}

/// Writes a time, given in microseconds since 1970, as RFC 3339 in the local time zone, and answers
/// its length. A moment before year 0 or after 9999 is written as the nearest end of these, in UTC.
pub(super) fn encode(time: i64, buffer: &mut [u8; LENGTH]) -> usize {
    let minute = time.div_euclid(MICROS * 60);
    let known = MINUTES.with(|minutes| {
        let place = &minutes[minute as usize % REMEMBERED];
        let (known, text) = place.get();
        if known == minute {
            *buffer = text;
            return true;
        }
        let text = encode_minute(minute, |seconds| LOCAL.offset_at(seconds));
        if let Some(text) = text {
            place.set((minute, text));
            *buffer = text;
        }
        text.is_some()
    });
    if known {
        return put_rest(time, buffer);
    }
    let end = if time < 0 {
        b"0000-01-01T00:00:00+00:00"
    } else {
        b"9999-12-31T23:59:59+00:00"
    };
    buffer[..end.len()].copy_from_slice(end);
    end.len()
}

const MICROS: i64 = 1_000_000;

fn encode_minute(minute: i64, offset_at: impl Fn(i64) -> i32) -> Option<Minute> {
    let seconds = minute * 60;
    let minutes = offset_at(seconds) / 60; // RFC 3339 has no seconds in an offset
    let date = DateTime::from_timestamp(seconds + i64::from(minutes) * 60, 0)?;
    let year = u32::try_from(date.year()).ok().filter(|y| *y <= 9999)?;
    let mut text = *b"0000-00-00T00:00:00.000000+00:00";
    put(&mut text[0..4], year);
    put(&mut text[5..7], date.month());
    put(&mut text[8..10], date.day());
    put(&mut text[11..13], date.hour());
    put(&mut text[14..16], date.minute());
    text[26] = if minutes < 0 { b'-' } else { b'+' };
    put(&mut text[27..29], minutes.unsigned_abs() / 60);
    put(&mut text[30..32], minutes.unsigned_abs() % 60);
    Some(text)
}

/// Puts seconds and fraction into the text of the minute; answers its length.
#[inline(always)]
fn put_rest(time: i64, text: &mut Minute) -> usize {
    let micros = time.rem_euclid(MICROS * 60) as u32;
    put(&mut text[17..19], micros / MICROS as u32);
    let micros = micros % MICROS as u32;
    put(&mut text[20..26], micros);
    let fraction = match micros {
        0 => 19,
        _ if micros.is_multiple_of(1_000) => 23,
        _ => 26,
    };
    let mut offset = [0; 6];
    offset.copy_from_slice(&text[26..]);
    text[fraction..fraction + 6].copy_from_slice(&offset);
    fraction + 6
}

/// Fills `place`, of an even length, with the decimal digits of a number, with zeros before it.
#[inline(always)]
fn put(place: &mut [u8], mut number: u32) {
    for pair in place.as_rchunks_mut::<2>().1.iter_mut().rev() {
        *pair = PAIRS[(number % 100) as usize];
        number /= 100;
    }
}

static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_chrono_writes() {
        use chrono::{FixedOffset, SecondsFormat};
        let mut micros = 1i64;
        for offset in [0, 32_400, -12_600, 20_700, -43_200, 50_400, -1_800] {
            for step in 0..2_000 {
                // From year 1 to 9998, with and without a fraction.
                micros = micros
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let micros = micros.rem_euclid(315_500_000_000_000_000);
                let round = [1, 1_000, 1_000_000][step % 3];
                let time = (micros - 62_135_500_000_000_000) / round * round;
                let minute = time.div_euclid(MICROS * 60);
                let mut buffer = encode_minute(minute, |_| offset).unwrap();
                let length = put_rest(time, &mut buffer);
                let theirs = DateTime::from_timestamp_micros(time)
                    .unwrap()
                    .with_timezone(&FixedOffset::east_opt(offset).unwrap())
                    .to_rfc3339_opts(SecondsFormat::AutoSi, false);
                assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(&*theirs));
            }
        }
    }
}
