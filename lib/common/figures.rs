//! The figures of a running tool. On SIGUSR1 it prints them on standard error, as dd(1) does.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use memchr::memchr_iter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::complain;
use crate::time::{Recent, Time};

static SINCE: OnceLock<Time> = OnceLock::new();
static PRINTED: AtomicU64 = AtomicU64::new(0);
/// The time of the last line, in microseconds since 1970; 0 if there was none.
static LAST: AtomicI64 = AtomicI64::new(0);
/// Figures of one tool alone.
static OWN: Mutex<Vec<(&str, u64)>> = Mutex::new(Vec::new());
/// A number that changes with time alone, and its name.
static RECENT: OnceLock<(&str, Arc<Recent>)> = OnceLock::new();
static ASKED: OnceLock<Option<SignalFd>> = OnceLock::new();

/// Blocks SIGUSR1, so that it waits until the tool itself waits. To be called first in a process.
pub fn begin() {
    SINCE.get_or_init(Time::now);
    // Fails for an invalid set only.
    let _ = SigSet::from(Signal::SIGUSR1).thread_block();
}

/// Counts the lines among these bytes, which were written to standard output.
pub fn count(written: &[u8]) {
    let lines = memchr_iter(b'\n', written).count() as u64;
    if lines > 0 {
        PRINTED.fetch_add(lines, Relaxed);
        LAST.store(Time::now().micros(), Relaxed);
    }
}

/// The number of lines so far, and the time of the last one.
pub fn printed() -> (u64, Option<Time>) {
    let last = Some(LAST.load(Relaxed)).filter(|last| *last != 0);
    (PRINTED.load(Relaxed), last.map(Time))
}

/// Sets a figure of this tool alone, told behind the others as `name=value`.
pub fn tell_too(name: &'static str, value: u64) {
    let Ok(mut own) = OWN.lock() else { return };
    match own.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => own.push((name, value)),
    }
}

/// A number of recent events, told as of the moment of the question. To be called once.
pub fn tell_recent(name: &'static str, recent: Arc<Recent>) {
    // A second one is not told.
    let _ = RECENT.set((name, recent));
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
        let now = Time::now();
        let since = SINCE.get().copied().unwrap_or(now);
        let (printed, last) = printed();
        let idle = now.since(last.unwrap_or(since)).as_secs();
        let mut text = format!("printed={printed} since={since} idle={idle}");
        last.iter()
            .for_each(|last| text += &format!(" last={last}"));
        let own = OWN.lock().map(|own| own.clone()).unwrap_or_default();
        own.iter()
            .for_each(|(name, value)| text += &format!(" {name}={value}"));
        RECENT
            .get()
            .iter()
            .for_each(|(name, recent)| text += &format!(" {name}={}", recent.count(now)));
        complain::note("status", text);
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
