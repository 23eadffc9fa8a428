//! The files that are followed, and the order in which they are read.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::inotify::WatchDescriptor;
use pipeban::complain::{self, Fault, describe};

use crate::file_events::FileEvents;
use crate::filesystem::{self, Events};
use crate::lines::Lines;
use crate::lookup::Found;
use crate::polling::Polling;
use crate::position::Id;
use crate::rest::Rest;
use crate::rotated::Content;
use crate::source::{Source, Standing};

/// A deleted file is let go when it was silent for this long: by then its writers have opened the
/// new one, and its space on the disk is free again.
const LINGER: Duration = Duration::from_secs(60);

/// A half line at the end of a rotated file is a line when the file was silent for this long.
const SILENCE: Duration = Duration::from_secs(1);

/// The number of rotated files of one log that are read on, for writers that were not told.
const ROTATED: usize = 8;

/// Names a followed file for as long as it is followed; the greater began later.
pub type Key = u64;

/// A file that is to be read.
pub enum Job {
    /// A followed file.
    Source(Key),
    /// A file that nobody writes to.
    Rest(Rest),
}

/// The followed files and those that are to be read.
pub struct Queue {
    /// Tells which files were written to.
    pub events: FileEvents,
    sources: HashMap<Key, Source>,
    watched: HashMap<WatchDescriptor, Key>,
    ids: HashMap<Id, Key>,
    names: HashMap<PathBuf, BTreeSet<Key>>,
    jobs: VecDeque<Job>,
    last: Key,
    /// Files that are read from time to time.
    pub polling: Polling,
    /// A file can't be watched, which was told.
    refused: bool,
    prefix: bool,
}

impl Queue {
    /// An empty queue, whose files have keys greater than `last`. `prefix`: their lines begin with
    /// their names.
    pub fn new(last: Key, prefix: bool) -> Result<Self, Fault> {
        Ok(Queue {
            events: FileEvents::new()?,
            sources: HashMap::new(),
            watched: HashMap::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
            jobs: VecDeque::new(),
            last,
            polling: Polling::default(),
            refused: false,
            prefix,
        })
    }

    /// The file of this key, as long as it is followed.
    pub fn get(&mut self, key: Key) -> Option<&mut Source> {
        self.sources.get_mut(&key)
    }

    /// All followed files.
    pub fn sources(&mut self) -> impl Iterator<Item = &mut Source> {
        self.sources.values_mut()
    }

    /// The key of a file that is followed already.
    pub fn key_of(&self, id: Id) -> Option<Key> {
        self.ids.get(&id).copied()
    }

    /// The file that had this name last.
    pub fn newest(&self, shown: &Path) -> Option<Key> {
        self.names.get(shown)?.last().copied()
    }

    /// All files that have, or had, one of these names.
    pub fn of_names<'a>(&'a self, names: &'a [PathBuf]) -> impl Iterator<Item = &'a Source> {
        let keys = names.iter().filter_map(|name| self.names.get(name));
        keys.flatten().filter_map(|key| self.sources.get(key))
    }

    /// Reads a file only when it has shown that it is no copy of one of these logs.
    pub fn doubt(&mut self, key: Key, logs: Vec<PathBuf>) {
        if let Some(source) = self.sources.get_mut(&key) {
            source.standing = Standing::Undecided(logs);
        }
    }

    /// Follows a file from `offset` and queues it.
    pub fn follow(&mut self, file: File, found: &Found, offset: u64) -> Result<Key, Fault> {
        let fault = |e: String| Fault::new(found.shown.display(), e);
        // Watched before it is read: a line that is written in between is then told.
        let watched = self.events.watch(&file);
        let events = match watched {
            Ok(_) => filesystem::events(&file),
            Err(_) => Events::Unknown,
        };
        self.last += 1;
        let lines = Lines::new(&found.shown, self.prefix);
        let names = (found.shown.clone(), found.real.clone());
        let source = Source::new(file, names, offset, self.last, lines);
        let source = source.map_err(|e| fault(describe(&e)))?;
        match watched {
            Ok(watched) => _ = self.watched.insert(watched, self.last),
            Err(e) if !std::mem::replace(&mut self.refused, true) => {
                let what = format!("{}; looked at each second", watch_words(e));
                complain::note(found.shown.display(), what);
            }
            Err(_) => {}
        }
        let device = source.id.dev;
        self.polling.add(self.last, events, device, &found.shown);
        self.ids.insert(source.id, self.last);
        let same = self.names.entry(found.shown.clone()).or_default();
        same.insert(self.last);
        self.sources.insert(self.last, source);
        self.queue(self.last);
        Ok(self.last)
    }

