//! The text that may be next to an address.

use std::net::IpAddr;
use std::ops::Range;

use super::found::Found;
use pipeban::address::Address;

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether an address is whole next to this byte, whatever is farther away.
pub(super) fn is_clear(byte: u8) -> bool {
    !is_word(byte) && !matches!(byte, b'.' | b':' | b'%')
}

/// Whether a word begins at `at`.
pub(super) fn word_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|&b| is_word(b))
}

/// Whether the letter before `at` ends a colour sequence (`[1;31m`) or an escape (`\t`), not a
/// word.
pub(super) fn ends_escape(text: &[u8], at: usize) -> bool {
    let Some((letter, before)) = text[..at].split_last() else {
        return false;
    };
    match letter {
        b't' | b'n' | b'r' => before.ends_with(b"\\"),
        b'm' => {
            let parameters = |b: &u8| !(b.is_ascii_digit() || *b == b';');
            matches!(before.iter().rposition(parameters), Some(i) if before[i] == b'[')
        }
        _ => false,
    }
}

/// The number of at most `digits` digits at `at`, and its end; `None` if it has a leading zero or
/// is part of a word.
pub(super) fn number(text: &[u8], at: usize, digits: usize) -> Option<(u32, usize)> {
    let length = text[at.min(text.len())..]
        .iter()
        .take(digits + 1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let end = at + length;
    if length == 0 || length > digits || word_at(text, end) || (length > 1 && text[at] == b'0') {
        return None;
    }
    let value = text[at..end]
        .iter()
        .fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    Some((value, end))
}

/// Whether the dot at `at` joins the text before it to a word.
pub(super) fn dot_joins(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b'.') && word_at(text, at + 1)
}

/// Whether a port in parentheses begins at `at`, as Cisco's ASA writes it.
pub(super) fn port_in_parentheses(text: &[u8], at: usize) -> bool {
    let inner = &text[(at + 1).min(text.len())..];
    let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
    let number = std::str::from_utf8(&inner[..digits]).unwrap_or_default();
    let leading_zero = digits > 1 && inner[0] == b'0';
    inner.get(digits) == Some(&b')') && !leading_zero && number.parse::<u16>().is_ok()
}

/// The port behind the byte at `at`, if it is the last of numbers joined by dots or slashes.
pub(super) fn port(text: &[u8], at: usize) -> Option<u32> {
    let (port, end) = number(text, at + 1, 5)?;
    (port <= 65535 && !dot_joins(text, end)).then_some(port)
}

/// The address `ip` at `range`, or the network if a fitting prefix length follows. Its canonical
/// text, if it is there, begins at `canonical`.
#[inline(always)]
pub(super) fn found(
    text: &[u8],
    ip: IpAddr,
    range: Range<usize>,
    canonical: Option<usize>,
) -> Found {
    if text.get(range.end) == Some(&b'/')
        && let Some(network) = network(text, ip, &range, canonical)
    {
        return network;
    }
    let address = Address::from(ip);
    Found {
        address,
        range,
        canonical,
    }
}

fn network(
    text: &[u8],
    ip: IpAddr,
    range: &Range<usize>,
    canonical: Option<usize>,
) -> Option<Found> {
    let (length, end) = number(text, range.end + 1, 3)?;
    let in_chain = |b: &u8| *b == b':' || b.is_ascii_hexdigit();
    let joined = match text.get(end) {
        Some(b'/') => true,
        Some(b':') => text.get(end + 1).is_some_and(in_chain),
        _ => dot_joins(text, end),
    };
    if joined {
        return None;
    }
    let address = Address::network(ip, u8::try_from(length).ok()?)?;
    let has_host_bits = address.ip() != ip.to_canonical();
    if has_host_bits || address.is_host() {
        return None;
    }
    // A mapped network's length is counted differently.
    let canonical = canonical.filter(|&start| start == range.start);
    Some(Found {
        address,
        range: range.start..end,
        canonical,
    })
}
