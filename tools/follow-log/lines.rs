//! Lines, put together from the pieces of a file.

use std::path::Path;

use memchr::{memchr, memrchr};
use pipeban::complain;
use pipeban::input::MAX_LINE;
use pipeban::record::escape;

/// Puts together the lines of one file; a half-written last line waits for its end.
pub struct Lines {
    name: String,
    /// The text before each line: the file and a TAB, or nothing.
    prefix: Vec<u8>,
    /// The beginning of a line whose end has not come; at most [`MAX_LINE`] bytes.
    half: Vec<u8>,
    /// That line is longer; the bytes over the limit are discarded.
    cut: bool,
}

impl Lines {
    /// The lines of the file of this name, which stands before each line if `with_prefix`.
    pub fn new(shown: &Path, with_prefix: bool) -> Self {
        let mut prefix = Vec::new();
        if with_prefix {
            escape(shown.as_os_str().as_encoded_bytes(), &mut prefix);
            prefix.push(b'\t');
        }
        Lines {
            name: shown.to_string_lossy().into_owned(),
            prefix,
            half: Vec::new(),
            cut: false,
        }
    }

    /// The name of their file, to complain of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a line has begun whose end has not come.
    pub fn has_half(&self) -> bool {
        !self.half.is_empty()
    }

    /// Takes the next piece and appends the lines that it completes.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        if !self.half.is_empty() {
            let Some(end) = memchr(b'\n', rest) else {
                return self.hold(rest);
            };
            self.hold(&rest[..end]);
            self.finish(out);
            rest = &rest[end + 1..];
        }
        let whole = memrchr(b'\n', rest).map_or(0, |i| i + 1);
        if self.prefix.is_empty() {
            out.extend_from_slice(&rest[..whole]);
        } else {
            for line in rest[..whole].split_inclusive(|b| *b == b'\n') {
                out.extend_from_slice(&self.prefix);
                out.extend_from_slice(line);
            }
        }
        self.hold(&rest[whole..]);
    }

    /// Takes a half line for a line: no more text comes.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.half.is_empty() {
            out.extend_from_slice(&self.prefix);
            out.append(&mut self.half);
            out.push(b'\n');
        }
        // One long line must not keep its memory for good.
        self.half.shrink_to(4096);
        if std::mem::take(&mut self.cut) {
            complain::bad_line(&self.name, "a line longer than 1 MiB was cut there");
        }
    }

    /// Forgets the half line: its file has other content now.
    pub fn forget(&mut self) {
        self.half.clear();
        self.cut = false;
    }

    /// Adds bytes to the half line.
    fn hold(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.half.len();
        self.half.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_give_the_same_lines() {
        let long = vec![b'x'; MAX_LINE + 5];
        let text = [
            b"one\n\ntwo\r\n\0\xff\n",
            &long[..],
            b"\nthree\n",
            &long[5..],
            b"\nhalf",
        ]
        .concat();
        let cut = &long[..MAX_LINE];
        let expected = [
            b"f\tone\nf\t\nf\ttwo\r\nf\t\0\xff\nf\t",
            cut,
            b"\nf\tthree\nf\t",
            cut,
            b"\n",
        ]
        .concat();
        for size in [1, 2, 3, 7, 1000, 256 << 10] {
            let mut lines = Lines::new(Path::new("f"), true);
            let mut out = Vec::new();
            for piece in text.chunks(size) {
                lines.push(piece, &mut out);
            }
            assert!(out == expected, "in pieces of {size}");
            lines.finish(&mut out);
            assert!(out.ends_with(b"\nf\thalf\n"), "in pieces of {size}");
        }
    }
}
