//! The place of old lines in a file that was rewritten.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};

use crate::position::{Fingerprint, Position, bytes_at};

/// A writer that has not closed the file by then, counted from the first bytes that it wrote, is
/// taken for one that goes on with a new log.
const PATIENCE: Duration = Duration::from_secs(1);

/// The least length of a single line that tells a place, in bytes: a line with a time stamp is
/// longer.
const LEAST: usize = 24;

/// The number of last lines that are looked for, where the very last were edited.
const LINES: usize = 8;

/// Files are searched in pieces of this size, in bytes.
const PIECE: usize = 1 << 20;

/// A search for old lines in a file that begins anew.
pub struct Search {
    /// The lines.
    pub lines: Wanted,
    /// When the file is read although its writer has not closed it; `None` while it is empty: a
    /// writer may be held up before its first byte.
    pub until: Option<Instant>,
    /// Its writer has closed it.
    pub closed: bool,
    /// It was searched for the first time.
    pub begun: bool,
}

/// Lines to be found.
#[derive(Clone)]
pub enum Wanted {
    /// These whole lines.
    Lines(Vec<u8>),
    /// The last lines of the file of this number, once it is read to its end.
    LastOf(u64),
}

impl Search {
    /// To be called when the file is seen; whether its writer has had time enough.
    pub fn is_over(&mut self, file: &File) -> io::Result<bool> {
        let now = Instant::now();
        if self.until.is_none() && file.metadata()?.len() > 0 {
            self.until = Some(now + PATIENCE);
        }
        Ok(self.until.is_some_and(|until| until <= now))
    }

    /// A search that has not begun.
    pub fn new(lines: Wanted) -> Self {
        Search {
            lines,
            until: None,
            closed: false,
            begun: false,
        }
    }
}

/// The offset behind the last place where these whole lines stand in a file, or else one of them
/// alone, if the file is `complete`: in a part of it the last one may be missing.
pub fn find(file: &File, lines: &[u8], complete: bool) -> io::Result<Option<u64>> {
    if lines.is_empty() {
        return Ok(None);
    }
    let single = lines.split_inclusive(|b| *b == b'\n').rev().take(LINES);
    let single = single.filter(|line| complete && line.len() >= LEAST);
    for wanted in [lines].into_iter().chain(single) {
        if let Some(place) = find_last(file, wanted)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// The offset behind the last place where `wanted` stands at the beginning of a line.
fn find_last(file: &File, wanted: &[u8]) -> io::Result<Option<u64>> {
    let finder = Finder::new(wanted);
    let mut last = None;
    let mut begin = 0;
    loop {
        let piece = bytes_at(file, begin, PIECE + wanted.len())?;
        for place in finder.find_iter(&piece) {
            let newline = place == 0 && begin == 0 || place > 0 && piece[place - 1] == b'\n';
            if newline {
                last = Some(begin + (place + wanted.len()) as u64);
            }
        }
        if piece.len() < PIECE + wanted.len() {
            return Ok(last);
        }
        // The byte before the next place is read again.
        begin += PIECE as u64 - 1;
    }
}

/// The offset of the last place in a file that has the same bytes before it as `position`.
pub fn find_position(file: &File, position: &Position) -> io::Result<Option<u64>> {
    let wanted = position.tail;
    let length = wanted.len as usize;
    if length == 0 {
        return Ok(None);
    }
    let mut last = None;
    let mut begin = 0;
    loop {
        let piece = bytes_at(file, begin, PIECE + length)?;
        for newline in memchr_iter(b'\n', &piece) {
            let end = newline + 1;
            if end >= length && Fingerprint::of(&piece[end - length..end]) == wanted {
                last = Some(begin + end as u64);
            }
        }
        if piece.len() < PIECE + length {
            return Ok(last);
        }
        begin += PIECE as u64;
    }
}

/// The whole lines at the end of `bytes`, which begin inside a line unless `whole`.
pub fn whole_lines(bytes: &[u8], whole: bool) -> &[u8] {
    let begin = if whole {
        0
    } else {
        memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1)
    };
    &bytes[begin..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn places() {
        let mut file = tempfile::tempfile().expect("a file");
        let line = |n: usize| format!("2026-03-30T02:16:17+09:00 line {n:08}\n");
        // Longer than a piece.
        let text: String = (0..60_000).map(line).collect();
        file.write_all(text.as_bytes()).expect("written");
        let end = |n: usize| ((n + 1) * line(0).len()) as u64;
        let several = |n: usize| (n - 20..=n).map(line).collect::<String>();
        for n in [20, 25_574, 25_575, 30_000, 51_150, 59_999] {
            let found = find(&file, several(n).as_bytes(), true).expect("read");
            assert_eq!(found, Some(end(n)), "{n}");
            let position = Position {
                offset: 1,
                head: Fingerprint::of(b""),
                tail: Fingerprint::of(&several(n).as_bytes()[7..]),
            };
            let found = find_position(&file, &position).expect("read");
            assert_eq!(found, Some(end(n)), "{n}");
        }
        // The last line was edited, or is not there.
        let edited = several(30_000) + "2026-03-30T02:16:17+09:00 line xxxx\n";
        let part = find(&file, edited.as_bytes(), false).expect("read");
        assert_eq!(part, None);
        let found = find(&file, edited.as_bytes(), true).expect("read");
        assert_eq!(found, Some(end(30_000)));
        for none in [
            "",
            "ne 00000007\n",
            "short\n",
            "elsewhere, and long enough to tell\n",
        ] {
            assert_eq!(
                find(&file, none.as_bytes(), true).expect("read"),
                None,
                "{none}"
            );
        }
    }
}
