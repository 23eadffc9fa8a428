//! Which of the followed files were written to.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, WatchDescriptor};
use pipeban::complain::Fault;

use crate::inotify::{EventQueue, MASK_ADD};

/// The changes of files since they were last asked for.
#[derive(Default)]
pub struct Changes {
    /// Files that were written to.
    pub written: Vec<WatchDescriptor>,
    /// Files that a writer has closed.
    pub closed: Vec<WatchDescriptor>,
    /// Files of which a link was made or taken away.
    pub relinked: Vec<WatchDescriptor>,
    /// The kernel's queue was full: any file may have been written to.
    pub lost: bool,
}

/// The events of the followed files.
pub struct FileEvents(EventQueue);

impl FileEvents {
    /// Watches no file yet.
    pub fn new() -> Result<Self, Fault> {
        EventQueue::new().map(FileEvents)
    }

    /// Watches an open file; the same file always has the same descriptor.
    pub fn watch(&self, file: &File) -> Result<WatchDescriptor, Errno> {
        // Through the open file: its name may lead to another one by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB;
        self.0.watch(path.as_str(), flags)
    }

    /// Asks in addition for the moment when a writer closes the file.
    pub fn watch_closing(&self, file: &File) {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = AddWatchFlags::IN_CLOSE_WRITE | MASK_ADD;
        // Without it the file waits a little longer.
        let _ = self.0.watch(path.as_str(), flags);
    }

    /// Watches this file no longer.
    pub fn forget(&self, file: WatchDescriptor) {
        self.0.forget(file);
    }

    /// The changes so far; does not wait.
    pub fn changes(&self) -> Result<Changes, Fault> {
        let mut changes = Changes::default();
        for event in self.0.read()? {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                changes.lost = true;
            } else if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                changes.written.push(event.wd);
            } else if event.mask.contains(AddWatchFlags::IN_CLOSE_WRITE) {
                changes.closed.push(event.wd);
            } else if event.mask.contains(AddWatchFlags::IN_ATTRIB) {
                changes.relinked.push(event.wd);
            }
        }
        Ok(changes)
    }
}

impl AsFd for FileEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
