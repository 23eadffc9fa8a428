//! When to stop: at a signal, or when nobody reads the output any more.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use pipeban::complain::Fault;
use pipeban::figures;

/// The signals that end a follower, after it has kept its position.
const ENDING: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

/// The ending signals, taken as events.
pub struct Stop {
    signals: SignalFd,
}

impl Stop {
    /// Blocks the signals for this thread and those that it starts.
    pub fn new() -> Result<Self, Fault> {
        let mask = SigSet::from_iter(ENDING);
        let make = || {
            mask.thread_block()?;
            SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        };
        let signals = make().map_err(|e: Errno| Fault::new("signals", e.desc()))?;
        Ok(Stop { signals })
    }

    /// Whether a signal has come.
    pub fn is_asked(&self) -> bool {
        let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// The signal that has come, if one has.
    pub fn asked(&self) -> Result<Option<Signal>, Fault> {
        let read = self
            .signals
            .read_signal()
            .map_err(|e| Fault::new("signals", e.desc()))?;
        Ok(read.and_then(|s| Signal::try_from(s.ssi_signo as i32).ok()))
    }

    /// Waits until one of `events` can be read, the time comes or a signal does. It is an error
    /// that the output's reader went away: a follower with nothing to write would never notice, and
    /// the rest of its pipeline would wait for ever.
    pub fn wait(
        &self,
        events: &[BorrowedFd],
        until: Option<Instant>,
    ) -> Result<Option<Signal>, Fault> {
        let timeout = until.map_or(PollTimeout::NONE, |t| {
            let left = t.saturating_duration_since(Instant::now());
            PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX)
        });
        let out = io::stdout();
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            // Without events to wait for, poll(2) tells only errors and a hang-up.
            PollFd::new(out.as_fd(), PollFlags::empty()),
        ];
        fds.extend(events.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        fds.extend(figures::asked().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(Fault::new("poll", e.desc())),
        }
        figures::tell();
        if fds[1].any().unwrap_or(false) {
            return Err(Fault::ReaderGone);
        }
        self.asked()
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

/// Ends this process by the signal, so that a shell sees the cause.
pub fn die(signal: Signal) -> ! {
    let _ = SigSet::from(signal).thread_unblock();
    let _ = raise(signal);
    // Only reached where the signal is ignored.
    std::process::exit(128 + signal as i32)
}
