//! inotify(7): which files were written to, and whether a name that matters means something else now.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use pipeban::complain::{self, Fault};

use crate::names::{self, Found};

/// What has happened since it was last asked.
#[derive(Default)]
pub struct News {
    pub written: Vec<WatchDescriptor>,
    /// Files of which a link was made or taken away.
    pub relinked: Vec<WatchDescriptor>,
    /// A name that was looked up may lead elsewhere now.
    pub names: bool,
    /// The kernel's queue was full: any file may have been written to.
    pub lost: bool,
}

pub struct Watch {
    inotify: Inotify,
    /// The directories in which names were looked up, and these names and patterns.
    directories: HashMap<WatchDescriptor, Vec<OsString>>,
    refused: Vec<PathBuf>,
}

impl Watch {
    pub fn new() -> Result<Self, Fault> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .map_err(|e| Fault::new("inotify", e.desc()))?;
        Ok(Watch {
            inotify,
            directories: HashMap::new(),
            refused: Vec::new(),
        })
    }

    /// Watches an open file; the same file always has the same descriptor.
    pub fn file(&self, file: &File) -> Result<WatchDescriptor, Errno> {
        // Through the open file: its name may lead to another one by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB;
        self.inotify.add_watch(path.as_str(), flags)
    }

    pub fn forget(&self, file: WatchDescriptor) {
        // The kernel may have removed it already.
        let _ = self.inotify.rm_watch(file);
    }

    /// Finds the files of all operands and watches every directory that was looked into on the way.
    pub fn find(&mut self, operands: &[PathBuf]) -> Vec<Found> {
        let old = std::mem::take(&mut self.directories);
        let mut found = Vec::new();
        for operand in operands {
            let mut before =
                |directory: &Path, name: &std::ffi::OsStr| self.directory(directory, name);
            found.extend(names::find(operand, &mut before));
        }
        for descriptor in old.keys() {
            if !self.directories.contains_key(descriptor) {
                self.forget(*descriptor);
            }
        }
        found
    }

    fn directory(&mut self, directory: &Path, name: &std::ffi::OsStr) {
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        match self.inotify.add_watch(directory, flags) {
            Ok(descriptor) => {
                let names = self.directories.entry(descriptor).or_default();
                if !names.iter().any(|n| n == name) {
                    names.push(name.into());
                }
            }
            // It has just gone, which its own directory tells.
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
    }

    /// What has happened; does not wait.
    pub fn news(&mut self) -> Result<News, Fault> {
        let mut news = News::default();
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(news),
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(Fault::new("inotify", e.desc())),
            };
            for event in events {
                let names = self.directories.get(&event.wd);
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    news.lost = true;
                    news.names = true;
                } else if let Some(names) = names {
                    // Without a name it is the directory itself that was moved or deleted.
                    let matters = event.name.is_none_or(|changed| {
                        let matches = |n: &OsString| {
                            *n == changed || names::matches(n.as_bytes(), changed.as_bytes())
                        };
                        names.iter().any(matches)
                    });
                    news.names |= matters;
                } else if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                    news.written.push(event.wd);
                } else if event.mask.contains(AddWatchFlags::IN_ATTRIB) {
                    news.relinked.push(event.wd);
                }
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
