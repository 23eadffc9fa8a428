//! IPv6 addresses: chains of hexadecimal groups and colons, and the texts that may touch them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::edge;
use super::found::Found;

/// The address in the chain around the colon at `colon`, and the end of the chain, before which no
/// other address is.
pub(super) fn at_colon(text: &[u8], colon: usize) -> (Option<Found>, usize) {
    let length = text[colon..].iter().position(|&b| !in_chain(b));
    let end = length.map_or(text.len(), |n| colon + n);
    (read(text, colon, end), end)
}

fn in_chain(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b':'
}

fn read(text: &[u8], colon: usize, chain_end: usize) -> Option<Found> {
    if edge::dot_joins(text, chain_end) {
        // A port, or else the rest of a quad or a name.
        edge::port(text, chain_end)?;
    }
    let start = chain_start(text, colon)?;
    let mut chain = text.get(start..chain_end)?;
    if edge::word_at(text, chain_end) {
        chain = without_name(chain)?;
    } else if chain.ends_with(b":") && (!chain.ends_with(b"::") || chain.ends_with(b":::")) {
        chain = &chain[..chain.len() - 1];
    }
    let parsed = match parse(chain, None) {
        Some(parsed) => parsed,
        None => {
            chain = without_port(chain)?;
            parse(chain, None)?
        }
    };
    if !chain.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let range = start..start + chain.len();
    // Of a mapped one the canonical text is a quad.
    let same = parsed.canonical && parsed.ip.to_ipv4_mapped().is_none();
    let canonical = same.then_some(start);
    Some(edge::found(text, parsed.ip.into(), range, canonical))
}

/// `chain` without the beginning of a name at its end: `2001:db8::1:eth0`, but not `2001:db8::1x`.
fn without_name(chain: &[u8]) -> Option<&[u8]> {
    let colon = chain.iter().rposition(|&b| b == b':')?;
    let (rest, head) = (&chain[..colon], &chain[colon + 1..]);
    let is_name = !head.iter().any(u8::is_ascii_digit) && !rest.ends_with(b":");
    is_name.then_some(rest)
}

/// `chain` without the port at its end, if it is too long for an address.
fn without_port(chain: &[u8]) -> Option<&[u8]> {
    let colon = chain.iter().rposition(|&b| b == b':')?;
    edge::port(chain, colon)?;
    let rest = &chain[..colon];
    (!rest.ends_with(b":")).then_some(rest)
}

/// The address that ends in the quad at `quad`, which a colon precedes, and its start.
pub(super) fn before_quad(text: &[u8], quad: usize, octets: [u8; 4]) -> Option<(Ipv6Addr, usize)> {
    if let Some(before) = text[..quad].strip_suffix(b"::ffff:")
        && before.last().is_none_or(|&b| edge::is_clear(b))
    {
        // The form in which systems write it; this saves a tenth of the time for such a log.
        return Some((Ipv4Addr::from(octets).to_ipv6_mapped(), before.len()));
    }
    let start = chain_start(text, quad)?;
    let parsed = parse(text.get(start..quad)?, Some(octets))?;
    Some((parsed.ip, start))
}

/// The beginning of the address in the chain around `inside`: behind a name, a clock, a hardware
/// address.
fn chain_start(text: &[u8], inside: usize) -> Option<usize> {
    let outside = text[..inside].iter().rposition(|&b| !in_chain(b));
    let run = outside.map_or(0, |i| i + 1);
    let before = outside.map(|i| text[i]);
    let start = match before {
        Some(b'%') => return None,
        Some(b'.') if run >= 2 && edge::is_word(text[run - 2]) => return None,
        Some(byte) if edge::is_word(byte) && !edge::ends_escape(text, run) => {
            after_name(text, run)?
        }
        _ if text[run..].starts_with(b":::") => {
            // netstat writes `:::22` for the wildcard address and a port.
            let closed = matches!(before, Some(b']' | b')' | b'}' | b'>' | b'"' | b'\''));
            closed.then_some(run + 1)?
        }
        _ if text[run..].starts_with(b"::") => run,
        _ => run + usize::from(text[run..].starts_with(b":")),
    };
    Some(start + pairs(&text[start..]))
}

