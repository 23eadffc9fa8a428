//! Tables of heads and stamps, and what holds for all lines.

mod heads;
mod hostile;
mod random;
mod stamps;

use super::*;

/// What all tests know of the clock: UTC, but in the tables of zones.
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
