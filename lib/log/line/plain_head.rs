//! The head of most lines, read as [`head`](super::head) reads any, but quickly:
//! `host program[pid]: ` or `host program: `.

use super::names::{is_facility, is_level};

/// Longer names are read as any other.
const LONGEST: usize = 64;

/// The bytes of most names: letters, digits, `.`, `-`, `_` and `/`.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let sign = matches!(byte as u8, b'.' | b'-' | b'_' | b'/');
        plain[byte] = sign || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    plain
};

/// A plain head, and the words behind it.
pub(super) struct PlainHead<'a> {
    pub host: &'a [u8],
    pub program: &'a [u8],
    pub pid: Option<&'a [u8]>,
    pub words: &'a [u8],
}

/// Reads the head that a text, behind its stamp, begins with. `None` where it is not a plain one:
/// it may yet be another.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<PlainHead<'_>> {
    let (host, behind) = text.split_at(name(text));
    // A host of capitals could be a month.
    let is_host = matches!(host.first(), Some(b'a'..=b'z')) && host.len() < LONGEST;
    let behind = behind.strip_prefix(b" ").filter(|_| is_host)?;
    let (program, behind) = behind.split_at(name(behind));
    let (pid, behind) = match behind {
        [b'[', rest @ ..] => {
            let digits = rest.iter().take(10).take_while(|b| b.is_ascii_digit());
            let (pid, rest) = rest.split_at(digits.count());
            (Some(pid), rest.strip_prefix(b"]")?)
        }
        _ => (None, behind),
    };
    let words = behind.strip_prefix(b": ")?;
    let goes_on = matches!(words.first(), Some(b' ' | b'\t' | 0x1b | b'['));
    let is_program = !program.is_empty() && program.len() < LONGEST && !is_level(program);
    // `auth.info` is a level, with a colon or without.
    let is_facility = host.contains(&b'.') && is_facility(host);
    let could_be_facility = pid.is_none() && program.contains(&b'.');
    let is_plain = is_program && !is_facility && !could_be_facility && !goes_on;
    let has_number = pid.is_none_or(|pid| !pid.is_empty());
    (is_plain && has_number).then_some(PlainHead {
        host,
        program,
        pid,
        words,
    })
}

/// The length of a name that begins with a letter.
#[inline]
fn name(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if first.is_ascii_alphabetic() => {
            let end = text.iter().position(|b| !PLAIN[usize::from(*b)]);
            end.unwrap_or(text.len())
        }
        _ => 0,
    }
}
