//! A stamp that does not stand at the beginning of a line.
//!
//! It is looked for only where a service writes it before anything that a remote party chooses, or
//! where such text can't be taken for it:
//!
//! - an object of JSON: the first of the usual keys whose value is a stamp
//! - `key=value` pairs from the beginning on: the same; also `date=2026-03-30 time=02:16:17`
//! - `type=USER_AUTH msg=audit(…)`: the kernel's stamp of the record
//! - one word, and up to three groups in brackets: the stamp behind them: `INFO …`, `[GIN] …`,
//!   `[pid 42] […]`; one word alone only before a date
//! - Common Log Format: behind the first word, else the last one before the first quote that is not
//!   escaped: a user's name stands before it. Without a quote, the first

use memchr::{memchr, memchr_iter, memchr3, memrchr};

use super::head::{self, Head, Stamp};
use super::json::{Members, Value};
use super::pairs::Pairs;
use crate::json::unescape;
use crate::stamp::StampReader;
use pipeban::time::Time;

/// A stamp is shorter, in bytes.
const LONGEST: usize = 128;

/// Keys under which services write the time.
const KEYS: [&str; 35] = [
    "instant",
    "timeMillis",
    "log_timestamp",
    "start_time",
    "Time",
    "time",
    "ts",
    "t",
    "@timestamp",
    "timestamp",
    "datetime",
    "date",
    "asctime",
    "@t",
    "when",
    "eventTime",
    "event_time",
    "time_iso8601",
    "time_local",
    "msec",
    "StartUTC",
    "logged_at",
    "log_time",
    "Timestamp",
    "__REALTIME_TIMESTAMP",
    "Datetime",
    "EdgeStartTimestamp",
    "_time",
    "created_at",
    "dt",
    "eventTimestamp",
    "event_timestamp",
    "requestReceivedTimestamp",
    "start_local",
    "timestamp_iso8601",
];

/// The head of a text that does not begin with a stamp: the time inside it, unless its carrier said
/// one.
pub(super) fn head<'a>(text: &[u8], said: Option<Time>, stamps: &mut StampReader) -> Head<'a> {
    let mut head = Head::default();
    if said.is_none() {
        head.time = find(text, stamps);
        head.stamp = match head.time {
            Some(_) => Stamp::Inside,
            None => Stamp::None,
        };
    }
    head
}

/// The stamp inside a text that does not begin with one.
pub(super) fn find(text: &[u8], stamps: &mut StampReader) -> Option<Time> {
    match text.first()? {
        b'{' => in_object(text, stamps),
        b'[' | b'(' | b'<' => behind_words(text, stamps).or_else(|| common_log(text, stamps)),
        _ => {
            let end = memchr3(b' ', b'\t', b'=', &text[..text.len().min(256)])?;
            if text[end] == b'=' {
                return in_pairs(text, stamps);
            }
            if text[end + 1..].starts_with(b"- ") {
                return common_log(text, stamps);
            }
            behind_words(text, stamps).or_else(|| common_log(text, stamps))
        }
    }
}

fn is_key(key: &[u8]) -> bool {
    KEYS.iter().any(|known| known.as_bytes() == key)
}

fn in_object(text: &[u8], stamps: &mut StampReader) -> Option<Time> {
    let mut members = Members::new(text, 0)?;
    members.find_map(|(key, value)| match is_key(&text[key]) {
        true => of_value(text, &value, stamps),
        false => None,
    })
}

/// The time that a value of JSON is; MongoDB, Log4j and protobuf wrap it into an object.
pub(super) fn of_value(text: &[u8], value: &Value, stamps: &mut StampReader) -> Option<Time> {
    match value {
        Value::Text(range, escaped) => {
            let (raw, mut room) = (&text[range.clone()], Vec::new());
            let mut stamp = raw;
            if *escaped && raw.len() < LONGEST {
                unescape(raw, &mut room);
                stamp = &room;
            }
            let stamp = stamp.strip_prefix(b"[").unwrap_or(stamp);
            stamps.read(stamp).map(|(time, _)| time)
        }
        Value::Other(range) if text[range.start] == b'{' => {
            let (key, value) = Members::new(&text[..range.end], range.start)?.next()?;
            match (&text[key], &value) {
                (b"$date", Value::Text(..)) | (b"epochSecond" | b"seconds", Value::Other(_)) => {
                    of_value(text, &value, stamps)
                }
                _ => None,
            }
        }
        Value::Other(range) => stamps.read(&text[range.clone()]).map(|(time, _)| time),
    }
}

