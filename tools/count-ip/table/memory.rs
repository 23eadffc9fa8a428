//! Vectors that grow to millions of values and are accessed at random.

use std::ptr::NonNull;

use nix::libc::RLIM_INFINITY;
use nix::sys::mman::{MmapAdvise, madvise};
use nix::sys::resource::{Resource, getrlimit};
pub use pipeban::masks::prefetch;

/// The memory for tables and for the values that hang on them, in bytes, where the user sets no
/// other bound. The program with its buffers stays under 256 MiB.
pub const MEMORY: usize = 232 << 20;

/// The number of addresses that are looked up together: enough accesses at once to keep the
/// memory busy.
pub const BATCH: usize = 128;

/// The size of a cache line, in bytes.
pub const LINE: usize = 64;

/// The size of a large page, in bytes.
const LARGE_PAGE: usize = 2 << 20;

/// Gives a vector the capacity for `all` values behind `start`. The value at `start` begins a
/// cache line; those before it only fill up, and `start` changes when the vector moves.
pub fn reserve<T: Copy + Default>(values: &mut Vec<T>, start: &mut usize, all: usize) {
    if !has_capacity(values, all) {
        let old = std::mem::replace(values, vector(all + LINE));
        let ahead = values.as_ptr().align_offset(LINE);
        let ahead = if ahead < LINE { ahead } else { 0 };
        values.resize(ahead, T::default());
        values.extend_from_slice(&old[*start..]);
        *start = ahead;
    }
}

/// Whether [`reserve`] for `all` values leaves the vector where it is.
pub fn has_capacity<T>(values: &Vec<T>, all: usize) -> bool {
    all + LINE <= values.capacity()
}

/// An empty vector with the capacity for at least `values` values. A large one gets all that the
/// bound on memory allows, so that it can grow in place: this reserves addresses only, and the
/// system gives memory when it is used. Where addresses are limited (`ulimit -v`), other vectors
/// need them.
pub fn vector<T>(values: usize) -> Vec<T> {
    let mut vector = Vec::new();
    let most = MEMORY / size_of::<T>();
    let many = values * size_of::<T>() >= LARGE_PAGE && values <= most;
    let limited = || !getrlimit(Resource::RLIMIT_AS).is_ok_and(|(soft, _)| soft == RLIM_INFINITY);
    if !many || limited() || vector.try_reserve_exact(most).is_err() {
        vector.reserve_exact(values);
    }
    ask_for_large_pages(&mut vector);
    vector
}

/// Asks the system for large pages under an empty vector. With small ones, an access at random
/// costs a second one to the page table.
fn ask_for_large_pages<T>(vector: &mut Vec<T>) {
    let bytes = vector.capacity() * size_of::<T>();
    let start: *mut u8 = vector.as_mut_ptr().cast();
    // Only whole ones.
    let ahead = start.align_offset(LARGE_PAGE);
    let length = bytes.saturating_sub(ahead) / LARGE_PAGE * LARGE_PAGE;
    if let Some(start) = NonNull::new(start.wrapping_add(ahead)).filter(|_| length > 0) {
        // See .cargo/config.toml: with musl the process begins without large pages.
        #[cfg(target_env = "musl")]
        let _ = nix::sys::prctl::set_thp_disable(false);
        // SAFETY: the advice changes neither the contents of the memory nor its owner.
        let advice = unsafe { madvise(start.cast(), length, MmapAdvise::MADV_HUGEPAGE) };
        // Without large pages it is only slower.
        let _ = advice;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pages_under_a_large_vector() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return; // this system has none
        }
        let vector = vector::<u64>(1 << 20);
        let middle = vector.as_ptr().addr() + (4 << 20);
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
        let flags = flags.expect("the area of the vector");
        assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}");
    }
}
