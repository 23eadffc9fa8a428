//! Text for a terminal.

use std::fmt::Display;
use std::io::Write;

/// Appends a line, indented by this many levels.
pub(super) fn say(out: &mut Vec<u8>, level: usize, text: impl Display) {
    let width = level * 4;
    writeln!(out, "{:width$}{text}", "").expect("a Vec takes every write");
}

/// Bytes of a log with control characters escaped.
pub(super) fn readable(text: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(text).chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}
