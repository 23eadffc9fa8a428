//! The journal of systemd: its files are found, read in the order of their entries, and followed
//! through their rotation.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::inotify::AddWatchFlags;
use pipeban::complain::{self, Fault, describe};
use pipeban::journal::append;
use pipeban::time::Time;
use pipeban_journal::{Entry, JournalFile, is_journal};

use crate::arguments::{Arguments, From};
use crate::inotify::EventQueue;
use crate::known_units::{tell_unknown, with_aliases};
use crate::open::open;
use crate::position::Id;
use crate::positions::{JournalPosition, Positions};
use crate::units::{chooser, names};

/// The journal's directories: the kept one and the one that lasts until the machine stops.
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// Directories and files that can't be read are tried again this often.
const RETRY: Duration = Duration::from_secs(1);

/// Lines are made until they have this size together, in bytes.
const PIECE: usize = 64 << 10;

/// A journal.
pub struct Journal {
    directories: Vec<PathBuf>,
    /// Files that are operands.
    operands: Vec<PathBuf>,
    /// Only this machine's entries.
    machine: Option<String>,
    units: Vec<String>,
    from: From,
    replay: Option<Duration>,
    prefix: bool,
    events: EventQueue,
    /// Files that are not read yet, with the time of their first entry.
    pending: Vec<(i64, Open)>,
    files: Vec<Open>,
    /// Files that were met.
    met: HashSet<Id>,
    refused: HashSet<PathBuf>,
    scanned: Instant,
    /// Positions that have moved since they were saved, by file.
    unsaved: HashMap<[u8; 16], JournalPosition>,
}

/// An open file.
struct Open {
    shown: PathBuf,
    file: JournalFile,
    entry: Entry,
    /// The entry is read and not printed.
    ready: bool,
}

impl Journal {
    /// The journal that the arguments ask for, if they do. Operands that are journal files are
    /// taken from `operands`.
    pub fn open(arguments: &Arguments, operands: &mut Vec<PathBuf>) -> Result<Option<Self>, Fault> {
        let mut files = Vec::new();
        operands.retain(|operand| {
            let journal = open(operand).and_then(|file| is_journal(&file));
            let journal = journal.unwrap_or(false);
            if journal {
                files.push(operand.clone());
            }
            !journal
        });
        let mut directories = Vec::new();
        let mut machine = None;
        let of_this_system = arguments.directory.is_none() && files.is_empty();
        if of_this_system {
            tell_unknown(&arguments.units);
        }
        if let Some(directory) = &arguments.directory {
            directories.push(directory.clone());
        } else if arguments.journal || !arguments.units.is_empty() && files.is_empty() {
            directories.extend(DIRECTORIES.map(PathBuf::from));
            machine = fs::read_to_string("/etc/machine-id").ok();
        }
        if directories.is_empty() && files.is_empty() {
            return Ok(None);
        }
        Ok(Some(Journal {
            directories,
            operands: files,
            machine: machine.map(|id| id.trim().into()),
            units: arguments.units.clone(),
            from: arguments.from(),
            replay: arguments.replay,
            prefix: arguments.prefix,
            events: EventQueue::new()?,
            pending: Vec::new(),
            files: Vec::new(),
            met: HashSet::new(),
            refused: HashSet::new(),
            scanned: Instant::now(),
            unsaved: HashMap::new(),
        }))
    }