fn in_pairs(text: &[u8], stamps: &mut StampReader) -> Option<Time> {
    let mut date: Option<&[u8]> = None;
    for pair in Pairs::new(text).take(64) {
        let (key, value) = (&text[pair.key], &text[pair.value]);
        if key == b"msg" && !pair.quoted && value.starts_with(b"audit(") {
            return stamps.read(value).map(|(time, _)| time);
        }
        if key == b"time"
            && let Some(date) = date
        {
            return in_two(date, value, stamps);
        }
        if is_key(key) {
            if let Some((time, _)) = stamps.read(value) {
                return Some(time);
            }
            date = Some(value).filter(|_| key == b"date");
        }
    }
    None
}

/// Date and clock under keys of their own, as Fortinet writes them.
fn in_two(date: &[u8], clock: &[u8], stamps: &mut StampReader) -> Option<Time> {
    let mut stamp = [b' '; 48];
    let end = date.len() + 1 + clock.len();
    stamp.get_mut(..date.len())?.copy_from_slice(date);
    stamp.get_mut(date.len() + 1..end)?.copy_from_slice(clock);
    stamps.read(&stamp[..end]).map(|(time, _)| time)
}

fn behind_words(text: &[u8], stamps: &mut StampReader) -> Option<Time> {
    let (mut at, mut words) = (0, 0);
    for _ in 0..4 {
        match *text.get(at)? {
            open @ (b'[' | b'(' | b'<') => {
                let close = match open {
                    b'[' => b']',
                    b'(' => b')',
                    _ => b'>',
                };
                let inside = &text[at + 1..text.len().min(at + 65)];
                let length = memchr(close, inside)?;
                if inside[..length].iter().all(u8::is_ascii_digit) && close == b'>' {
                    return None; // no priority has so many digits
                }
                at += 2 + length;
            }
            _ if words == 1 => return None,
            _ => {
                let word = |b: &&u8| b.is_ascii_alphanumeric() || b"._:-/".contains(b);
                let length = text[at..].iter().take(65).take_while(word).count();
                at += length;
                words += 1;
                if length == 0 || !matches!(text.get(at), Some(b' ' | b'\t' | b'[')) {
                    return None;
                }
            }
        }
        while let Some(b' ' | b'\t') = text.get(at) {
            at += 1;
        }
        if could_be_date(&text[at..], words == 1)
            && let Some(begun) = head::begin(&text[at..], stamps)
            && begun.time.is_some()
        {
            return begun.time;
        }
    }
    None
}

/// A quick look; behind a word a number alone is no time.
fn could_be_date(text: &[u8], behind_word: bool) -> bool {
    match text {
        [b'[' | b'(', ..] => true,
        [first, rest @ ..] if first.is_ascii_digit() => {
            let more = rest.iter().take(9).all(u8::is_ascii_digit);
            !(behind_word && more && rest.len() > 8)
        }
        [first, ..] => first.is_ascii_uppercase(),
        [] => false,
    }
}

/// A date of the Common Log Format, which has a slash behind its day, or one of ISO 8601 in its
/// place.
fn common_log(text: &[u8], stamps: &mut StampReader) -> Option<Time> {
    let mut at_bracket = |at: usize| {
        let stamp = &text[at + 1..];
        let date = matches!(
            stamp,
            [_, b'/', ..] | [_, _, b'/', ..] | [_, _, _, _, b'-', ..]
        );
        date.then(|| stamps.read(stamp).map(|(time, _)| time))?
    };
    let escaped = |at: usize| at > 0 && text[at - 1] == b'\\';
    let first = memchr(b' ', text)?;
    if text.get(first + 1) == Some(&b'[')
        && let Some(time) = at_bracket(first + 1)
    {
        return Some(time);
    }
    let Some(quote) = memchr_iter(b'"', text).find(|at| !escaped(*at)) else {
        return memchr_iter(b'[', text).find_map(at_bracket);
    };
    let mut before = &text[..quote];
    while let Some(at) = memrchr(b'[', before) {
        if let Some(time) = at_bracket(at) {
            return Some(time);
        }
        before = &before[..at];
    }
    None
}
