//! Addresses at the beginning of a line, read without branches on their digits: what a count of
//! hundreds of millions of lines waits for. Anything unusual is left to [`Address::parse`](super::Address::parse).

use crate::masks;

/// Reads the dotted quad that `text` begins with, and tells its length.
///
/// `None` says only that it is not to be read here: 16 bytes of text are needed, however short the quad.
pub fn quad(text: &[u8]) -> Option<(u32, usize)> {
    let text: &[u8; 16] = text.first_chunk()?;
    let (dots, others) = masks::sixteen(text);
    let end = (others & !dots | 1 << 16).trailing_zeros();
    Some((octets(text, dots & ((1 << end) - 1), end)?, end as usize))
}

/// Reads the dotted quad that fills the first `length` bytes of `text`.
#[inline(always)]
pub fn whole_quad(text: &[u8; 16], length: usize) -> Option<u32> {
    let (dots, others) = masks::sixteen(text);
    let all = 1u32.checked_shl(length as u32)?.wrapping_sub(1);
    // One of more than 15 bytes is none: its last number would have four digits.
    let right = length < 16 && others & all == dots & all;
    octets(text, dots & all, length as u32).filter(|_| right)
}

/// Reads the digits that stand between these dots, before `end`.
#[inline(always)]
fn octets(text: &[u8; 16], dots: u32, end: u32) -> Option<u32> {
    let second = dots & dots.wrapping_sub(1);
    let third = second & second.wrapping_sub(1);
    let beyond = third & third.wrapping_sub(1);
    let dot = [
        dots.trailing_zeros(),
        second.trailing_zeros(),
        third.trailing_zeros(),
    ];
    let a = octet(text, 0, dot[0])?;
    let b = octet(text, dot[0] + 1, dot[1])?;
    let c = octet(text, dot[1] + 1, dot[2])?;
    let d = octet(text, dot[2] + 1, end)?;
    // One test for all: apart, they would be mispredicted no less, but cost more.
    let right = a.1 & b.1 & c.1 & d.1 & (beyond == 0);
    right.then(|| u32::from_be_bytes([a.0, b.0, c.0, d.0]))
}

/// The decimal number at `from..to`, and whether it is one: 0 to 255 without leading zeros.
#[inline(always)]
fn octet(text: &[u8; 16], from: u32, to: u32) -> Option<(u8, bool)> {
    let length = to.wrapping_sub(from);
    if length.wrapping_sub(1) > 2 {
        return None;
    }
    let from = from as usize;
    let four = u32::from_le_bytes(text.get(from..from + 4)?.try_into().ok()?);
    // The digits move to the upper end, so that whatever follows them falls out.
    let digits = (four << (32 - 8 * length)) & 0x0f0f_0f0f;
    // 100, 10 and 1 times them meet in the highest byte.
    let number = digits.wrapping_mul(0x0064_0a01) >> 24;
    let as_read = digits.swap_bytes();
    let least = (1 << (8 * length - 8)) & !0xff;
    Some((number as u8, as_read <= 0x0002_0505 && as_read >= least))
}

/// Reads the IPv6 address that `text` begins with, and tells its length; not one that ends in a dotted quad.
///
/// What follows is for the caller to judge. `None` says only that it is not to be read here.
pub fn sextets(text: &[u8]) -> Option<(u128, usize)> {
    let mut groups = [0u16; 8];
    let (mut count, mut gap, mut at) = (0, None, 0);
    if text.starts_with(b"::") {
        gap = Some(0);
        at = 2;
    }
    loop {
        let start = at;
        let mut number = 0u32;
        while let Some(digit) = text
            .get(at)
            .map(|b| HEX[usize::from(*b)])
            .filter(|d| *d < 16)
        {
            number = number << 4 | u32::from(digit);
            at += 1;
        }
        match at - start {
            // Only after "::" may nothing follow.
            0 if gap == Some(count) => break,
            1..=4 => {}
            _ => return None,
        }
        *groups.get_mut(count)? = number as u16;
        count += 1;
        match text.get(at) {
            Some(b'.') => return None,
            Some(b':') if text.get(at + 1) == Some(&b':') => {
                if gap.replace(count).is_some() {
                    return None;
                }
                at += 2;
            }
            Some(b':') => at += 1,
            _ => break,
        }
        // "1:2:" is no end; the digits must come.
        if gap != Some(count) && HEX[usize::from(*text.get(at)?)] > 15 {
            return None;
        }
    }
    match gap {
        Some(gap) if count < 8 => {
            groups.copy_within(gap..count, 8 - (count - gap));
            groups[gap..8 - (count - gap)].fill(0);
        }
        None if count == 8 => {}
        _ => return None,
    }
    let number = groups.iter().fold(0, |n, g| n << 16 | u128::from(*g));
    Some((number, at))
}

const HEX: [u8; 256] = {
    let mut table = [16; 256];
    let mut i = 0;
    while i < 10 {
        table[b'0' as usize + i] = i as u8;
        i += 1;
    }
    while i < 16 {
        table[b'a' as usize + i - 10] = i as u8;
        table[b'A' as usize + i - 10] = i as u8;
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// Pieces that addresses are made of, and ones that spoil them.
    const PIECES: [&str; 20] = [
        "0", "1", "9", "25", "255", "256", "007", "10", ".", ".", ".", ":", ":", "::", "ffff", "a",
        "F00d", "12345", "g", " ",
    ];

    /// Each of many thousand strings is read as the standard library reads it, or not at all.
    #[test]
    fn as_the_standard_library() {
        let mut random = 1u64;
        let mut next = |below: u64| {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (random >> 33) % below
        };
        let (mut quads, mut longs) = (0, 0);
        for _ in 0..1_000_000 {
            let text: String = match next(3) {
                0 => (0..next(16)).map(|_| PIECES[next(20) as usize]).collect(),
                1 => {
                    let n: Vec<_> = (0..4).map(|_| next(300).to_string()).collect();
                    n.join(".")
                }
                _ => Ipv6Addr::from_bits(u128::from(next(1 << 30)) << next(98)).to_string(),
            };
            let line = format!("{text}\n                ");
            let whole = |end: &usize| *end == text.len();
            let read = quad(line.as_bytes()).filter(|(_, end)| whole(end));
            let expected = text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
            assert_eq!(read.map(|r| r.0), expected, "{text}");
            quads += u32::from(expected.is_some());
            let read = sextets(line.as_bytes()).filter(|(_, end)| whole(end));
            let expected = text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits);
            if !text.contains('.') {
                assert_eq!(read.map(|r| r.0), expected, "{text}");
                longs += u32::from(expected.is_some());
            }
        }
        assert!(quads > 10_000 && longs > 10_000, "{quads} {longs}");
    }
}
