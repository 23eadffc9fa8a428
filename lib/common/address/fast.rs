//! Addresses at the beginning of a line, read without branches on their digits, as counting
//! hundreds of millions of lines spends its time there. Unusual forms are left to the general
//! parser.

use crate::masks;

/// Reads the dotted quad that `text` begins with, and tells its length.
///
/// `None` says only that this function does not read it: it needs 16 bytes of text, however short
/// the quad is.
#[inline]
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
    // Of more than 15 bytes, the last number would have four digits.
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
    // One test for all: four tests would cost more and be mispredicted as often.
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
    // The digits move to the upper end, so that the bytes behind them fall out.
    let digits = (four << (32 - 8 * length)) & 0x0f0f_0f0f;
    // 100, 10 and 1 times them meet in the highest byte.
    let number = digits.wrapping_mul(0x0064_0a01) >> 24;
    let as_read = digits.swap_bytes();
    let least = (1 << (8 * length - 8)) & !0xff;
    Some((number as u8, as_read <= 0x0002_0505 && as_read >= least))
}

/// Reads the IPv6 address that `text` begins with, and tells its length in bytes; not one that ends
/// in a dotted quad.
///
/// The caller judges the text behind it. `None` says only that this function does not read it: it
/// needs 48 bytes of text, however short the address is.
#[inline(always)]
pub fn sextets(text: &[u8]) -> Option<(u128, usize)> {
    let text: &[u8; 48] = text.first_chunk()?;
    let mut digits = Digits([0; 52]);
    let (colons, stops) = digits.read(text);
    let end = (stops | 1 << 48).trailing_zeros();
    if stops >> end & 1 == 1 && text[end as usize] == b'.' {
        return None;
    }
    let colons = colons & ((1 << end) - 1);
    let gap = colons & colons >> 1;
    let (number, right) = if gap == 0 {
        let (number, groups) = digits.groups(colons, 0, end)?;
        (number, groups == 8)
    } else {
        let at = gap.trailing_zeros();
        let (high, before) = digits.groups(colons, 0, at)?;
        let (low, after) = digits.groups(colons, at + 2, end)?;
        let room = 8u32.checked_sub(before + after)?;
        // A shift by all 128 bits leaves nothing.
        let high = high.checked_shl(16 * (room + after)).unwrap_or(0);
        (high | low, room > 0)
    };
    right.then_some((number, end as usize))
}

/// The value of each hexadecimal digit of a text, with four zeros before them.
struct Digits([u8; 52]);

impl Digits {
    /// The number that the groups between two places make, and the number of groups. Each has one
    /// to four digits.
    #[inline(always)]
    fn groups(&self, colons: u64, from: u32, to: u32) -> Option<(u128, u32)> {
        if from == to {
            return Some((0, 0));
        }
        let (mut number, mut groups, mut start) = (0, 0, from);
        let mut ends = (colons | 1 << to) & (!0 << from);
        loop {
            let end = ends.trailing_zeros();
            let length = end.wrapping_sub(start);
            if length.wrapping_sub(1) > 3 || groups == 8 {
                return None;
            }
            let four = self.0.get(end as usize..)?.first_chunk()?;
            // The group's last digit is in the highest byte; the digits before the group go.
            let four = u32::from_le_bytes(*four) & !0 << (32 - 8 * length);
            let pairs = four << 4 | four >> 8;
            number = number << 16 | u128::from((pairs & 0xff) << 8 | pairs >> 16 & 0xff);
            groups += 1;
            if end == to {
                return Some((number, groups));
            }
            start = end + 1;
            ends &= ends - 1;
        }
    }

    /// Reads the digits. Answers the bytes that are colons, and those that are neither colons nor
    /// digits, as bits.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn read(&mut self, text: &[u8; 48]) -> (u64, u64) {
        use std::arch::x86_64::*;
        let (mut colons, mut stops) = (0, 0);
        for (i, bytes) in text.as_chunks::<16>().0.iter().enumerate() {
            let values = &mut self.0[4 + 16 * i..20 + 16 * i];
            // SAFETY: 16 bytes are there on either side, and SSE2 is part of x86_64.
            unsafe {
                let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
                let digit = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0' as i8));
                let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
                let lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
                let letter = _mm_sub_epi8(lower, _mm_set1_epi8(b'a' as i8));
                let is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
                let letter = _mm_add_epi8(letter, _mm_set1_epi8(10));
                let value = _mm_or_si128(
                    _mm_and_si128(digit, is_digit),
                    _mm_and_si128(letter, is_letter),
                );
                _mm_storeu_si128(values.as_mut_ptr().cast(), value);
                let colon = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b':' as i8));
                let any = _mm_or_si128(_mm_or_si128(is_digit, is_letter), colon);
                colons |= u64::from(_mm_movemask_epi8(colon) as u32) << (16 * i);
                stops |= u64::from(!_mm_movemask_epi8(any) as u32 & 0xffff) << (16 * i);
            }
        }
        (colons, stops)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn read(&mut self, text: &[u8; 48]) -> (u64, u64) {
        let (mut colons, mut stops) = (0, 0);
        for (i, byte) in text.iter().enumerate() {
            match char::from(*byte).to_digit(16) {
                Some(digit) => self.0[4 + i] = digit as u8,
                None if *byte == b':' => colons |= 1 << i,
                None => stops |= 1 << i,
            }
        }
        (colons, stops)
    }
}

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
        let mut random = fastrand::Rng::with_seed(1);
        let (mut quads, mut longs) = (0, 0);
        for _ in 0..1_000_000 {
            let text: String = match random.u8(..3) {
                0 => (0..random.u8(..16))
                    .map(|_| PIECES[random.usize(..20)])
                    .collect(),
                1 => {
                    let n: Vec<_> = (0..4).map(|_| random.u16(..300).to_string()).collect();
                    n.join(".")
                }
                _ => Ipv6Addr::from_bits(u128::from(random.u32(..1 << 30)) << random.u32(..98))
                    .to_string(),
            };
            let line = format!("{text}\n{:48}", "");
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
