//! A queue of the kernel's events, as in inotify(7).

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use pipeban::complain::Fault;

/// How often a queue is read before its events are acted upon: busy writers fill it as fast as it
/// is emptied.
const READS: usize = 16;

/// linux/inotify.h: adds to the events that are asked for already.
pub const MASK_ADD: AddWatchFlags = AddWatchFlags::from_bits_retain(0x2000_0000);

/// A queue of events that is read without waiting.
pub struct EventQueue(Inotify);

impl EventQueue {
    /// Opens an empty queue.
    pub fn new() -> Result<Self, Fault> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Inotify::init(flags).map(EventQueue).map_err(fault)
    }

    /// Asks for events of `path`; the same file always has the same descriptor.
    pub fn watch<P: ?Sized + nix::NixPath>(
        &self,
        path: &P,
        flags: AddWatchFlags,
    ) -> Result<WatchDescriptor, Errno> {
        self.0.add_watch(path, flags)
    }

    /// Asks for events no longer.
    pub fn forget(&self, watched: WatchDescriptor) {
        // The kernel may have removed it already.
        let _ = self.0.rm_watch(watched);
    }

    /// The events that have come; more may stand in the queue, which then can be read.
    pub fn read(&self) -> Result<Vec<InotifyEvent>, Fault> {
        let mut events = Vec::new();
        for _ in 0..READS {
            match self.0.read_events() {
                Ok(some) => events.extend(some),
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                Err(e) => return Err(fault(e)),
            }
        }
        Ok(events)
    }
}

impl AsFd for EventQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn fault(e: Errno) -> Fault {
    Fault::new("inotify", e.desc())
}
