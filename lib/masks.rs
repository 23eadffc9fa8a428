//! Many bytes compared at once: bit n of a mask tells of byte n.

/// The dots of 64 bytes, and the colons.
pub type Masks = (u64, u64);

/// What 64 bytes are in an IPv6 address.
#[derive(Debug, PartialEq)]
pub struct Chains {
    pub digits: u64,
    /// `a` to `f`.
    pub letters: u64,
    pub colons: u64,
    pub zeros: u64,
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub(crate) mod avx2 {
    use std::arch::x86_64::*;

    use super::{Chains, Masks};

    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn masks(chunk: &[u8; 64]) -> Masks {
        let halves = halves(chunk);
        (equal(halves, b'.'), equal(halves, b':'))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn chains(chunk: &[u8; 64]) -> Chains {
        let halves = halves(chunk);
        Chains {
            digits: among(halves, b'0', 10),
            letters: among(halves, b'a', 6),
            colons: equal(halves, b':'),
            zeros: equal(halves, b'0'),
        }
    }

    /// See [`blanks`](super::blanks).
    #[target_feature(enable = "avx2,popcnt")]
    pub fn blanks(text: &[u8], each: impl FnMut(u64, u64) -> bool) {
        super::blanks_with(text, |chunk| blanks_of(chunk), each);
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn blanks_of(chunk: &[u8; 64]) -> (u64, u64) {
        // At the place of its lower four bits each blank, and elsewhere what has other lower bits.
        let row = _mm_setr_epi8(
            32, -1, -1, -1, -1, -1, -1, -1, -1, 9, 10, -1, 12, 13, -1, -1,
        );
        let row = _mm256_broadcastsi128_si256(row);
        let halves = halves(chunk);
        let blanks = halves.map(|half| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(row, half), half));
        (bits(blanks), equal(halves, b'\n'))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(chunk: &[u8; 64]) -> [__m256i; 2] {
        // SAFETY: 32 bytes are there from 0 and from 32.
        [0, 32].map(|from| unsafe { _mm256_loadu_si256(chunk[from..].as_ptr().cast()) })
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn equal(halves: [__m256i; 2], byte: u8) -> u64 {
        let byte = _mm256_set1_epi8(byte as i8);
        bits(halves.map(|half| _mm256_cmpeq_epi8(half, byte)))
    }

    /// The bytes from `first` on, so many.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn among(halves: [__m256i; 2], first: u8, count: i8) -> u64 {
        bits(halves.map(|half| {
            let value = _mm256_sub_epi8(half, _mm256_set1_epi8(first as i8));
            _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(count - 1)), value)
        }))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits([low, high]: [__m256i; 2]) -> u64 {
        let bits = |half| u64::from(_mm256_movemask_epi8(half) as u32);
        bits(low) | bits(high) << 32
    }
}

/// The same without vectors, eight bytes at once.
pub(crate) mod portable {
    use super::{Chains, Masks};

    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOW7: u64 = u64::from_ne_bytes([0x7f; 8]);

    pub fn masks(chunk: &[u8; 64]) -> Masks {
        (equal(chunk, b'.'), equal(chunk, b':'))
    }

    pub fn chains(chunk: &[u8; 64]) -> Chains {
        Chains {
            digits: among(chunk, b'0', 10),
            letters: among(chunk, b'a', 6),
            colons: equal(chunk, b':'),
            zeros: equal(chunk, b'0'),
        }
    }

    /// See [`blanks`](super::blanks).
    pub fn blanks(chunk: &[u8; 64]) -> (u64, u64) {
        let controls = among(chunk, b'\t', 5) & !equal(chunk, b'\x0b');
        (equal(chunk, b' ') | controls, equal(chunk, b'\n'))
    }

    /// See [`sixteen`](super::sixteen).
    #[cfg(any(test, feature = "portable", not(target_arch = "x86_64")))]
    #[inline(always)]
    pub fn sixteen(bytes: &[u8; 16]) -> (u32, u32) {
        let digits = among(bytes, b'0', 10) as u32;
        (equal(bytes, b'.') as u32, !digits & 0xffff)
    }

    #[inline(always)]
    fn equal(bytes: &[u8], byte: u8) -> u64 {
        tops(bytes, |eight| {
            let other = eight ^ (ONES * u64::from(byte));
            // The top bit stays clear where no bit is set, neither below nor there.
            !(((other & LOW7) + LOW7) | other)
        })
    }

    /// The bytes from `first` on, so many.
    #[inline(always)]
    fn among(bytes: &[u8], first: u8, count: u8) -> u64 {
        tops(bytes, |eight| {
            // In the lower seven bits, whose sums carry into the top bit and no further.
            let from = (eight & LOW7) + ONES * u64::from(0x80 - first);
            let beyond = (eight & LOW7) + ONES * u64::from(0x80 - first - count);
            from & !beyond & !eight
        })
    }

    /// The top bits that `of` leaves of each eight bytes.
    #[inline(always)]
    fn tops(bytes: &[u8], of: impl Fn(u64) -> u64) -> u64 {
        let mut mask = 0;
        for (i, eight) in bytes.as_chunks().0.iter().enumerate() {
            let tops = of(u64::from_le_bytes(*eight));
            // The product holds the top bits, moved to their places, in the uppermost byte.
            let bits = (tops >> 7 & ONES).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask |= bits << (i * 8);
        }
        mask
    }
}

/// Of 16 bytes the dots, and all that are no decimal digits.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[inline(always)]
pub fn sixteen(bytes: &[u8; 16]) -> (u32, u32) {
    use std::arch::x86_64::*;
    // SAFETY: 16 bytes are there, and SSE2 is part of x86_64.
    unsafe {
        let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
        let dots = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'.' as i8));
        let values = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0' as i8));
        let digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
        let others = !_mm_movemask_epi8(digits) as u32 & 0xffff;
        (_mm_movemask_epi8(dots) as u32, others)
    }
}

