//! Dotted quads, and the IPv6 addresses that end in one.

use super::{Found, colons, edge, masks};

/// The address whose first dot stands at `dot`.
#[inline(always)]
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
///
/// Nothing here branches on how many digits the numbers have: that is as good as random in a log.
#[inline(always)]
fn read(text: &[u8], dot: usize) -> Option<(usize, usize, [u8; 4])> {
    let window = window(text, dot);
    let others = masks::not_digits(&window);
    // Lengths of the four numbers; 0 or more than 3 where there is none.
    let first = (others << 29 | 1 << 28).leading_zeros() as usize;
    let mut rest = others >> (DOT + 1);
    let mut next = || {
        let place = rest.trailing_zeros() as usize;
        rest &= rest.wrapping_sub(1);
        DOT + 1 + place
    };
    let (dot2, dot3, end) = (next(), next(), next());
    let starts = [DOT - first, DOT + 1, dot2 + 1, dot3 + 1];
    let lengths = [
        first,
        dot2 - starts[1],
        dot3.wrapping_sub(starts[2]),
        end.wrapping_sub(starts[3]),
    ];
    let dots = window[dot2 & 15] == b'.' && window[dot3 & 15] == b'.';
    if !dots || lengths.iter().any(|l| l.wrapping_sub(1) > 2) {
        return None;
    }
    let mut octets = [0; 4];
    let mut bad = false;
    for i in 0..4 {
        let bytes = window[starts[i]..].first_chunk()?;
        let digits = u32::from_le_bytes(*bytes) << (8 * (4 - lengths[i]));
        let digit = |n: u32| digits >> (8 * n) & 0xf;
        let value = digit(1) * 100 + digit(2) * 10 + digit(3);
        bad |= value > 255 || (lengths[i] > 1 && bytes[0] == b'0');
        octets[i] = value as u8;
    }
    (!bad).then_some((dot - first, dot + end - DOT, octets))
}

/// Where the first dot stands in the window: behind the longest number.
const DOT: usize = 3;

/// The bytes around a quad's first dot, from its beginning to the byte behind it; zeros beyond the text's ends.
#[inline(always)]
fn window(text: &[u8], dot: usize) -> [u8; 16] {
    if let Some(start) = dot.checked_sub(DOT)
        && let Some(window) = text[start..].first_chunk()
    {
        return *window;
    }
    let mut window = [0; 16];
    for (i, byte) in window.iter_mut().enumerate() {
        *byte = (dot + i)
            .checked_sub(DOT)
            .and_then(|at| text.get(at))
            .copied()
            .unwrap_or(0);
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
    matches!(text.get(end), Some(b':' | b'/')) && edge::port(text, end).is_some()
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
