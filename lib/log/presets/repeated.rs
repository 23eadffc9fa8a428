//! Lines that stand for several messages.

use std::ops::Range;

use crate::line::{Line, Stamp};

/// A line stands for at most this many events, whatever number it has.
pub const MAX_EVENTS: u32 = 1000;

/// A text that every such line has.
pub(super) const LITERAL: &[u8] = b"message repeated ";

/// The number and the words of `message repeated N times: [ WORDS]`, as rsyslog writes it. The
/// words must have this form as a whole.
pub(super) fn message(words: &[u8]) -> Option<(u32, Range<usize>)> {
    let rest = words.strip_prefix(LITERAL)?;
    let (count, rest) = number(rest)?;
    let inner = rest.strip_prefix(b" times: [")?.strip_suffix(b"]")?;
    let inner = inner.strip_prefix(b" ").unwrap_or(inner);
    let end = words.len() - 1;
    Some((count, end - inner.len()..end))
}

/// The number of `last message repeated N times`, as syslogd of the BSDs writes it.
pub(super) fn last(line: &Line) -> Option<u32> {
    if line.stamp != Stamp::Beginning {
        return None;
    }
    let text = match (line.program, line.host) {
        (Some(program), _) => {
            (program == b"syslogd").then_some(())?;
            line.words()
        }
        (None, Some(host)) => line.rest().strip_prefix(host)?.trim_ascii_start(),
        (None, None) => line.rest(),
    };
    let rest = text.strip_prefix(b"last ")?.strip_prefix(LITERAL)?;
    let (count, rest) = number(rest)?;
    matches!(rest, b" times" | b" time").then_some(count)
}

/// The number at the beginning of a text, at most [`MAX_EVENTS`], and the rest.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    Some((count(&text[..digits])?, &text[digits..]))
}

/// A number in a text, at most [`MAX_EVENTS`].
pub(super) fn count(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(
        digits
            .parse()
            .map_or(MAX_EVENTS, |n: u32| n.min(MAX_EVENTS)),
    )
}