    /// Follows a rotated file of `found`, or reads it to its end where it is compressed.
    pub fn follow_rotated(
        &mut self,
        content: io::Result<Content>,
        found: &Found,
    ) -> Result<(), Fault> {
        let fault = |e| Fault::new(found.shown.display(), describe(&e));
        match content.map_err(fault)? {
            Content::Plain(mut file) => {
                let id = Id::from(&file.metadata().map_err(fault)?);
                let offset = file.stream_position().map_err(fault)?;
                // A file that was found by its own name may be a copy of the log.
                let known = self.key_of(id);
                let copy = known.filter(|key| self.is_copy(*key));
                if let Some(copy) = copy {
                    self.let_go(copy, &mut Vec::new());
                }
                if known.is_none() || copy.is_some() {
                    let key = self.follow(file, found, offset)?;
                    self.retire(key);
                }
            }
            packed => self.read_last(&found.shown, packed),
        }
        Ok(())
    }

    /// Whether a file is, or may be, the copy of a log.
    pub fn is_copy(&self, key: Key) -> bool {
        let source = self.sources.get(&key);
        source.is_some_and(|s| !matches!(s.standing, Standing::Log))
    }

    /// Notes that a file's name leads elsewhere. It is read on, before its successor.
    pub fn retire(&mut self, key: Key) {
        if let Some(source) = self.sources.get_mut(&key) {
            source.retired = true;
            source.check_links();
            self.queue(key);
        }
    }

    /// Queues a followed file behind the others, unless it is queued already.
    pub fn queue(&mut self, key: Key) {
        if let Some(source) = self.sources.get_mut(&key)
            && !std::mem::replace(&mut source.queued, true)
        {
            self.jobs.push_back(Job::Source(key));
        }
    }

    /// Queues a followed file before the others.
    pub fn queue_first(&mut self, key: Key) {
        if let Some(source) = self.sources.get_mut(&key) {
            source.queued = true;
            self.jobs.push_front(Job::Source(key));
        }
    }

    /// Queues all followed files.
    pub fn queue_all(&mut self) {
        let all: Vec<_> = self.sources.keys().copied().collect();
        all.into_iter().for_each(|key| self.queue(key));
    }

    /// Queues the files that were written to, and notes which have lost their last name.
    pub fn take_events(&mut self) -> Result<(), Fault> {
        let changes = self.events.changes()?;
        if changes.lost {
            self.queue_all();
        }
        for watched in changes.written {
            if let Some(key) = self.watched.get(&watched).copied() {
                self.polling.has_events(key);
                self.queue(key);
            }
        }
        for watched in changes.closed {
            if let Some(key) = self.watched.get(&watched).copied() {
                let search = self.get(key).and_then(|source| source.search.as_mut());
                search.into_iter().for_each(|search| search.closed = true);
                self.queue(key);
            }
        }
        for watched in changes.relinked {
            let source = self.watched.get(&watched);
            if let Some(source) = source.and_then(|key| self.sources.get_mut(key)) {
                source.check_links();
            }
        }
        Ok(())
    }

    /// Asks for the moment when the writer of a file closes it.
    pub fn watch_closing(&self, key: Key) {
        if let Some(source) = self.sources.get(&key) {
            self.events.watch_closing(&source.file);
        }
    }

    /// Queues the files that have waited long enough for a writer to close them, and tells when the
    /// next will have.
    pub fn wait_for_writers(&mut self, now: Instant) -> Option<Instant> {
        let waiting = self.sources.iter();
        let waiting = waiting.filter_map(|(key, s)| Some((*key, s.search.as_ref()?.until?)));
        let (due, later): (Vec<_>, Vec<_>) = waiting.partition(|(_, until)| *until <= now);
        due.into_iter().for_each(|(key, _)| self.queue(key));
        later.into_iter().map(|(_, until)| until).min()
    }

