//! Waits for changes of the state file, for a moment, or for the clock to be set.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use pipeban::complain::Fault;
use pipeban::time::Time;

/// The reason why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Woken {
    /// The state file may have been changed, or replaced by another one.
    Changed,
    /// The clock was set.
    ClockSet,
    /// The moment or the end of the time that was given has come.
    Passed,
    /// Nobody reads standard output any more.
    ReaderGone,
}

/// The folder of a state file and its log, watched.
pub struct Watch {
    events: Inotify,
    timer: TimerFd,
    log: PathBuf,
}

impl Watch {
    /// Watches the log of this state file, to which each change is written, and the names in its
    /// folder.
    pub fn new(state: &Path) -> Result<Self, Fault> {
        let watch = || -> io::Result<Self> {
            // The log is beside the file itself, not beside a link to it.
            let state = state.canonicalize()?;
            let mut log = state.clone().into_os_string();
            log.push("-wal");
            let events = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            let names = AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_MOVED_TO;
            events.add_watch(state.parent().unwrap_or(Path::new("/")), names)?;
            let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
            Ok(Watch {
                events,
                timer: TimerFd::new(ClockId::CLOCK_REALTIME, flags)?,
                log: PathBuf::from(log),
            })
        };
        let watch = watch().map_err(|e| Fault::new(state.display(), e))?;
        watch.watch_log();
        Ok(watch)
    }

    /// Watches the log; to be called after another state file was opened. That it is missing is no
    /// error: its creation is seen.
    pub fn watch_log(&self) {
        let _ = self.events.add_watch(&self.log, AddWatchFlags::IN_MODIFY);
    }

    /// Waits until something happens, until the clock shows `moment`, or for this time.
    pub fn wait(&self, moment: Option<Time>, time: Duration) -> io::Result<Woken> {
        // Far away without a moment: the timer is set to learn that the clock was set.
        let moment = moment.unwrap_or(Time(i64::MAX)).0.max(1);
        let moment = TimeSpec::from_duration(Duration::from_micros(moment.unsigned_abs()));
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match self.timer.set(Expiration::OneShot(moment), flags) {
            Err(Errno::ECANCELED) => return Ok(Woken::ClockSet),
            set => set?,
        }
        let stdout = io::stdout();
        let mut fds = [
            PollFd::new(self.events.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
            PollFd::new(stdout.as_fd(), PollFlags::empty()),
        ];
        // Rounded up, so that the time has passed afterwards.
        let time = PollTimeout::try_from(time.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, time) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(e) => return Err(e.into()),
        }
        let [changed, passed, gone] = fds.map(|fd| fd.any() == Some(true));
        if gone {
            return Ok(Woken::ReaderGone);
        }
        if passed && self.timer.wait() == Err(Errno::ECANCELED) {
            return Ok(Woken::ClockSet);
        }
        if changed {
            // The contents do not matter.
            let _ = self.events.read_events();
            return Ok(Woken::Changed);
        }
        Ok(Woken::Passed)
    }
}
