//! Text for a terminal.

use std::fmt::Display;
use std::io::Write;
use std::ops::Range;

use pipeban::terminal;

/// The codes that begin and end the colour of an address: bold red, as grep(1) shows a match.
const COLOUR: (&str, &str) = ("\x1b[1;31m", "\x1b[0m");

/// Appends a line, indented by this many levels, with control characters escaped.
pub(super) fn say(out: &mut Vec<u8>, level: usize, text: impl Display) {
    let width = level * 4;
    let text = readable(text.to_string().as_bytes());
    writeln!(out, "{:width$}{text}", "").expect("a Vec takes every write");
}

/// Appends a line of a log behind its place; on a terminal with colours for these parts of it,
/// which are in order.
pub(super) fn say_line(out: &mut Vec<u8>, place: &str, line: &[u8], parts: &[Range<usize>]) {
    let (on, off) = COLOUR;
    let mut shown = readable(place.as_bytes()) + ": ";
    let mut at = 0;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        shown += &readable(&line[at..part.start]);
        shown += on;
        shown += &readable(&line[part.clone()]);
        shown += off;
        at = part.end;
    }
    shown += &readable(&line[at..]);
    writeln!(out, "{shown}").expect("a Vec takes every write");
}

/// Bytes of a log with control characters escaped.
pub(super) fn readable(text: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(text).chars() {
        if terminal::is_control(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}
