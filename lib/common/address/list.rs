//! Many addresses, each alone on its line: the common form of long lists. An IPv4 line takes some
//! forty instructions: one shuffle, chosen by the places of the dots, brings the digits to their
//! places, and two multiplications sum them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Address;
use super::fast::{quad, sextets};

/// An address as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bits {
    /// IPv4.
    V4(u32),
    /// IPv6, not one that stands for an IPv4 address.
    V6(u128),
}

impl From<Bits> for Address {
    #[inline(always)]
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::V4(number) => IpAddr::from(Ipv4Addr::from_bits(number)).into(),
            Bits::V6(number) => IpAddr::from(Ipv6Addr::from_bits(number)).into(),
        }
    }
}

/// Receives the addresses. It is no closure, as compilers do not always inline one into the loop.
pub trait Take {
    /// Called once for each address, in order.
    fn take(&mut self, bits: Bits);
}

/// Reads lines that are an address and nothing else, at most `most` of them, until another kind of
/// line comes. Some lines at the end of `text` may be left unread.
///
/// Answers the number of lines read, and their length in bytes.
#[inline(always)]
pub fn addresses(text: &[u8], most: usize, to: &mut impl Take) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") {
        // SAFETY: the processor has what the function needs.
        return unsafe { avx2::addresses(text, most, to) };
    }
    one_by_one(text, most, to)
}

fn one_by_one(text: &[u8], most: usize, to: &mut impl Take) -> (usize, usize) {
    let mut used = 0;
    for i in 0..most {
        let rest = &text[used..];
        let ends = |end: &usize| rest.get(*end) == Some(&b'\n');
        let (bits, end) = if let Some((quad, end)) = quad(rest).filter(|(_, end)| ends(end)) {
            (Bits::V4(quad), end)
        } else if let Some((bits, end)) = long(rest).filter(|(_, end)| ends(end)) {
            (bits, end)
        } else {
            return (i, used);
        };
        to.take(bits);
        used += end + 1;
    }
    (most, used)
}

/// The IPv6 address that `text` begins with; not one that stands for an IPv4 address.
#[inline(always)]
pub fn long(text: &[u8]) -> Option<(Bits, usize)> {
    let (number, end) = sextets(text)?;
    (number >> 32 != 0xffff).then_some((Bits::V6(number), end))
}

/// By AVX2 and BMI1.
#[cfg(target_arch = "x86_64")]
pub mod avx2 {
    use std::arch::x86_64::*;

    use super::{Bits, Take, long};

    /// The places of a quad's digits, and the least numbers that do not begin with a zero.
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Pattern {
        /// For each number, the last one first, the places of its hundreds, tens and ones.
        shuffle: [i8; 16],
        least: [i32; 4],
    }

    const NONE: u8 = u8::MAX;

    /// For each set of places of the three dots (bit 0 is the second byte), the index of its three
    /// patterns, divided by 3.
    static KINDS: [u8; 2048] = tables().0;
    /// 27 kinds, each with one, two and three digits in the last number.
    static PATTERNS: [Pattern; 81] = tables().1;

    const fn tables() -> ([u8; 2048], [Pattern; 81]) {
        let mut kinds = [NONE; 2048];
        let mut patterns = [Pattern {
            shuffle: [-1; 16],
            least: [0; 4],
        }; 81];
        let mut i = 0;
        while i < 81 {
            let lengths = [i / 27 % 3 + 1, i / 9 % 3 + 1, i / 3 % 3 + 1, i % 3 + 1];
            let (mut dots, mut at, mut number) = (0, 0, 0);
            while number < 4 {
                let length = lengths[number];
                let lane = 3 - number;
                let mut digit = 0;
                while digit < length {
                    patterns[i].shuffle[lane * 4 + 3 - length + digit] = (at + digit) as i8;
                    digit += 1;
                }
                patterns[i].least[lane] = [0, 0, 10, 100][length];
                at += length;
                if number < 3 {
                    dots |= 1 << (at - 1);
                }
                at += 1;
                number += 1;
            }
            kinds[dots] = (i / 3) as u8;
            i += 1;
        }
        (kinds, patterns)
    }

    /// See [`super::addresses`].
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn addresses(text: &[u8], most: usize, to: &mut impl Take) -> (usize, usize) {
        let (mut count, mut start) = (0, 0);
        for (i, chunk) in text.as_chunks::<64>().0.iter().enumerate() {
            let mut ends = newlines(chunk);
            while ends != 0 {
                let end = i * 64 + ends.trailing_zeros() as usize;
                ends &= ends - 1;
                let Some(window) = text[start..].first_chunk() else {
                    return (count, start);
                };
                if count == most {
                    return (count, start);
                }
                let bits = match quad(window, end - start) {
                    Some(quad) => Bits::V4(quad),
                    None => match long(&text[start..]) {
                        Some((bits, length)) if length == end - start => bits,
                        _ => return (count, start),
                    },
                };
                to.take(bits);
                count += 1;
                start = end + 1;
            }
        }
        (count, start)
    }

