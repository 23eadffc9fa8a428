//! Dotted quads, and the IPv6 addresses that end in one.

use std::net::Ipv4Addr;

use super::found::Found;
use super::{edge, ipv6};
use pipeban::masks;

/// The address whose first dot is at `dot`. `whole` reads a quad of this many bytes.
#[inline(always)]
pub(super) fn at_dot(
    text: &[u8],
    dot: usize,
    whole: &impl Fn(&[u8; 16], usize) -> Option<u32>,
) -> Option<Found> {
    // No branch depends on the number of digits, which is practically random in a log.
    let (_, others) = masks::sixteen(&window(text, dot, FIRST));
    let first = (others << (32 - FIRST) | 1 << (31 - FIRST)).leading_zeros() as usize;
    let start = dot - first;
    // Offsets from the quad's start: the first dot, the two others, the byte behind the quad.
    let mut stops = others >> (FIRST - first);
    for _ in 0..3 {
        stops &= stops.wrapping_sub(1);
    }
    let length = stops.trailing_zeros() as usize;
    let quad = whole(&window(text, start, 0), length)?;
    let end = start + length;
    if !left_edge(text, start, end) || !right_edge(text, end) {
        return None;
    }
    let ip = Ipv4Addr::from_bits(quad);
    if start > 0
        && text[start - 1] == b':'
        && let Some((ip, start6)) = ipv6::before_quad(text, start, ip.octets())
    {
        let mapped = ip.to_ipv4_mapped().is_some();
        return Some(edge::found(
            text,
            ip.into(),
            start6..end,
            mapped.then_some(start),
        ));
    }
    Some(edge::found(text, ip.into(), start..end, Some(start)))
}

/// The digits of the longest first number.
const FIRST: usize = 3;

/// The 16 bytes that begin `back` bytes before `at`; zeros beyond the text's ends.
///
/// Even if its first number has three digits, a quad and the byte behind it are in these.
#[inline(always)]
fn window(text: &[u8], at: usize, back: usize) -> [u8; 16] {
    if let Some(start) = at.checked_sub(back)
        && let Some(window) = text[start..].first_chunk()
    {
        return *window;
    }
    let mut window = [0; 16];
    for (i, byte) in window.iter_mut().enumerate() {
        let place = (at + i).checked_sub(back);
        *byte = place.and_then(|p| text.get(p)).copied().unwrap_or(0);
    }
    window
}

#[inline(always)]
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
    match text.get(end) {
        Some(b':' | b'/') => edge::port(text, end).is_some(),
        Some(b'(') => edge::port_in_parentheses(text, end),
        _ => false,
    }
}

#[inline(always)]
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
