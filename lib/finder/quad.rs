//! Dotted quads, and the IPv6 addresses that end in one.

use super::{Found, colons, edge};

/// The address whose first dot stands at `dot`.
pub fn at_dot(text: &[u8], dot: usize) -> Option<Found> {
    let (start, end, octets) = read(text, dot)?;
    if !left_edge(text, start, end) || !right_edge(text, end) {
        return None;
    }
    if start > 0
        && text[start - 1] == b':'
        && let Some((ip, start6)) = colons::before_quad(text, start, octets)
    {
        let mapped = ip.to_ipv4_mapped().is_some();
        return Some(edge::found(
            text,
            ip.into(),
            start6..end,
            mapped.then_some(start),
        ));
    }
    Some(edge::found(text, octets.into(), start..end, Some(start)))
}

/// Start, end and value of the quad around its first dot, whatever stands beside it.
#[inline]
fn read(text: &[u8], dot: usize) -> Option<(usize, usize, [u8; 4])> {
    let before = text[..dot].iter().rev().take(4);
    let digits = before.take_while(|b| b.is_ascii_digit()).count();
    let start = dot - digits;
    let mut octets = [0; 4];
    let mut at = start;
    for (i, octet) in octets.iter_mut().enumerate() {
        if i > 0 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        (*octet, at) = read_octet(text, at)?;
    }
    Some((start, at, octets))
}

/// A number of 0 to 255 without leading zeros, and its end.
#[inline]
fn read_octet(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let digit = |i: usize| {
        let value = text.get(at + i)?.wrapping_sub(b'0');
        (value < 10).then_some(u32::from(value))
    };
    let first = digit(0)?;
    let Some(second) = digit(1) else {
        return Some((first as u8, at + 1));
    };
    let (value, length) = match digit(2) {
        None => (first * 10 + second, 2),
        Some(third) => (first * 100 + second * 10 + third, 3),
    };
    if first == 0 || value > 255 || (length == 3 && digit(3).is_some()) {
        return None;
    }
    Some((value as u8, at + length))
}

fn left_edge(text: &[u8], start: usize, end: usize) -> bool {
    let before = |n: usize| start.checked_sub(n).map(|i| text[i]);
    match before(1) {
        None | Some(b' ') => true,
        Some(b'.') => before(2) == Some(b'.'),
        Some(b'-') => !in_name(&text[..start - 1]),
        Some(b'/') => !before(2).is_some_and(edge::is_word) || port_follows(text, end),
        Some(b':') => !text[..start].ends_with(b"rv:") || before(4).is_some_and(edge::is_word),
        Some(b'%') => false,
        Some(byte) => !edge::is_word(byte) || edge::ends_escape(text, start),
    }
}

/// Whether the text before a dash ends in a name: `libfoo3`, but neither `10.0.0.1` nor `1780`.
fn in_name(before: &[u8]) -> bool {
    let last = before
        .iter()
        .rfind(|b| !(b.is_ascii_digit() || **b == b'.'));
    last.is_some_and(|&b| edge::is_word(b))
}

fn port_follows(text: &[u8], end: usize) -> bool {
    matches!(text.get(end), Some(b':' | b'/')) && edge::port(text, end).is_some()
}

#[inline]
fn right_edge(text: &[u8], end: usize) -> bool {
    match text.get(end) {
        None | Some(b' ' | b'\n' | b':') => true,
        Some(b'.') => {
            !edge::word_at(text, end + 1) || matches!(edge::port(text, end), Some(1024..))
        }
        Some(b'-' | b'+' | b'~') => !text.get(end + 1).is_some_and(u8::is_ascii_alphabetic),
        Some(&byte) => !edge::is_word(byte),
    }
}
