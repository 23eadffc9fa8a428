//! Whether a name that was looked up may lead elsewhere now.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, WatchDescriptor};
use nix::unistd::{AccessFlags, access};
use pipeban::complain::{self, Fault};

use crate::glob;
use crate::inotify::{EventQueue, MASK_ADD};
use crate::lookup::{self, Found, Refused, Step};

/// The events of names. Their queue is not that of the files, which writers can fill up.
pub struct NameEvents {
    queue: EventQueue,
    /// The paths that lead to the files; of directories the names and patterns looked up in them.
    watched: HashMap<WatchDescriptor, Vec<OsString>>,
    /// Directories that can't be watched, which was told.
    unwatched: Vec<PathBuf>,
    /// Of some directory no events come: the names must be looked up from time to time.
    pub blind: bool,
    /// A change of rights may matter: a name could not be opened.
    pub rights_matter: bool,
}

impl NameEvents {
    /// Watches no name yet.
    pub fn new() -> Result<Self, Fault> {
        Ok(NameEvents {
            queue: EventQueue::new()?,
            watched: HashMap::new(),
            unwatched: Vec::new(),
            blind: false,
            rights_matter: false,
        })
    }

    /// Finds the files of all operands and watches every directory that was looked into on the way.
    pub fn find(&mut self, operands: &[PathBuf]) -> (Vec<Found>, Vec<Refused>) {
        let old = std::mem::take(&mut self.watched);
        self.blind = false;
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        for operand in operands {
            let mut before = |step: Step| match step {
                Step::Pass(path) => self.watch_path(path),
                Step::LookUp(directory, name) => self.watch_name(directory, name),
            };
            let (mut some_found, mut some_refused) = lookup::find(operand, &mut before);
            if some_found.is_empty() {
                // The end of a directory is told late, when its last open file is closed: while a
                // name is missing each directory is looked up in the one above it.
                let mut before = |step: Step| match step {
                    Step::Pass(path) => {
                        if let (Some(above), Some(name)) = (path.parent(), path.file_name()) {
                            self.watch_name(above, name);
                        }
                        self.watch_path(path)
                    }
                    Step::LookUp(directory, name) => self.watch_name(directory, name),
                };
                (some_found, some_refused) = lookup::find(operand, &mut before);
            }
            found.extend(some_found);
            refused.extend(some_refused);
        }
        for descriptor in old.keys() {
            if !self.watched.contains_key(descriptor) {
                self.queue.forget(*descriptor);
            }
        }
        (found, refused)
    }

    /// Watches whether a directory or link on the way to a name goes away; true if it is there.
    fn watch_path(&mut self, path: &Path) -> bool {
        let flags = AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DONT_FOLLOW
            // It may be watched for names, too.
            | MASK_ADD;
        let Ok(descriptor) = self.queue.watch(path, flags) else {
            return false;
        };
        self.watched.entry(descriptor).or_default();
        true
    }

    /// Watches a directory for a name or pattern; true if it is there.
    fn watch_name(&mut self, directory: &Path, name: &OsStr) -> bool {
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_ONLYDIR
            | MASK_ADD;
        match self.queue.watch(directory, flags) {
            Ok(descriptor) => {
                let names = self.watched.entry(descriptor).or_default();
                if !names.iter().any(|n| n == name) {
                    names.push(name.into());
                }
                return true;
            }
            // It has just gone, of which the path passed before it tells.
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(e) => {
                self.blind = true;
                // One that can't be entered either is told with the name that is looked up.
                let entered = access(directory, AccessFlags::X_OK).is_ok();
                if entered && !self.unwatched.iter().any(|d| d == directory) {
                    let what = format!("can't be watched ({}); looked at each second", e.desc());
                    complain::note(directory.display(), what);
                    self.unwatched.push(directory.into());
                }
            }
        }
        false
    }

    /// Whether a name that was looked up may lead elsewhere now; does not wait.
    pub fn changed(&mut self) -> Result<bool, Fault> {
        let mut changed = false;
        for event in self.queue.read()? {
            let Some(names) = self.watched.get(&event.wd) else {
                changed |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                continue;
            };
            if event.mask.contains(AddWatchFlags::IN_ATTRIB) && !self.rights_matter {
                continue;
            }
            // Without a name it is the directory itself that was moved, deleted or opened up.
            changed |= event.name.is_none_or(|name| {
                let matches =
                    |n: &OsString| *n == name || glob::matches(n.as_bytes(), name.as_bytes());
                names.iter().any(matches)
            });
        }
        Ok(changed)
    }
}

impl AsFd for NameEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
