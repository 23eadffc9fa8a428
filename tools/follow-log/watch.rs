//! inotify(7): which files were written to, and whether a name that matters leads elsewhere now.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use pipeban::complain::{self, Fault};

use crate::names::{self, Before, Found};

/// linux/inotify.h: what is asked for comes on top of what is asked for already.
const MASK_ADD: AddWatchFlags = AddWatchFlags::from_bits_retain(0x2000_0000);

/// How often a queue is read before its news are acted upon: busy writers fill it as fast as it is emptied.
const AT_ONCE: usize = 16;

/// What has happened to files since it was last asked.
#[derive(Default)]
pub struct News {
    pub written: Vec<WatchDescriptor>,
    /// Files of which a link was made or taken away.
    pub relinked: Vec<WatchDescriptor>,
    /// The kernel's queue was full: any file may have been written to.
    pub lost: bool,
}

pub struct Watch {
    /// Told of names. They have a queue of their own, which writers can't fill up.
    names: Inotify,
    /// Told of writes to the files.
    files: Inotify,
    /// What leads to the files, and of directories in which names were looked up these names and patterns.
    directories: HashMap<WatchDescriptor, Vec<OsString>>,
    refused: Vec<PathBuf>,
}

impl Watch {
    pub fn new() -> Result<Self, Fault> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let queue = || Inotify::init(flags).map_err(fault);
        Ok(Watch {
            names: queue()?,
            files: queue()?,
            directories: HashMap::new(),
            refused: Vec::new(),
        })
    }

    /// Watches an open file; the same file always has the same descriptor.
    pub fn file(&self, file: &File) -> Result<WatchDescriptor, Errno> {
        // Through the open file: its name may lead to another one by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB;
        self.files.add_watch(path.as_str(), flags)
    }

    pub fn forget(&self, file: WatchDescriptor) {
        // The kernel may have removed it already.
        let _ = self.files.rm_watch(file);
    }

    /// Finds the files of all operands and watches every directory that was looked into on the way.
    pub fn find(&mut self, operands: &[PathBuf]) -> Vec<Found> {
        let old = std::mem::take(&mut self.directories);
        let mut found = Vec::new();
        for operand in operands {
            let mut before = |step: Before| match step {
                Before::Pass(path) => self.pass(path),
                Before::Look(directory, name) => self.look(directory, name),
            };
            found.extend(names::find(operand, &mut before));
        }
        for descriptor in old.keys() {
            if !self.directories.contains_key(descriptor) {
                let _ = self.names.rm_watch(*descriptor);
            }
        }
        found
    }

    /// Watches what is passed on the way to a name: whether it goes away.
    fn pass(&mut self, path: &Path) -> bool {
        let flags = AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_DONT_FOLLOW
            // It may be watched for names, too.
            | MASK_ADD;
        match self.names.add_watch(path, flags) {
            Ok(descriptor) => {
                self.directories.entry(descriptor).or_default();
                true
            }
            Err(_) => false,
        }
    }

    /// Watches a directory for a name or pattern.
    fn look(&mut self, directory: &Path, name: &OsStr) -> bool {
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR
            | MASK_ADD;
        match self.names.add_watch(directory, flags) {
            Ok(descriptor) => {
                let names = self.directories.entry(descriptor).or_default();
                if !names.iter().any(|n| n == name) {
                    names.push(name.into());
                }
                return true;
            }
            // It has just gone, which is told by what was passed before.
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(e) if !self.refused.iter().any(|d| d == directory) => {
                let what = format!(
                    "can't be watched, so a rotation may be missed: {}",
                    e.desc()
                );
                complain::error(directory.display(), what);
                self.refused.push(directory.into());
            }
            Err(_) => {}
        }
        false
    }

    /// Whether a name that was looked up may lead elsewhere now; does not wait.
    pub fn names_changed(&mut self) -> Result<bool, Fault> {
        let mut changed = false;
        for _ in 0..AT_ONCE {
            let events = some_events(&self.names)?;
            if events.is_empty() {
                break;
            }
            for event in events {
                let Some(names) = self.directories.get(&event.wd) else {
                    changed |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                    continue;
                };
                // Without a name it is the directory itself that was moved or deleted.
                changed |= event.name.is_none_or(|name| {
                    let matches =
                        |n: &OsString| *n == name || names::matches(n.as_bytes(), name.as_bytes());
                    names.iter().any(matches)
                });
            }
        }
        Ok(changed)
    }

    /// Which files have changed; does not wait.
    pub fn news(&mut self) -> Result<News, Fault> {
        let mut news = News::default();
        for _ in 0..AT_ONCE {
            let events = some_events(&self.files)?;
            if events.is_empty() {
                break;
            }
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    news.lost = true;
                } else if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                    news.written.push(event.wd);
                } else if event.mask.contains(AddWatchFlags::IN_ATTRIB) {
                    news.relinked.push(event.wd);
                }
            }
        }
        Ok(news)
    }

    /// What can be waited for: news of names, news of files.
    pub fn queues(&self) -> [BorrowedFd<'_>; 2] {
        [self.names.as_fd(), self.files.as_fd()]
    }
}

/// The next events of a queue; none if it is empty just now.
fn some_events(queue: &Inotify) -> Result<Vec<InotifyEvent>, Fault> {
    match queue.read_events() {
        Ok(events) => Ok(events),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(Vec::new()),
        Err(e) => Err(fault(e)),
    }
}

fn fault(e: Errno) -> Fault {
    Fault::new("inotify", e.desc())
}