    /// Finds the files for the first time, and tells where there are none.
    pub fn start(&mut self, positions: Option<&Positions>) -> Result<(), Fault> {
        let resumes = self.from == From::Resume;
        let kept = match positions.filter(|_| resumes) {
            Some(positions) => positions.load_journal(&self.name())?,
            None => HashMap::new(),
        };
        let last = kept.values().map(|position| position.received).max();
        let within = self.replay.map(|d| d.as_micros() as i64);
        // Without a position, and without a time to go back, all of it is wanted.
        let since = match (last, within) {
            (Some(last), within) => Some(last - within.unwrap_or(0)),
            (None, Some(within)) => Some(Time::now().micros() - within),
            (None, None) => None,
        };
        for (shown, file) in self.find() {
            let id = file.id();
            let own = kept.get(&id).map(|position| position.number);
            let mut file = file;
            let is_old = |number: u64, received: i64| match (self.from, since) {
                (From::End, _) => true,
                (From::Resume, Some(since)) if last.is_none() => received < since,
                (From::Resume, Some(since)) => {
                    let printed = own.is_some_and(|own| number <= own);
                    printed && (within.is_none() || received < since)
                }
                _ => false,
            };
            if let Err(e) = file.seek(is_old) {
                complain::error(shown.display(), describe(&e));
            }
            if file.number() > 0 {
                self.note(&file);
            }
            self.add(shown, file);
        }
        if self.met.is_empty() && self.refused.is_empty() {
            let places = self.directories.iter().chain(&self.operands);
            let places: Vec<_> = places.map(|p| p.display().to_string()).collect();
            complain::note(places.join(", "), "no journal there yet; waiting for it");
        }
        Ok(())
    }

    /// The name under which its positions are kept.
    fn name(&self) -> Vec<u8> {
        let places = self.directories.iter().chain(&self.operands);
        let places = places.map(|p| p.as_os_str().as_encoded_bytes().to_vec());
        let units = names(&self.units).into_iter().map(String::into_bytes);
        let words: Vec<_> = units.chain(places).collect();
        words.join(&0)
    }

    /// Keeps the position of a file.
    fn note(&mut self, file: &JournalFile) {
        let position = JournalPosition {
            number: file.number(),
            received: file.received(),
        };
        self.unsaved.insert(file.id(), position);
    }

    fn add(&mut self, shown: PathBuf, file: JournalFile) {
        let head = file.begins_at();
        let open = Open {
            shown,
            file,
            entry: Entry::default(),
            ready: false,
        };
        self.pending.push((head, open));
        self.pending.sort_by_key(|(head, _)| *head);
    }

    /// The number of its files that were met.
    pub fn files(&self) -> usize {
        self.met.len()
    }

    /// Takes notice of new files and entries. Every file is asked: journald(8) writes through a
    /// mapping, and tells of it by one event for the directory.
    pub fn take_events(&mut self) -> Result<(), Fault> {
        let events = self.events.read()?;
        let retry = self.retry_at().is_some_and(|at| at <= Instant::now());
        if events.is_empty() && !retry {
            return Ok(());
        }
        let new = |mask: AddWatchFlags| !mask.contains(AddWatchFlags::IN_MODIFY);
        if retry || events.iter().any(|event| new(event.mask)) {
            for (shown, file) in self.find() {
                self.add(shown, file);
            }
        }
        for open in &mut self.files {
            if let Err(e) = open.file.refresh() {
                complain::error(open.shown.display(), describe(&e));
            }
        }
        Ok(())
    }

    /// When files that can't be read are tried again.
    pub fn retry_at(&self) -> Option<Instant> {
        let blind = !self.refused.is_empty() || self.met.is_empty();
        blind.then(|| self.scanned + RETRY)
    }

    /// Opens the files that were not met before, and watches their directories.
    fn find(&mut self) -> Vec<(PathBuf, JournalFile)> {
        self.scanned = Instant::now();
        let mut paths = self.operands.clone();
        let mut refused = Vec::new();
        for operand in &self.operands {
            let directory = operand.parent().filter(|d| !d.as_os_str().is_empty());
            self.watch(directory.unwrap_or(Path::new(".")));
        }
        for directory in self.directories.clone() {
            self.watch(&directory);
            for machine in self.machines(&directory, &mut refused) {
                self.watch(&machine);
                match list(&machine) {
                    Ok(files) => paths.extend(files.into_iter().filter(|p| is_name(p))),
                    Err(e) => refused.push((machine, e)),
                }
            }
        }
        let mut found = Vec::new();
        for path in paths {
            match self.open_new(&path) {
                Ok(file) => found.extend(file.map(|file| (path, file))),
                Err(e) => refused.push((path, e)),
            }
        }
        // Gone since it was listed, or a directory that is not there yet.
        refused.retain(|(_, e)| e.kind() != io::ErrorKind::NotFound);
        for (path, e) in &refused {
            // A file that was just made has no header yet.
            let new = e.kind() == io::ErrorKind::UnexpectedEof;
            if !new && !self.refused.contains(path) {
                complain::error(path.display(), describe(e));
            }
        }
        self.refused = refused.into_iter().map(|(path, _)| path).collect();
        found
    }

