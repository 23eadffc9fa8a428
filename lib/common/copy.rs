//! C's memcpy and memmove for the static programs: those of musl copy by `rep movsq`, which takes
//! some ten nanoseconds to begin, and most copies here are a few bytes. They were a sixth of the
//! time of `extract-ip --preset sshd --time`.
//!
//! No loop here is taken for a memmove, which it would then call for ever: LLVM leaves loops alone
//! in a function of that name.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

/// From this length on, in bytes, the processor's own copy is as fast.
const LONG: usize = 2_048;

/// C's memcpy.
///
/// # Safety
///
/// As C has it: both are valid for `length` bytes, and they do not overlap.
#[cfg(all(target_env = "musl", not(test)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller promises more than `copy` wants.
    unsafe { copy(to, from, length) };
    to
}

/// C's memmove.
///
/// # Safety
///
/// As C has it: both are valid for `length` bytes.
#[cfg(all(target_env = "musl", not(test)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise is that of `copy`.
    unsafe { copy(to, from, length) };
    to
}

/// Copies `length` bytes, which may overlap.
///
/// # Safety
///
/// Both are valid for `length` bytes.
#[inline(always)]
unsafe fn copy(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: each offset and the bytes behind it are below `length`. No byte is written before it
    // is read: short ones are read first, long ones from the end that the other overlaps.
    unsafe {
        match length {
            0 => {}
            1..4 => {
                let (middle, last) = (length / 2, length - 1);
                let bytes = (*from, *from.add(middle), *from.add(last));
                (*to, *to.add(middle), *to.add(last)) = bytes;
            }
            4..8 => ends::<u32>(to, from, length - 4),
            8..16 => ends::<u64>(to, from, length - 8),
            16..=32 => ends::<__m128i>(to, from, length - 16),
            _ if to.addr().wrapping_sub(from.addr()) < length => {
                let first = _mm_loadu_si128(from.cast());
                let mut left = length;
                while left > 16 {
                    left -= 16;
                    step(to.add(left), from.add(left));
                }
                _mm_storeu_si128(to.cast(), first);
            }
            ..LONG => {
                let end = length - 16;
                let last = _mm_loadu_si128(from.add(end).cast());
                let mut done = 0;
                while done < end {
                    step(to.add(done), from.add(done));
                    done += 16;
                }
                _mm_storeu_si128(to.add(end).cast(), last);
            }
            _ => asm!(
                "rep movsb",
                inout("rcx") length => _,
                inout("rdi") to => _,
                inout("rsi") from => _,
                options(nostack, preserves_flags)
            ),
        }
    }
}

/// Copies a word at the beginning and one at this offset.
///
/// # Safety
///
/// Both are valid for a word there.
#[inline(always)]
unsafe fn ends<T>(to: *mut u8, from: *const u8, last: usize) {
    // SAFETY: the caller's promise; the words need no alignment.
    unsafe {
        let first = from.cast::<T>().read_unaligned();
        let second = from.add(last).cast::<T>().read_unaligned();
        to.cast::<T>().write_unaligned(first);
        to.add(last).cast::<T>().write_unaligned(second);
    }
}

/// Copies 16 bytes.
///
/// # Safety
///
/// Both are valid for 16 bytes.
#[inline(always)]
unsafe fn step(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's promise; every x86_64 has SSE2.
    unsafe { _mm_storeu_si128(to.cast(), _mm_loadu_si128(from.cast())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_at_every_distance() {
        let bytes: Vec<u8> = (0..LONG + 600).map(|i| (i % 251) as u8).collect();
        for length in (0..200).chain(LONG - 20..LONG + 20) {
            // Also over each other, in both directions.
            for (from, to) in [0, 1, 15, 16, 17, 31, 40, 300].map(|d| (50, 50 + d)) {
                for (from, to) in [(from, to), (to, from)] {
                    let mut moved = bytes.clone();
                    let all = moved.as_mut_ptr();
                    // SAFETY: both offsets and the length behind them are in the bytes.
                    unsafe { copy(all.add(to), all.add(from), length) };
                    let mut expected = bytes.clone();
                    expected.copy_within(from..from + length, to);
                    assert!(moved == expected, "{length} from {from} to {to}");
                }
            }
        }
    }
}
