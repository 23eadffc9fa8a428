//! Tables of heads and stamps, and what holds for all lines.

mod clocks;
mod heads;
mod hostile;
mod random;
mod stamps;

use tz::TimeZone;

use super::*;

/// The clock of all tests: UTC, but in the tables of zones.
fn reader() -> LineReader {
    LineReader::new(Zone::UTC, None)
}

fn time(text: &str) -> Option<Time> {
    (!text.is_empty()).then(|| Time::parse(text.as_bytes()).unwrap())
}

/// Bytes as text, for comparison.
fn shown(bytes: Option<&[u8]>) -> String {
    bytes.map_or("-".into(), |bytes| {
        String::from_utf8_lossy(bytes).into_owned()
    })
}

const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

/// A zone by its POSIX rule, which needs no database.
fn posix(rule: &str) -> Zone {
    Zone::Rules(Box::new(TimeZone::from_posix_tz(rule).unwrap()))
}

const TOKYO: &str = "JST-9";

fn reader_in(zone: &str, now: &str) -> LineReader {
    let mut reader = LineReader::new(posix(zone), None);
    reader.stamps.set_now(time(now).unwrap());
    reader
}

/// The time of each line, by a reader that saw the lines before it; an empty one is none.
fn check(reader: &mut LineReader, rows: &[(&str, &str)]) {
    for (line, when) in rows {
        assert_eq!(reader.time(line.as_bytes()), time(when), "{line}");
    }
}
