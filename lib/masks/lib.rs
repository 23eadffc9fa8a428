//! Many bytes compared at once: bit n of a mask tells of byte n.

mod compare; // what is compared, on whatever processor
mod portable; // without vectors
mod prefetch; // memory that is loaded before it is needed

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub mod avx2; // 32 bytes at once
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod sse2; // 16 bytes at once

pub use compare::{Chains, Compare, Masks};
/// The comparison for every processor of this kind.
#[cfg(any(feature = "portable", not(target_arch = "x86_64")))]
pub use portable::Portable as Common;
pub use portable::Portable;
pub use prefetch::prefetch;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub use sse2::Sse2 as Common;

/// The dots among 16 bytes, and the bytes that are no decimal digits.
#[inline(always)]
pub fn sixteen(bytes: &[u8; 16]) -> (u32, u32) {
    Common::sixteen(bytes)
}

/// Whether the processor has AVX2, BMI1 and POPCNT: all processors since Intel's Haswell have them.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[inline(always)]
pub fn has_avx2() -> bool {
    !cfg!(feature = "sse2")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
}

/// Calls `each` for every 64 bytes of `text` with the white space among them, as
/// [`u8::is_ascii_whitespace`] has it, and the newlines, until it answers `false`. Behind the end
/// all bytes count as blanks.
#[inline]
pub fn blanks(text: &[u8], each: impl FnMut(u64, u64) -> bool) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if has_avx2() {
        // SAFETY: the processor has the features that the function is compiled for.
        return unsafe { blanks_by_avx2(text, each) };
    }
    blanks_with(text, Common::blanks, each);
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[target_feature(enable = "avx2,popcnt")]
fn blanks_by_avx2(text: &[u8], each: impl FnMut(u64, u64) -> bool) {
    blanks_with(text, |chunk| avx2::blanks(chunk), each);
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
        compare_by::<Common>(chunk);
        compare_by::<Portable>(chunk);
        #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
        if has_avx2() {
            // SAFETY: the processor has AVX2.
            unsafe {
                assert_eq!(avx2::masks(chunk), Portable::masks(chunk));
                assert_eq!(avx2::chains(chunk), Portable::chains(chunk));
                assert_eq!(avx2::field_ends(chunk), Portable::field_ends(chunk));
                let half = chunk.first_chunk::<32>().expect("32 of 64 bytes");
                let expected = Portable::either(half, b'"', b'\\');
                assert_eq!(u64::from(avx2::either(half, b'"', b'\\')), expected);
            }
        }
        let (white, newlines) = Portable::blanks(chunk);
        let nine = (white | !0 << 9, newlines & 0x1ff);
        let mut expected = vec![nine, (white, newlines)];
        blanks(&[&chunk[..], &chunk[..9]].concat(), |blanks, newlines| {
            assert_eq!(expected.pop(), Some((blanks, newlines)));
            true
        });
        assert_eq!(expected, []);
    }

    fn compare_by<C: Compare>(chunk: &[u8; 64]) {
        let masks = (mask(chunk, |b| *b == b'.'), mask(chunk, |b| *b == b':'));
        let chains = Chains {
            digits: mask(chunk, u8::is_ascii_digit),
            letters: mask(chunk, |b| (b'a'..=b'f').contains(b)),
            colons: masks.1,
            zeros: mask(chunk, |b| *b == b'0'),
        };
        let white = mask(chunk, u8::is_ascii_whitespace);
        let newlines = mask(chunk, |b| *b == b'\n');
        assert_eq!(C::masks(chunk), masks);
        assert_eq!(C::chains(chunk), chains);
        assert_eq!(C::blanks(chunk), (white, newlines));
        let ends = mask(chunk, |b| b"\t\n".contains(b));
        let others = mask(chunk, |b| b"\\\r".contains(b));
        assert_eq!(C::field_ends(chunk), (ends, others));
        let first = chunk.first_chunk().expect("16 of 64 bytes");
        let (dots, others) = C::sixteen(first);
        assert_eq!(
            (dots, others),
            (masks.0 as u32 & 0xffff, !chains.digits as u32 & 0xffff)
        );
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
