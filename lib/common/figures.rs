//! The figures of a running tool. On SIGUSR1 it prints them on standard error, as dd(1) does.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use memchr::memchr_iter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::complain;
use crate::time::Time;

static SINCE: OnceLock<Time> = OnceLock::new();
static PRINTED: AtomicU64 = AtomicU64::new(0);
static ASKED: OnceLock<Option<SignalFd>> = OnceLock::new();

/// Blocks SIGUSR1, so that it waits until the tool itself waits. To be called first in a process.
pub fn begin() {
    SINCE.get_or_init(Time::now);
    // Fails for an invalid set only.
    let _ = SigSet::from(Signal::SIGUSR1).thread_block();
}

/// Counts the lines among these bytes, which were written to standard output.
pub fn count(written: &[u8]) {
    PRINTED.fetch_add(memchr_iter(b'\n', written).count() as u64, Relaxed);
}

/// A descriptor that can be read when somebody asked for the figures; then call [`tell`]. `None`
/// where the kernel refuses one.
pub fn asked() -> Option<BorrowedFd<'static>> {
    signal().map(SignalFd::as_fd)
}

fn signal() -> Option<&'static SignalFd> {
    let made = ASKED.get_or_init(|| {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&SigSet::from(Signal::SIGUSR1), flags).ok()
    });
    made.as_ref()
}

/// Prints the figures if somebody asked for them.
pub fn tell() {
    if let Some(Ok(Some(_))) = signal().map(SignalFd::read_signal) {
        let since = SINCE.get().copied().unwrap_or_else(Time::now);
        let printed = PRINTED.load(Relaxed);
        complain::note("status", format_args!("printed={printed} since={since}"));
    }
}

/// Waits until `file` can be read, or has an error that the read will tell; `false` when the
/// deadline comes first. Meanwhile it answers SIGUSR1.
pub fn wait(file: BorrowedFd, deadline: Option<Instant>) -> bool {
    loop {
        let timeout = deadline.map_or(PollTimeout::NONE, |d| {
            let left = d.saturating_duration_since(Instant::now()).as_millis() + 1;
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = vec![PollFd::new(file, PollFlags::POLLIN)];
        fds.extend(asked().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let ready = poll(&mut fds, timeout);
        tell();
        match ready {
            Ok(0) if deadline.is_some_and(|d| Instant::now() >= d) => return false,
            Ok(0) => {}
            _ if fds[0].any() == Some(false) => {}
            _ => return true,
        }
    }
}