    /// The directories that may hold files: this one, and those of the machines in it.
    fn machines(&self, directory: &Path, refused: &mut Vec<(PathBuf, io::Error)>) -> Vec<PathBuf> {
        let mut machines = vec![directory.to_owned()];
        match list(directory) {
            Ok(entries) => machines.extend(entries.into_iter().filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let own = self.machine.as_ref().is_none_or(|id| *id == *name);
                own && name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())
            })),
            Err(e) => refused.push((directory.to_owned(), e)),
        }
        machines
    }

    fn watch(&self, directory: &Path) {
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_ONLYDIR;
        // One that is not there yet is looked for while there is no file at all.
        let _ = self.events.watch(directory, flags);
    }

    /// Opens a file; `None` if it was met before.
    fn open_new(&mut self, path: &Path) -> io::Result<Option<JournalFile>> {
        let file: File = open(path)?;
        let id = Id::from(&file.metadata()?);
        if self.met.contains(&id) {
            return Ok(None);
        }
        let file = JournalFile::open(file, chooser(with_aliases(&self.units)))?;
        self.met.insert(id);
        Ok(Some(file))
    }

    /// Appends lines of the entries that are not printed yet, in the order in which they were
    /// received; true if there may be more.
    pub fn read(&mut self, out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        while out.len() - begin < PIECE {
            self.files.iter_mut().for_each(Open::prepare);
            let ready = self.files.iter().enumerate().filter(|(_, f)| f.ready);
            let first = ready.min_by_key(|(_, f)| f.entry.received);
            let first = first.map(|(index, f)| (index, f.entry.received));
            // A file is opened when its first entry may be the next one.
            let head = self.pending.first().map(|(head, _)| *head);
            if let Some(head) = head
                && first.is_none_or(|(_, received)| head <= received)
            {
                let (_, open) = self.pending.remove(0);
                self.files.push(open);
                continue;
            }
            let Some((index, _)) = first else {
                self.end_of_files();
                return false;
            };
            let open = &mut self.files[index];
            if self.prefix {
                out.extend_from_slice(b"journal\t");
            }
            append(&open.entry, out);
            open.ready = false;
            let position = JournalPosition {
                number: open.entry.number,
                received: open.entry.received,
            };
            self.unsaved.insert(open.file.id(), position);
        }
        true
    }

    /// All entries are read: notes it, and closes the files that will have no more.
    fn end_of_files(&mut self) {
        let files = std::mem::take(&mut self.files);
        for open in files {
            if open.file.number() > 0 {
                let position = JournalPosition {
                    number: open.file.number(),
                    received: open.file.received(),
                };
                self.unsaved.insert(open.file.id(), position);
            }
            if !open.file.is_archived() {
                self.files.push(open);
            }
        }
    }

    /// The positions that have moved, and the name under which they are kept.
    pub fn unsaved(&self) -> (Vec<u8>, HashMap<[u8; 16], JournalPosition>) {
        (self.name(), self.unsaved.clone())
    }

    /// Whether a position has moved since it was saved.
    pub fn is_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// All positions are saved.
    pub fn set_saved(&mut self) {
        self.unsaved.clear();
    }
}

impl AsFd for Journal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

impl Open {
    /// Reads the next entry, unless one is read and not printed.
    fn prepare(&mut self) {
        while !self.ready {
            match self.file.next(&mut self.entry) {
                Ok(true) => self.ready = true,
                Ok(false) => break,
                Err(e) => complain::bad_line(self.shown.display(), describe(&e)),
            }
        }
    }
}

/// The paths in a directory, sorted.
fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = fs::read_dir(directory)?
        .flatten()
        .map(|e| e.path())
        .collect();
    paths.sort();
    Ok(paths)
}

/// Whether a file's name is that of a journal file, or of one that was not closed well.
fn is_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".journal") || name.ends_with(b".journal~")
}
