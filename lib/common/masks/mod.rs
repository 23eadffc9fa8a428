//! Many bytes compared at once: bit n of a mask tells of byte n.

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub mod avx2;
mod portable;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod sse2;

/// What every processor of this kind can do.
#[cfg(any(feature = "portable", not(target_arch = "x86_64")))]
pub use portable::Portable as Common;
pub use portable::Portable;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub use sse2::Sse2 as Common;

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

/// A way to compare up to 64 bytes.
pub trait Compare {
    fn equal<const N: usize>(bytes: &[u8; N], byte: u8) -> u64;

    /// The bytes from `first` on, so many.
    fn among<const N: usize>(bytes: &[u8; N], first: u8, count: u8) -> u64;

    #[inline(always)]
    fn masks(chunk: &[u8; 64]) -> Masks {
        (Self::equal(chunk, b'.'), Self::equal(chunk, b':'))
    }

    #[inline(always)]
    fn chains(chunk: &[u8; 64]) -> Chains {
        Chains {
            digits: Self::among(chunk, b'0', 10),
            letters: Self::among(chunk, b'a', 6),
            colons: Self::equal(chunk, b':'),
            zeros: Self::equal(chunk, b'0'),
        }
    }

    /// See [`blanks`].
    #[inline(always)]
    fn blanks(chunk: &[u8; 64]) -> (u64, u64) {
        let controls = Self::among(chunk, b'\t', 5) & !Self::equal(chunk, b'\x0b');
        (
            Self::equal(chunk, b' ') | controls,
            Self::equal(chunk, b'\n'),
        )
    }

    /// See [`sixteen`].
    #[inline(always)]
    fn sixteen(bytes: &[u8; 16]) -> (u32, u32) {
        let digits = Self::among(bytes, b'0', 10) as u32;
        (Self::equal(bytes, b'.') as u32, !digits & 0xffff)
    }
}

/// Of 16 bytes the dots, and all that are no decimal digits.
#[inline(always)]
pub fn sixteen(bytes: &[u8; 16]) -> (u32, u32) {
    Common::sixteen(bytes)
}

/// Whether the processor has AVX2, and what came with it.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[inline(always)]
pub fn has_avx2() -> bool {
    !cfg!(feature = "sse2")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
}

/// Calls `each` for every 64 bytes with the white space among them, as [`u8::is_ascii_whitespace`] has it, and the
/// newlines, until it answers `false`; beyond the end all is blank.
#[inline]
pub fn blanks(text: &[u8], each: impl FnMut(u64, u64) -> bool) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if has_avx2() {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::blanks(text, each) };
    }
    blanks_with(text, Common::blanks, each);
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
