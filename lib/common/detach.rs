//! What a process does that goes on after the one that started it.

use std::fs::read_dir;

use nix::unistd::{close, setsid};

/// Leaves the session, and closes all open files but the standard three, also those that our parent was handed itself.
///
/// To be called before anything is opened. Then no terminal's end reaches us, and neither a shell nor ssh, cron or
/// swatch waits for us.
pub fn detach() {
    // It fails for the leader of a process group, which a child just started is not.
    let _ = setsid();
    let open = read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|n| *n > 2) {
        // One of them was the directory's own and is closed by now.
        let _ = close(number);
    }
}
