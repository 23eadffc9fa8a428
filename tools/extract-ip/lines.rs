//! The lines of a block, and the fields of a line.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use pipeban::masks;
use pipeban_log::sieve::AnyOf;

/// Texts of which every line that may count has one.
pub(crate) struct Literals {
    pub(crate) any: AnyOf,
    /// Another that few lines have, and only behind a carrier; it is searched for once in a block.
    pub(crate) rare: Finder<'static>,
}

/// The lines of a block.
pub(crate) struct Lines<'a> {
    block: &'a [u8],
    at: usize,
    /// Where the rare literal stands next, once that is known; behind the block if nowhere.
    rare: Option<usize>,
    skipped_end: bool,
}

/// A line of a block.
pub(crate) struct BlockLine<'a> {
    /// The line without its end.
    pub(crate) text: &'a [u8],
    /// Whether lines before it were passed over.
    pub(crate) skipped: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Lines {
            block,
            at: 0,
            rare: None,
            skipped_end: false,
        }
    }

    /// The lines of a block in which none has a carrier.
    pub(crate) fn without_carriers(block: &'a [u8]) -> Self {
        Lines {
            rare: Some(block.len()),
            ..Lines::new(block)
        }
    }

    /// The next line; with `literals`, the next that has one of them.
    pub(crate) fn next(&mut self, literals: Option<&Literals>) -> Option<BlockLine<'a>> {
        if self.at >= self.block.len() {
            return None;
        }
        let start = self.at;
        if let Some(literals) = literals {
            let any = literals.any.find(self.block, start);
            let rare = self.rare.filter(|at| *at >= start).unwrap_or_else(|| {
                let at = literals.rare.find(&self.block[start..]);
                at.map_or(self.block.len(), |at| start + at)
            });
            self.rare = Some(rare);
            let hit = any.unwrap_or(rare).min(rare);
            if hit == self.block.len() {
                self.at = self.block.len();
                self.skipped_end = true;
                return None;
            }
            self.at += memrchr(b'\n', &self.block[start..hit]).map_or(0, |i| i + 1);
        }
        let rest = &self.block[self.at..];
        let text = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        let skipped = self.at > start;
        self.at += text.len() + 1;
        Some(BlockLine {
            text: text.strip_suffix(b"\r").unwrap_or(text),
            skipped,
        })
    }

    /// Whether lines at the block's end were passed over.
    pub(crate) fn skipped_end(&self) -> bool {
        self.skipped_end
    }
}

/// The bytes of the `n`th field of a line, split at white space and counted from 1; empty if there
/// is none.
pub(crate) fn field(line: &[u8], n: usize) -> Range<usize> {
    let (mut base, mut left) = (0, n);
    let mut after_blank = 1;
    let mut start = None;
    masks::blanks(line, |blanks, _| {
        let mut starts = !blanks & (blanks << 1 | after_blank);
        after_blank = blanks >> 63;
        let count = starts.count_ones() as usize;
        if count >= left {
            for _ in 1..left {
                starts &= starts - 1;
            }
            start = Some(base + starts.trailing_zeros() as usize);
        }
        left = left.saturating_sub(count);
        base += 64;
        start.is_none()
    });
    let Some(start) = start else { return 0..0 };
    let length = line[start..].iter().position(u8::is_ascii_whitespace);
    start..length.map_or(line.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let long = format!("{} x{} last", "a ".repeat(100), "b".repeat(200));
        for (line, n, expected) in [
            ("a b c", 1, "a"),
            ("a b c", 3, "c"),
            ("a b c", 4, ""),
            (" \t a\x0c \tb\r", 2, "b"),
            ("", 1, ""),
            ("   ", 1, ""),
            (&long, 100, "a"),
            (&long, 102, "last"),
            (&long, 103, ""),
        ] {
            assert_eq!(
                &line.as_bytes()[field(line.as_bytes(), n)],
                expected.as_bytes(),
                "{n} of {line:?}"
            );
        }
        // As the standard library splits, wherever a chunk ends.
        let line: Vec<u8> = (0..400u32)
            .map(|i| b"ab \t"[(i * i / 7 % 11 % 4) as usize])
            .collect();
        let split = line
            .split(u8::is_ascii_whitespace)
            .filter(|f| !f.is_empty());
        for (i, expected) in split.enumerate() {
            assert_eq!(&line[field(&line, i + 1)], expected);
        }
    }
}
