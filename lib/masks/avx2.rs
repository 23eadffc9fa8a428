//! 32 bytes at once, where the processor has AVX2.

use std::arch::x86_64::*;

use super::compare::{Chains, Masks};

/// The dots and the colons.
///
/// # Safety
/// The processor must have AVX2; see [`has_avx2`](super::has_avx2).
#[target_feature(enable = "avx2")]
#[inline]
pub fn masks(chunk: &[u8; 64]) -> Masks {
    let halves = halves(chunk);
    (equal(halves, b'.'), equal(halves, b':'))
}

/// The characters of IPv6 addresses.
///
/// # Safety
/// The processor must have AVX2; see [`has_avx2`](super::has_avx2).
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

/// The white space, as [`u8::is_ascii_whitespace`] has it, and the newlines.
///
/// # Safety
/// The processor must have AVX2; see [`has_avx2`](super::has_avx2).
#[target_feature(enable = "avx2")]
#[inline]
pub fn blanks(chunk: &[u8; 64]) -> (u64, u64) {
    // Each blank stands at the place that its lower four bits name; the other places hold a byte
    // with other lower bits.
    let row = _mm_setr_epi8(
        32, -1, -1, -1, -1, -1, -1, -1, -1, 9, 10, -1, 12, 13, -1, -1,
    );
    let row = _mm256_broadcastsi128_si256(row);
    let halves = halves(chunk);
    let blanks = halves.map(|half| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(row, half), half));
    (bits(blanks), equal(halves, b'\n'))
}

/// The TABs and newlines, and the backslashes and carriage returns.
///
/// # Safety
/// The processor must have AVX2; see [`has_avx2`](super::has_avx2).
#[target_feature(enable = "avx2")]
#[inline]
pub fn field_ends(chunk: &[u8; 64]) -> (u64, u64) {
    let halves = halves(chunk);
    let others = halves.map(|half| {
        let equal = |byte: u8| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte as i8));
        _mm256_or_si256(equal(b'\\'), equal(b'\r'))
    });
    (among(halves, b'\t', 2), bits(others))
}

/// The bytes that are equal to one of two.
///
/// # Safety
/// The processor must have AVX2; see [`has_avx2`](super::has_avx2).
#[target_feature(enable = "avx2")]
#[inline]
pub fn either(chunk: &[u8; 32], one: u8, other: u8) -> u32 {
    // SAFETY: 32 bytes are there.
    let bytes = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
    let equal = |byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte as i8));
    _mm256_movemask_epi8(_mm256_or_si256(equal(one), equal(other))) as u32
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

/// The bytes from `first` to `first + count - 1`.
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