    /// A bit for each newline.
    #[target_feature(enable = "avx2,bmi1")]
    #[inline]
    fn newlines(chunk: &[u8; 64]) -> u64 {
        let half = |from: usize| {
            // SAFETY: 32 bytes are there from 0 and from 32.
            let bytes = unsafe { _mm256_loadu_si256(chunk[from..].as_ptr().cast()) };
            let newlines = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'\n' as i8));
            u64::from(_mm256_movemask_epi8(newlines) as u32)
        };
        half(0) | half(32) << 32
    }

    /// The quad that fills the first `length` bytes.
    ///
    /// # Safety
    /// The processor must have AVX2 and BMI1; see [`has_avx2`](crate::masks::has_avx2).
    #[target_feature(enable = "avx2,bmi1")]
    #[inline]
    pub fn quad(text: &[u8; 16], length: usize) -> Option<u32> {
        if length > 15 {
            return None;
        }
        // SAFETY: 16 bytes are there.
        let text = unsafe { _mm_loadu_si128(text.as_ptr().cast()) };
        let all = (1u32 << length) - 1;
        let mask = |bytes| _mm_movemask_epi8(bytes) as u32 & all;
        let dots = mask(_mm_cmpeq_epi8(text, _mm_set1_epi8(b'.' as i8)));
        let digits = _mm_sub_epi8(text, _mm_set1_epi8(b'0' as i8));
        let are_digits = mask(_mm_cmpeq_epi8(
            _mm_min_epu8(digits, _mm_set1_epi8(9)),
            digits,
        ));
        let kind = *KINDS.get((dots >> 1) as usize)?;
        // The last dot's place from the top tells how long the last number is.
        let last = (length as u32)
            .wrapping_add(dots.leading_zeros())
            .wrapping_sub(33);
        if last > 2 {
            return None;
        }
        let pattern = PATTERNS.get(usize::from(kind) * 3 + last as usize)?;
        // SAFETY: a pattern is two rows of 16 bytes.
        let (shuffle, least) = unsafe {
            let shuffle = _mm_loadu_si128(pattern.shuffle.as_ptr().cast());
            (shuffle, _mm_loadu_si128(pattern.least.as_ptr().cast()))
        };
        let places = _mm_shuffle_epi8(digits, shuffle);
        let pairs = _mm_maddubs_epi16(places, _mm_set1_epi32(0x0001_0a64));
        let numbers = _mm_madd_epi16(pairs, _mm_set1_epi16(1));
        let high = _mm_cmpgt_epi32(numbers, _mm_set1_epi32(255));
        let low = _mm_cmpgt_epi32(least, numbers);
        let wrong = _mm_movemask_epi8(_mm_or_si128(high, low));
        if wrong != 0 || are_digits | dots != all || dots & 1 != 0 {
            return None;
        }
        let octets = _mm_shuffle_epi8(numbers, _mm_set1_epi32(0x0c08_0400));
        Some(_mm_cvtsi128_si32(octets) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv6Addr};

    fn bits(line: &str) -> Option<Bits> {
        Some(match line.parse::<IpAddr>().ok()?.to_canonical() {
            IpAddr::V4(ip) => Bits::V4(ip.to_bits()),
            IpAddr::V6(ip) => Bits::V6(ip.to_bits()),
        })
    }

    type Read = fn(&[u8], usize, &mut Vec<Option<Bits>>) -> (usize, usize);

    impl Take for Vec<Option<Bits>> {
        fn take(&mut self, bits: Bits) {
            self.push(Some(bits));
        }
    }

    /// Reads all lines with `read`, and those that it leaves with the standard library.
    fn all(text: &str, read: Read) -> (Vec<Option<Bits>>, usize) {
        let (mut all, mut direct) = (Vec::new(), 0);
        let mut rest = text;
        while !rest.is_empty() {
            let before = all.len();
            let (count, used) = read(rest.as_bytes(), 7, &mut all);
            assert_eq!(all.len() - before, count);
            direct += count;
            rest = &rest[used..];
            if count < 7 && !rest.is_empty() {
                let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
                all.push(bits(line));
                rest = after;
            }
        }
        (all, direct)
    }

    #[test]
    fn as_the_standard_library() {
        let numbers = [
            "0", "1", "9", "00", "10", "42", "99", "07", "255", "256", "100", "010", "999", "1000",
            "", "a", ":",
        ];
        let mut text = String::new();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200_000 {
            if random.u8(..4) == 0 {
                let low = u128::from(random.u32(..)).unbounded_shl(random.u32(..128));
                text += &Ipv6Addr::from_bits(low).to_string();
            } else {
                // Mostly right ones: an error every third line.
                let pick_from = if random.u8(..16) < 5 { 17 } else { 7 };
                text += &[(); 4]
                    .map(|()| numbers[random.usize(..pick_from)])
                    .join(".");
            }
            text += if random.u8(..64) == 0 { " \n" } else { "\n" };
        }
        let expected: Vec<_> = text.lines().map(bits).collect();
        let right = expected.iter().flatten().count();
        let readers: [Read; 2] = [
            |text, most, to| addresses(text, most, to),
            |text, most, to| one_by_one(text, most, to),
        ];
        for read in readers {
            let (all, direct) = all(&text, read);
            assert_eq!(all, expected);
            assert!(direct > right - 2_000, "{direct} of {right} read directly");
        }
    }
}
