//! Detaches a process that goes on after the one that started it.

use std::fs::read_dir;

use nix::unistd::{close, setsid};

/// Leaves the session, and closes all open files but the standard three, also those that our parent
/// inherited.
///
/// To be called before anything is opened. Afterwards the end of a terminal does not reach this
/// process, and neither a shell nor ssh, cron or swatch waits for it.
pub fn detach() {
    // It fails for the leader of a process group, which a new child is not.
    let _ = setsid();
    let open = read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|n| *n > 2) {
        // One of them belonged to the directory and is closed by now.
        let _ = close(number);
    }
}
