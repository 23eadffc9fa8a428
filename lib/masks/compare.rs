//! The comparisons, whatever the processor can do.

/// The dots among 64 bytes, and the colons.
pub type Masks = (u64, u64);

/// The characters of an IPv6 address among 64 bytes.
#[derive(Debug, PartialEq)]
pub struct Chains {
    /// `0` to `9`.
    pub digits: u64,
    /// `a` to `f`.
    pub letters: u64,
    /// `:`.
    pub colons: u64,
    /// `0`.
    pub zeros: u64,
}

/// A way to compare up to 64 bytes at once.
pub trait Compare {
    /// The bytes that are equal to `byte`.
    fn equal<const N: usize>(bytes: &[u8; N], byte: u8) -> u64;

    /// The bytes that are equal to one of two.
    #[inline(always)]
    fn either<const N: usize>(bytes: &[u8; N], one: u8, other: u8) -> u64 {
        Self::equal(bytes, one) | Self::equal(bytes, other)
    }

    /// The bytes from `first` to `first + count - 1`, all ASCII.
    fn among<const N: usize>(bytes: &[u8; N], first: u8, count: u8) -> u64;

    /// The dots and the colons.
    #[inline(always)]
    fn masks(chunk: &[u8; 64]) -> Masks {
        (Self::equal(chunk, b'.'), Self::equal(chunk, b':'))
    }

    /// The characters of IPv6 addresses.
    #[inline(always)]
    fn chains(chunk: &[u8; 64]) -> Chains {
        Chains {
            digits: Self::among(chunk, b'0', 10),
            letters: Self::among(chunk, b'a', 6),
            colons: Self::equal(chunk, b':'),
            zeros: Self::equal(chunk, b'0'),
        }
    }

    /// The white space, as [`u8::is_ascii_whitespace`] has it, and the newlines.
    #[inline(always)]
    fn blanks(chunk: &[u8; 64]) -> (u64, u64) {
        let controls = Self::among(chunk, b'\t', 5) & !Self::equal(chunk, b'\x0b');
        (
            Self::equal(chunk, b' ') | controls,
            Self::equal(chunk, b'\n'),
        )
    }

    /// The TABs and newlines, and the backslashes and carriage returns.
    #[inline(always)]
    fn field_ends(chunk: &[u8; 64]) -> (u64, u64) {
        (
            Self::among(chunk, b'\t', 2),
            Self::equal(chunk, b'\\') | Self::equal(chunk, b'\r'),
        )
    }

    /// The dots among 16 bytes, and the bytes that are no decimal digits.
    #[inline(always)]
    fn sixteen(bytes: &[u8; 16]) -> (u32, u32) {
        let digits = Self::among(bytes, b'0', 10) as u32;
        (Self::equal(bytes, b'.') as u32, !digits & 0xffff)
    }
}
