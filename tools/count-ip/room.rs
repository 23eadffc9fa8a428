//! Memory for what grows to millions of addresses and is accessed all over.

use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};

use crate::bound::MEMORY;

/// In bytes.
const LARGE_PAGE: usize = 2 << 20;

/// Of a cache, in bytes.
pub const LINE: usize = 64;

/// Makes room in a vector for so many values in all. The first of them that counts, at `start`, begins a cache line.
pub fn make_room<T: Copy + Default>(values: &mut Vec<T>, start: &mut usize, all: usize) {
    if !is_room(values, all) {
        let old = std::mem::replace(values, room(all + LINE));
        let ahead = values.as_ptr().align_offset(LINE);
        let ahead = if ahead < LINE { ahead } else { 0 };
        values.resize(ahead, T::default());
        values.extend_from_slice(&old[*start..]);
        *start = ahead;
    }
}

/// Whether there is room for so many values in all.
pub fn is_room<T>(values: &Vec<T>, all: usize) -> bool {
    all + LINE <= values.capacity()
}

/// A vector with room for at least so many values: if these are many, for as many as the bound on memory allows, so
/// that it can grow in place. It is only addresses that are reserved then; memory comes with use.
fn room<T>(values: usize) -> Vec<T> {
    let mut room = Vec::new();
    let most = MEMORY / size_of::<T>();
    let many = values * size_of::<T>() >= LARGE_PAGE && values <= most;
    if !many || room.try_reserve_exact(most).is_err() {
        room.reserve_exact(values);
    }
    ask_for_large_pages(&mut room);
    room
}

/// Asks for large pages under what a vector has room for, as far as the room is not yet in use. Where each access
/// goes elsewhere, the processor would have to look up most small pages in memory too.
fn ask_for_large_pages<T>(room: &mut Vec<T>) {
    let bytes = room.capacity() * size_of::<T>();
    let start: *mut u8 = room.as_mut_ptr().cast();
    // Only whole ones.
    let ahead = start.align_offset(LARGE_PAGE);
    let length = bytes.saturating_sub(ahead) / LARGE_PAGE * LARGE_PAGE;
    if let Some(start) = NonNull::new(start.wrapping_add(ahead)).filter(|_| length > 0) {
        // SAFETY: the advice changes neither what the memory holds nor whose it is.
        let advice = unsafe { madvise(start.cast(), length, MmapAdvise::MADV_HUGEPAGE) };
        // Without them it is only slower.
        let _ = advice;
    }
}

/// Has the memory bring the beginning of a value, without waiting for it.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: this is a hint; nothing is read.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pages_under_much_room() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return; // this system has none
        }
        let room = room::<u64>(1 << 20);
        let middle = room.as_ptr().addr() + (4 << 20);
        let areas = std::fs::read_to_string("/proc/self/smaps").expect("a list of areas");
        let mut inside = false;
        let flags = areas.lines().find_map(|line| {
            let (first, rest) = line.split_once(' ')?;
            if let Some((from, to)) = first.split_once('-') {
                let number = |text| usize::from_str_radix(text, 16).expect("an address");
                inside = (number(from)..number(to)).contains(&middle);
            }
            (inside && first == "VmFlags:").then_some(rest)
        });
        let flags = flags.expect("the area of the room");
        assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}");
    }
}
