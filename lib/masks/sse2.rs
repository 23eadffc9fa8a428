//! 16 bytes at once: every x86_64 has SSE2.

use std::arch::x86_64::*;

use super::compare::Compare;

/// The comparison by SSE2.
pub struct Sse2;

impl Compare for Sse2 {
    #[inline(always)]
    fn equal<const N: usize>(bytes: &[u8; N], byte: u8) -> u64 {
        // SAFETY: SSE2 is part of x86_64.
        each(bytes, |lane| unsafe {
            _mm_cmpeq_epi8(lane, _mm_set1_epi8(byte as i8))
        })
    }

    #[inline(always)]
    fn either<const N: usize>(bytes: &[u8; N], one: u8, other: u8) -> u64 {
        // SAFETY: SSE2 is part of x86_64.
        each(bytes, |lane| unsafe {
            let one = _mm_cmpeq_epi8(lane, _mm_set1_epi8(one as i8));
            _mm_or_si128(one, _mm_cmpeq_epi8(lane, _mm_set1_epi8(other as i8)))
        })
    }

    #[inline(always)]
    fn among<const N: usize>(bytes: &[u8; N], first: u8, count: u8) -> u64 {
        // SAFETY: SSE2 is part of x86_64.
        each(bytes, |lane| unsafe {
            let value = _mm_sub_epi8(lane, _mm_set1_epi8(first as i8));
            _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(count as i8 - 1)), value)
        })
    }
}

/// The bits of the bytes for which `is` answers with ones.
#[inline(always)]
fn each(bytes: &[u8], is: impl Fn(__m128i) -> __m128i) -> u64 {
    let mut mask = 0;
    for (i, lane) in bytes.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: 16 bytes are there, and SSE2 is part of x86_64.
        let bits = unsafe { _mm_movemask_epi8(is(_mm_loadu_si128(lane.as_ptr().cast()))) };
        mask |= u64::from(bits as u32) << (i * 16);
    }
    mask
}