/// The beginning of a chain behind a name and a colon: `smtpd:2001:db8::1`, where `run` is at the
/// name's `d`. In `x2001:db8::1` the group belongs to the word.
fn after_name(text: &[u8], run: usize) -> Option<usize> {
    let length = text[run..].iter().position(|&b| b == b':')?;
    let tail = &text[run..run + length];
    let is_name = length < 3 || !tail.iter().any(u8::is_ascii_digit);
    is_name.then_some(run + length + 1)
}

/// Length of the clock or hardware address at the beginning of `chain`; 0 if there is none.
fn pairs(chain: &[u8]) -> usize {
    let is_pair = |c: &&[u8]| c[0].is_ascii_hexdigit() && c[1].is_ascii_hexdigit() && c[2] == b':';
    let count = chain.chunks_exact(3).take_while(is_pair).count();
    if count >= 3 { count * 3 } else { 0 }
}

struct Parsed {
    ip: Ipv6Addr,
    /// Whether the text is canonical (RFC 5952).
    canonical: bool,
}

/// Reads `chain` as an address; with a `quad`, as the text before that.
fn parse(chain: &[u8], quad: Option<[u8; 4]>) -> Option<Parsed> {
    let mut groups = [0u16; 8];
    let mut count = 0;
    let mut gap = None;
    let mut canonical = true;
    let mut at = 0;
    if chain.starts_with(b"::") {
        gap = Some(0);
        at = 2;
    }
    while at < chain.len() {
        let (group, length) = read_group(&chain[at..], &mut canonical)?;
        *groups.get_mut(count)? = group;
        count += 1;
        at += length;
        match &chain[at..] {
            [] if quad.is_some() => return None,
            [] => break,
            [b':', b':', ..] if gap.is_none() => {
                gap = Some(count);
                at += 2;
            }
            [b':'] if quad.is_none() => return None,
            [b':', next @ ..] if !next.starts_with(b":") => at += 1,
            _ => return None,
        }
    }
    if let Some([a, b, c, d]) = quad {
        // Without a group or a gap before it, it is no more than a quad.
        gap.or(count.checked_sub(1))?;
        groups
            .get_mut(count..count + 2)?
            .copy_from_slice(&[u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
        count += 2;
    }
    match gap {
        None if count < 8 => return None,
        Some(_) if count == 8 => return None,
        None => {}
        Some(gap) => groups[gap..].rotate_right(8 - count),
    }
    canonical &= shortest(&groups, gap, 8 - count);
    let ip = Ipv6Addr::from(groups);
    Some(Parsed { ip, canonical })
}

/// The hexadecimal number of one to four digits at the beginning of `text`, and its length.
#[inline]
fn read_group(text: &[u8], canonical: &mut bool) -> Option<(u16, usize)> {
    let mut value = 0;
    let mut length = 0;
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => {
                *canonical = false;
                byte - b'A' + 10
            }
            _ => break,
        };
        value = value << 4 | u32::from(digit);
        length += 1;
        if length > 4 {
            return None;
        }
    }
    if length > 1 && text[0] == b'0' {
        *canonical = false;
    }
    (length > 0).then_some((value as u16, length))
}

/// Whether a gap of `length` groups at `gap` is canonical (RFC 5952, 4.2): the first of the longest
/// runs of at least two zero groups.
fn shortest(groups: &[u16; 8], gap: Option<usize>, length: usize) -> bool {
    let (mut best, mut best_length) = (None, 1);
    let mut run = 0;
    for (i, &group) in groups.iter().enumerate() {
        run = if group == 0 { run + 1 } else { 0 };
        if run > best_length {
            (best, best_length) = (Some(i + 1 - run), run);
        }
    }
    gap == best && (gap.is_none() || length == best_length)
}
