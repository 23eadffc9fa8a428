//! A table with open addressing, laid out for one access to memory that no cache holds.
//!
//! Key and value lie side by side in a slot, and `N` slots make a bucket. With 8 bytes a slot and 8 slots a
//! bucket a bucket is a cache line, all keys of which are compared at once: no branch depends on where in it
//! a key stands. A full bucket overflows into the next. The place of a key is its hash scaled to the size of
//! the table: a table then grows by half, in order.

use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};

/// In bytes.
const LARGE_PAGE: usize = 2 << 20;

/// A key with a value; the value 0 is an empty slot.
#[derive(Clone, Copy, Default)]
pub struct Slot<K> {
    pub key: K,
    pub value: u32,
}

pub struct Table<K, const N: usize> {
    slots: Vec<Slot<K>>,
    /// So many slots stand before the first bucket, for it to begin a cache line.
    start: usize,
    buckets: usize,
}

impl<K: Copy + Default + PartialEq, const N: usize> Table<K, N> {
    /// Of at least so many slots.
    pub fn new(slots: usize) -> Self {
        let buckets = slots.div_ceil(N);
        let ahead = if N > 1 { N } else { 0 };
        let mut slots = Vec::with_capacity(buckets * N + ahead);
        ask_for_large_pages(&mut slots);
        slots.resize(buckets * N + ahead, Slot::default());
        let start = slots.as_ptr().align_offset(64);
        Table {
            start: if start <= ahead { start } else { 0 },
            slots,
            buckets,
        }
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.buckets * N
    }

    /// In bytes.
    pub fn size(&self) -> usize {
        self.slots.len() * size_of::<Slot<K>>()
    }

    /// Where keys of this hash are looked for first.
    #[inline(always)]
    pub fn home(&self, hash: u64) -> usize {
        let bucket = (u128::from(hash) * self.buckets as u128) >> 64;
        self.start + bucket as usize * N
    }

    /// Has the memory bring what lies at a home, so that it is there when it is needed.
    #[inline(always)]
    pub fn prefetch(&self, home: usize) {
        prefetch(&self.slots[home]);
    }

    /// The place of the slot with this key for which `is_it` holds, or of the empty one where it belongs.
    #[inline(always)]
    pub fn find(&self, home: usize, key: K, is_it: impl Fn(u32) -> bool) -> usize {
        let mut place = home;
        loop {
            let Some(bucket) = self.slots[place..].first_chunk::<N>() else {
                place = self.start;
                continue;
            };
            let mut same = mask(bucket, |slot| slot.key == key);
            while same != 0 {
                let slot = same.trailing_zeros() as usize;
                // An empty slot has the default key.
                if bucket[slot].value == 0 || is_it(bucket[slot].value) {
                    return place + slot;
                }
                same &= same - 1;
            }
            // They are filled in order.
            if bucket[N - 1].value == 0 {
                return place + mask(bucket, |slot| slot.value == 0).trailing_zeros() as usize;
            }
            place += N;
        }
    }

    /// The value of the first slot of this key at its home, empty or not; anything if there is none.
    #[inline(always)]
    pub fn glance(&self, home: usize, key: K) -> u32 {
        // Not a branch may depend on what the memory brings.
        let place = match self.slots[home..].first_chunk::<N>() {
            Some(bucket) => mask(bucket, |slot| slot.key == key).trailing_zeros(),
            None => 0,
        };
        self.slots[home + place as usize % N].value
    }

    #[inline(always)]
    pub fn get(&self, place: usize) -> &Slot<K> {
        &self.slots[place]
    }

    #[inline(always)]
    pub fn get_mut(&mut self, place: usize) -> &mut Slot<K> {
        &mut self.slots[place]
    }

    /// The slots that are not empty.
    pub fn used(&self) -> impl Iterator<Item = &Slot<K>> {
        self.slots.iter().filter(|slot| slot.value != 0)
    }

    pub fn used_mut(&mut self) -> impl Iterator<Item = &mut Slot<K>> {
        self.slots.iter_mut().filter(|slot| slot.value != 0)
    }

    /// Empties all slots.
    pub fn clear(&mut self) {
        self.slots.fill(Slot::default());
    }

    /// The slots themselves, also the empty ones.
    pub fn into_slots(self) -> Vec<Slot<K>> {
        self.slots
    }
}

/// A bit for each slot of a bucket.
#[inline(always)]
fn mask<K, const N: usize>(bucket: &[Slot<K>; N], is: impl Fn(&Slot<K>) -> bool) -> u32 {
    (0..N).fold(0, |mask, i| mask | u32::from(is(&bucket[i])) << i)
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
    fn large_pages_under_a_large_table() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return; // this system has none
        }
        let table = Table::<u32, 8>::new(1 << 20);
        let middle = table.slots.as_ptr().addr() + (table.size() / 2);
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
        let flags = flags.expect("the area of the table");
        assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}");
    }
}