    /// Queues the files without events when it is time, and tells when it will be again.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        let (due, next) = self.polling.is_due(now);
        if due {
            for key in self.polling.numbers() {
                if let Some(source) = self.sources.get(&key) {
                    let grown = source.has_grown();
                    self.polling.note_growth(key, grown, &source.shown);
                }
                self.queue(key);
            }
        }
        next
    }

    /// Takes half lines for lines at the end of rotated files that were silent, and tells when the
    /// next will have been.
    pub fn finish_rotated(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        let mut next = None;
        for (key, source) in &mut self.sources {
            let newest = self.names.get(&source.shown).and_then(BTreeSet::last);
            if !source.retired || !source.lines.has_half() || newest == Some(key) {
                continue;
            }
            let due = source.last_read + SILENCE;
            if due <= now {
                source.finish(out);
            } else {
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
            }
        }
        next
    }

    /// Queues the text of an old file of `shown` behind the others.
    pub fn read_last(&mut self, shown: &Path, content: Content) {
        let job = self.rest(shown, content);
        self.jobs.extend(job);
    }

    /// Queues old files of `shown`, given in their order, before the others.
    pub fn read_first(&mut self, shown: &Path, contents: Vec<Content>) {
        for content in contents.into_iter().rev() {
            if let Some(job) = self.rest(shown, content) {
                self.jobs.push_front(job);
            }
        }
    }

    fn rest(&self, shown: &Path, content: Content) -> Option<Job> {
        match content.stream() {
            Ok(reader) => Some(Job::Rest(Rest {
                reader,
                shown: shown.into(),
                lines: Lines::new(shown, self.prefix),
            })),
            Err(e) => {
                complain::error(shown.display(), describe(&e));
                None
            }
        }
    }

    /// Takes the first job.
    pub fn next(&mut self) -> Option<Job> {
        self.jobs.pop_front()
    }

    /// Puts a job back before the others.
    pub fn put_back(&mut self, job: Rest) {
        self.jobs.push_front(Job::Rest(job));
    }

    /// Whether nothing is to be read.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether the text of old files is still to be read.
    pub fn has_rests(&self) -> bool {
        self.jobs.iter().any(|job| matches!(job, Job::Rest(_)))
    }

    /// The rotated files that will not be followed for ever, and when each is let go.
    pub fn leaving(&self) -> Vec<(Key, Instant)> {
        let mut retired: Vec<_> = self.sources.iter().filter(|(_, s)| s.retired).collect();
        retired.sort_by(|(a, x), (b, y)| (&x.shown, *b).cmp(&(&y.shown, *a)));
        let names = retired.chunk_by(|(_, x), (_, y)| x.shown == y.shown);
        let ranked = names.flat_map(|files| files.iter().enumerate());
        ranked
            .filter(|(newer, (_, source))| source.unlinked || *newer >= ROTATED)
            .map(|(_, (key, source))| (**key, source.last_read + LINGER))
            .collect()
    }

    /// Lets go of one file and returns its name and identity. A half line at its end is a line.
    pub fn let_go(&mut self, key: Key, out: &mut Vec<u8>) -> Option<(PathBuf, Id)> {
        let mut source = self.sources.remove(&key)?;
        source.finish(out);
        self.polling.remove(key);
        if let Some((watched, _)) = self.watched.iter().find(|(_, k)| **k == key) {
            let watched = *watched;
            self.events.forget(watched);
            self.watched.remove(&watched);
        }
        self.ids.remove(&source.id);
        if let Some(same) = self.names.get_mut(&source.shown) {
            same.remove(&key);
        }
        Some((source.shown, source.id))
    }
}

fn watch_words(e: Errno) -> String {
    match e {
        // inotify(7): the limit on watches is told by this error.
        Errno::ENOSPC => "too many files are watched; see fs.inotify.max_user_watches".into(),
        e => format!("can't be watched: {}", e.desc()),
    }
}
