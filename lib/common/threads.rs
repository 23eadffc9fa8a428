//! The number of threads that a run may use.

use std::thread::available_parallelism;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Threads that are used unasked, at most: more would share the memory's bandwidth.
const MOST: usize = 16;

/// The addresses that a thread may use up, in bytes: its stack, its part of the heap, and two parts
/// of a file whose text waits.
const ADDRESSES: u64 = 128 << 20;

/// The greatest number of threads: `asked`, or that of the processors that the process may use, by
/// its affinity and its cgroup, and at most 16; under a limit of addresses (`ulimit -v`) as many as
/// fit.
pub fn most(asked: Option<u8>) -> usize {
    let processors = || available_parallelism().map_or(1, |n| n.get()).min(MOST);
    let fit = addresses().map_or(usize::MAX, |limit| (limit / ADDRESSES) as usize);
    asked.map_or_else(processors, usize::from).min(fit).max(1)
}

/// The limit of the process's addresses, in bytes; `None` without one.
pub fn addresses() -> Option<u64> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
    (limit != RLIM_INFINITY).then_some(limit)
}
