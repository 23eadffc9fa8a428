//! New versions of files, noticed when they are complete (inotify(7)).

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// Watches the directories of files: so the events of all files of one name come in their order.
pub(super) struct Watch {
    inotify: Inotify,
    directories: HashMap<WatchDescriptor, PathBuf>,
    files: Vec<Watched>,
}

struct Watched {
    path: PathBuf,
    /// The device and number of the file that had this name last.
    identity: Option<(u64, u64)>,
    /// The directories in which it has a name: that of the path, and that behind symbolic links.
    names: Vec<(WatchDescriptor, OsString)>,
    /// Somebody writes it.
    writing: bool,
    /// There is a new version.
    due: bool,
}

impl Watch {
    /// Watches these files, which need not exist; their directories have to.
    pub(super) fn new(paths: &[PathBuf]) -> io::Result<Self> {
        let mut watch = Watch {
            inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?,
            directories: HashMap::new(),
            files: vec![],
        };
        for path in paths {
            let (names, identity) = watch.place(path)?;
            watch.files.push(Watched {
                path: path.clone(),
                identity,
                names,
                writing: false,
                due: false,
            });
        }
        Ok(watch)
    }

    /// Watches a file's directories; answers them with its names there, and its identity.
    #[allow(clippy::type_complexity)]
    fn place(
        &mut self,
        path: &Path,
    ) -> io::Result<(Vec<(WatchDescriptor, OsString)>, Option<(u64, u64)>)> {
        let mut names = Vec::new();
        for path in [Some(path.to_owned()), fs::canonicalize(path).ok()] {
            let Some(path) = path else { continue };
            let Some(name) = path.file_name() else {
                continue;
            };
            let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
            let directory = directory.unwrap_or(Path::new("."));
            let events = AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_CLOSE_WRITE;
            let number = self.inotify.add_watch(directory, events)?;
            self.directories.insert(number, directory.to_owned());
            names.push((number, name.to_owned()));
        }
        Ok((names, identity(path)))
    }

    /// The files, by their place, of which there is a new version that nobody is writing. Each is
    /// answered once.
    pub(super) fn changed(&mut self) -> Vec<usize> {
        self.look();
        let mut changed = Vec::new();
        for (i, file) in self.files.iter_mut().enumerate() {
            if file.due && !file.writing {
                file.due = false;
                changed.push(i);
            }
        }
        changed
    }

    /// Whether a file is still the version that was answered last.
    pub(super) fn is_same(&mut self, file: usize) -> bool {
        self.look();
        let file = &self.files[file];
        !file.due && !file.writing
    }

    /// Takes the present version of a file for the one that was answered last, unless somebody
    /// writes it.
    pub(super) fn forget(&mut self, file: usize) {
        self.files[file].due = false;
    }

    fn look(&mut self) {
        loop {
            match self.inotify.read_events() {
                Ok(events) => events.iter().for_each(|event| self.take(event)),
                Err(Errno::EINTR) => (),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, event: &InotifyEvent) {
        let overflow = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        let directory = self.directories.get(&event.wd).cloned();
        for i in 0..self.files.len() {
            let file = &mut self.files[i];
            if overflow {
                (file.due, file.writing) = (true, false);
                continue;
            }
            let (Some(directory), Some(name)) = (&directory, &event.name) else {
                continue;
            };
            let is_new = event.mask.contains(AddWatchFlags::IN_MOVED_TO);
            let is_made = event.mask.contains(AddWatchFlags::IN_CREATE);
            // One that is made as a file, and not by a link, is closed later.
            let by_link = || {
                fs::symlink_metadata(directory.join(name))
                    .is_ok_and(|m| !m.is_file() || m.nlink() > 1)
            };
            if file
                .names
                .iter()
                .any(|(wd, n)| *wd == event.wd && n == name)
            {
                if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                    file.writing = true;
                } else if event.mask.contains(AddWatchFlags::IN_CLOSE_WRITE) || is_new {
                    (file.due, file.writing) = (true, false);
                } else if is_made {
                    file.writing = !by_link();
                    file.due |= !file.writing;
                }
            } else if !(is_new || is_made && by_link()) {
                continue;
            } else if file.names.iter().any(|(wd, _)| *wd == event.wd) {
                // A link on the way to it may lead elsewhere now.
                let now = identity(&file.path);
                file.due |= now.is_some() && now != file.identity;
            }
            if file.due {
                let path = file.path.clone();
                if let Ok((names, identity)) = self.place(&path) {
                    let file = &mut self.files[i];
                    (file.names, file.identity) = (names, identity);
                }
            }
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}
