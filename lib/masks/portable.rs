//! Eight bytes at once, without vectors.

use super::compare::Compare;

/// The comparison without vectors.
pub struct Portable;

impl Compare for Portable {
    #[inline(always)]
    fn equal<const N: usize>(bytes: &[u8; N], byte: u8) -> u64 {
        tops(bytes, |eight| {
            let other = eight ^ (ONES * u64::from(byte));
            // The top bit stays clear where no bit is set, neither below nor there.
            !(((other & LOW7) + LOW7) | other)
        })
    }

    #[inline(always)]
    fn among<const N: usize>(bytes: &[u8; N], first: u8, count: u8) -> u64 {
        tops(bytes, |eight| {
            // In the lower seven bits, whose sums carry into the top bit and no further.
            let from = (eight & LOW7) + ONES * u64::from(0x80 - first);
            let beyond = (eight & LOW7) + ONES * u64::from(0x80 - first - count);
            from & !beyond & !eight
        })
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const LOW7: u64 = u64::from_ne_bytes([0x7f; 8]);

/// The top bits of `of`'s answer for each eight bytes, as a mask.
#[inline(always)]
fn tops(bytes: &[u8], of: impl Fn(u64) -> u64) -> u64 {
    let mut rows = 0;
    for (i, eight) in bytes.as_chunks().0.iter().enumerate() {
        let tops = of(u64::from_le_bytes(*eight)) & (ONES << 7);
        rows |= tops >> (7 - i);
    }
    transpose(rows)
}

/// Bit i of byte n becomes bit n of byte i.
#[inline(always)]
fn transpose(mut x: u64) -> u64 {
    let swap = |x: u64, shift: u32, mask: u64| {
        let differ = (x >> shift ^ x) & mask;
        x ^ differ ^ differ << shift
    };
    x = swap(x, 7, 0x00aa_00aa_00aa_00aa);
    x = swap(x, 14, 0x0000_cccc_0000_cccc);
    swap(x, 28, 0x0000_0000_f0f0_f0f0)
}