#[cfg(not(all(target_arch = "x86_64", not(feature = "portable"))))]
pub use portable::sixteen;

/// Calls `each` for every 64 bytes with the white space among them, as [`u8::is_ascii_whitespace`] has it, and the
/// newlines, until it answers `false`; beyond the end all is blank.
#[inline]
pub fn blanks(text: &[u8], each: impl FnMut(u64, u64) -> bool) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::blanks(text, each) };
    }
    blanks_with(text, portable::blanks, each);
}

#[inline(always)]
fn blanks_with(
    text: &[u8],
    blanks: impl Fn(&[u8; 64]) -> (u64, u64),
    mut each: impl FnMut(u64, u64) -> bool,
) {
    let mut rest = text;
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        let (blanks, newlines) = blanks(chunk);
        if !each(blanks, newlines) {
            return;
        }
        rest = behind;
    }
    let mut short = [b' '; 64];
    short[..rest.len()].copy_from_slice(rest);
    let (blanks, newlines) = blanks(&short);
    each(blanks, newlines);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(chunk: &[u8], is: impl Fn(&u8) -> bool) -> u64 {
        let bits = chunk.iter().enumerate();
        bits.map(|(i, byte)| u64::from(is(byte)) << i).sum()
    }

    fn compare(chunk: &[u8; 64]) {
        let masks = (mask(chunk, |b| *b == b'.'), mask(chunk, |b| *b == b':'));
        let chains = Chains {
            digits: mask(chunk, u8::is_ascii_digit),
            letters: mask(chunk, |b| (b'a'..=b'f').contains(b)),
            colons: masks.1,
            zeros: mask(chunk, |b| *b == b'0'),
        };
        assert_eq!(portable::masks(chunk), masks);
        assert_eq!(portable::chains(chunk), chains);
        #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe {
                assert_eq!(avx2::masks(chunk), masks);
                assert_eq!(avx2::chains(chunk), chains);
            }
        }
        let white = mask(chunk, u8::is_ascii_whitespace);
        let newlines = mask(chunk, |b| *b == b'\n');
        assert_eq!(portable::blanks(chunk), (white, newlines));
        let nine = (white | !0 << 9, newlines & 0x1ff);
        let mut expected = vec![nine, (white, newlines)];
        blanks(&[&chunk[..], &chunk[..9]].concat(), |blanks, newlines| {
            assert_eq!(expected.pop(), Some((blanks, newlines)));
            true
        });
        assert_eq!(expected, []);
        let first = chunk.first_chunk().expect("16 of 64 bytes");
        let expected = (masks.0 as u16, !chains.digits as u16);
        for (dots, others) in [sixteen(first), portable::sixteen(first)] {
            assert_eq!((dots as u16, others as u16), expected);
            assert_eq!((dots | others) >> 16, 0);
        }
    }

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255 {
            for place in 0..64 {
                let mut chunk = [b'/'; 64];
                chunk[place] = byte;
                compare(&chunk);
            }
            compare(&[byte; 64]);
            // Neighbours do not disturb.
            compare(&std::array::from_fn(|i| byte.wrapping_add(i as u8)));
            compare(&std::array::from_fn(|i| [b'.', byte][i % 2]));
        }
    }
}
