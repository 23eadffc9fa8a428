//! The follower: in what order files are read, and when to wait.

mod look;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::inotify::WatchDescriptor;
use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;

use crate::lines::Lines;
use crate::mark::{Id, Print};
use crate::past::{self, Content, Old};
use crate::position::Positions;
use crate::source::{self, Past, Progress, Source};
use crate::stop::{self, Stop};
use crate::watch::Watch;
use crate::{Arguments, From};

/// Positions are written when this has passed since they moved: a burst pays once, and a killed
/// follower repeats at most the lines of this time.
const SAVE: Duration = Duration::from_millis(20);

/// A deleted file is let go when it was silent for this long: by then its writers have opened the new
/// one, and its space on the disk is free again.
const LINGER: Duration = Duration::from_secs(60);

/// Of each name, so many rotated files that still exist are read on, for writers that were not told.
const OLD_LOGS: usize = 8;

/// Output is handed on when it has grown to this size, in bytes.
const ENOUGH: usize = 64 << 10;

pub struct Follower {
    operands: Vec<PathBuf>,
    from: From,
    once: bool,
    prefix: bool,
    replay: Option<Duration>,
    watch: Watch,
    stop: Stop,
    positions: Option<Positions>,
    sources: HashMap<WatchDescriptor, Source>,
    ids: HashMap<Id, WatchDescriptor>,
    /// The file that each name leads to.
    current: HashMap<PathBuf, WatchDescriptor>,
    /// Names whose first file has been met.
    known: HashSet<PathBuf>,
    complained: HashSet<PathBuf>,
    jobs: VecDeque<Job>,
    starting: bool,
    number: u64,
    /// When positions that have moved are to be written: not at once, when the lines themselves are on their way.
    save_at: Option<Instant>,
    buffer: Box<[u8]>,
    output: Output,
    /// Whether a line was printed.
    pub done: bool,
}

/// What is to be read; in the order of the queue.
enum Job {
    Source(WatchDescriptor),
    Past(Past),
}

impl Follower {
    pub fn new(
        arguments: Arguments,
        stop: Stop,
        positions: Option<Positions>,
    ) -> Result<Self, Fault> {
        let number = positions.as_ref().map_or(Ok(0), Positions::last_number)?;
        Ok(Follower {
            operands: arguments.files,
            from: arguments.from,
            once: arguments.once,
            prefix: arguments.prefix,
            replay: arguments.replay,
            watch: Watch::new()?,
            stop,
            positions,
            sources: HashMap::new(),
            ids: HashMap::new(),
            current: HashMap::new(),
            known: HashSet::new(),
            complained: HashSet::new(),
            jobs: VecDeque::new(),
            starting: true,
            number,
            save_at: None,
            buffer: source::buffer(),
            output: Output::new(false),
            done: false,
        })
    }

    /// Follows until a signal or the reader's end; with `--once`, until all is read.
    pub fn run(&mut self) -> Result<(), Fault> {
        self.look()?;
        self.starting = false;
        self.missing();
        loop {
            self.read_all()?;
            self.flush()?;
            if !self.jobs.is_empty() {
                continue;
            }
            if self.once {
                return self.finish();
            }
            let wake = self.next_wake()?;
            match self.stop.wait(self.watch.queues(), wake) {
                Ok(None) => self.hear()?,
                Ok(Some(signal)) => {
                    self.save_last();
                    stop::die(signal);
                }
                Err(fault) => {
                    self.save_last();
                    return Err(fault);
                }
            }
        }
    }

    /// Reads everything that is queued.
    fn read_all(&mut self) -> Result<(), Fault> {
        while let Some(job) = self.jobs.pop_front() {
            match job {
                Job::Source(key) => {
                    if !self.prove(key).unwrap_or(true) {
                        continue;
                    }
                    let out = self.output.buffer();
                    let Some(source) = self.sources.get_mut(&key) else {
                        continue;
                    };
                    source.queued = false;
                    match source.read(&mut self.buffer, out) {
                        Ok(Progress::End) => {}
                        // A log waits for its rotated ones, and gives way to other logs.
                        Ok(Progress::More) if source.retired => self.queue_first(key),
                        Ok(Progress::More) => self.queue(key),
                        Ok(Progress::Replaced) => self.replaced(key),
                        Err(e) => complain::error(source.shown.display(), describe(&e)),
                    }
                }
                Job::Past(mut past) => match past.read(&mut self.buffer, self.output.buffer()) {
                    Ok(Progress::More) => self.jobs.push_front(Job::Past(past)),
                    Ok(_) => {}
                    Err(e) => complain::error(past.shown.display(), describe(&e)),
                },
            }
            // A new file must be opened before it can be deleted, however much there is to read.
            self.look_again()?;
            if self.output.buffer().len() >= ENOUGH {
                self.flush()?;
                self.save_in_time(Instant::now());
            }
        }
        Ok(())
    }

    /// Writes out all lines. While the reader takes none, new files are still opened before they can be deleted.
    fn flush(&mut self) -> Result<(), Fault> {
        self.done |= !self.output.buffer().is_empty();
        loop {
            let [names, _] = self.watch.queues();
            if self.output.flush_beside(&[names, self.stop.as_fd()])? {
                return Ok(());
            }
            if let Some(signal) = self.stop.asked()? {
                // What is not written out is not kept as read either.
                stop::die(signal);
            }
            self.look_again()?;
        }
    }

    /// Takes the kernel's news and queues what is to be read.
    fn hear(&mut self) -> Result<(), Fault> {
        self.look_again()?;
        let news = self.watch.news()?;
        for key in news.written {
            self.queue(key);
        }
        for key in news.relinked {
            if let Some(source) = self.sources.get_mut(&key) {
                source.check_links();
            }
        }
        if news.lost {
            let all: Vec<_> = self.sources.keys().copied().collect();
            all.into_iter().for_each(|key| self.queue(key));
        }
        Ok(())
    }

    /// Looks up the names again if they may lead elsewhere.
    fn look_again(&mut self) -> Result<(), Fault> {
        if self.watch.names_changed()? {
            self.look()?;
        }
        Ok(())
    }

    /// A file is not what was read: it was truncated, perhaps after a copy was made.
    fn replaced(&mut self, key: WatchDescriptor) {
        let Some(source) = self.sources.get_mut(&key) else {
            return;
        };
        let (mark, shown, real) = (source.mark, source.shown.clone(), source.real.clone());
        source.restart();
        // Copies that are newer still come to light when the file is read again.
        let rest = past::find(&mark, None, &real).and_then(|place| place.rest);
        self.queue_first(key);
        self.past_first(&shown, rest.into_iter().collect());
    }

    /// A file was truncated. Before its new content is read: was other content written to it, copied and truncated meanwhile?
    fn prove(&mut self, key: WatchDescriptor) -> io::Result<bool> {
        let Some(source) = self.sources.get_mut(&key) else {
            return Ok(true);
        };
        let Some(before) = source.before else {
            return Ok(true);
        };
        let mut later = past::newer(past::old_logs(&source.real), |old| old.begins(before));
        // Looked at after the copies: one that is not of this content is whole, for the file was truncated since.
        let beginning = source.beginning()?;
        let same = |old: &Old| !beginning.is_empty() && old.begins(Print::of(&beginning));
        if later.last().is_some_and(same) {
            later.pop();
        }
        if let Some(newest) = later.last() {
            source.before = newest.beginning().ok();
            let shown = source.shown.clone();
            let contents = later.iter().filter_map(|old| old.content().ok()).collect();
            self.queue_first(key);
            self.past_first(&shown, contents);
            return Ok(false);
        }
        if !beginning.is_empty() {
            source.prove(beginning);
        }
        Ok(true)
    }

    /// Puts old logs before all else that is queued.
    fn past_first(&mut self, shown: &Path, contents: Vec<Content>) {
        for content in contents.into_iter().rev() {
            if let Some(job) = self.past(shown, content) {
                self.jobs.push_front(job);
            }
        }
    }

    fn past(&self, shown: &Path, content: Content) -> Option<Job> {
        match content.stream() {
            Ok(reader) => Some(Job::Past(Past {
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

    /// Its name leads elsewhere; it is read on, before its successor.
    fn retire(&mut self, key: WatchDescriptor) {
        if let Some(source) = self.sources.get_mut(&key) {
            source.retired = true;
            source.check_links();
            self.queue(key);
        }
    }

    fn queue(&mut self, key: WatchDescriptor) {
        if let Some(source) = self.sources.get_mut(&key)
            && !std::mem::replace(&mut source.queued, true)
        {
            self.jobs.push_back(Job::Source(key));
        }
    }

    fn queue_first(&mut self, key: WatchDescriptor) {
        if let Some(source) = self.sources.get_mut(&key) {
            source.queued = true;
            self.jobs.push_front(Job::Source(key));
        }
    }

    /// The rotated files that will not be followed for ever, and when each is let go.
    fn leaving(&self) -> Vec<(WatchDescriptor, Instant)> {
        let mut retired: Vec<_> = self.sources.iter().filter(|(_, s)| s.retired).collect();
        retired.sort_by(|(_, a), (_, b)| (&a.shown, b.number).cmp(&(&b.shown, a.number)));
        let names = retired.chunk_by(|(_, a), (_, b)| a.shown == b.shown);
        let leaving = names.flat_map(|files| files.iter().enumerate());
        leaving
            .filter(|(newer, (_, source))| source.unlinked || *newer >= OLD_LOGS)
            .map(|(_, (key, source))| (**key, source.last_read + LINGER))
            .collect()
    }

    /// Lets go of one file; what it holds of a last line without newline is a line.
    fn let_go(&mut self, key: WatchDescriptor) {
        let Some(mut source) = self.sources.remove(&key) else {
            return;
        };
        source.finish(self.output.buffer());
        self.watch.forget(key);
        self.ids.remove(&source.id);
        if let Some(positions) = &mut self.positions {
            positions.forget(&source.shown, source.id);
        }
    }

    /// Does what time asks for, and says when there will be something to do again.
    fn next_wake(&mut self) -> Result<Option<Instant>, Fault> {
        let now = Instant::now();
        let mut wake = None;
        for (key, when) in self.leaving() {
            if when <= now {
                self.let_go(key);
            } else {
                wake = wake.map_or(Some(when), |w: Instant| Some(w.min(when)));
            }
        }
        self.flush()?;
        if let Some(save_at) = self.save_in_time(now) {
            wake = wake.map_or(Some(save_at), |w| Some(w.min(save_at)));
        }
        Ok(wake)
    }

    /// Has the positions written if it is time, and says when it will be.
    fn save_in_time(&mut self, now: Instant) -> Option<Instant> {
        if self.positions.is_none() || !self.sources.values().any(|s| s.unsaved) {
            return None;
        }
        if *self.save_at.get_or_insert(now + SAVE) <= now {
            self.save();
        }
        self.save_at
    }

    /// Has the positions written; all lines before them must have been written out.
    fn save(&mut self) {
        let Some(positions) = &mut self.positions else {
            return;
        };
        // While lines of old logs are still to come, what is kept says where they are.
        if self.jobs.iter().any(|job| matches!(job, Job::Past(_))) {
            return;
        }
        let saved = positions.save(self.sources.values().filter(|s| s.unsaved));
        self.save_at = (!saved).then(|| Instant::now() + SAVE);
        if saved {
            self.sources.values_mut().for_each(|s| s.unsaved = false);
        }
    }

    /// Writes the positions for the last time.
    fn save_last(&mut self) {
        while self.positions.is_some() && self.sources.values().any(|s| s.unsaved) {
            self.save();
            std::thread::sleep(SAVE / 20);
        }
        self.positions.iter_mut().for_each(Positions::close);
    }

    /// Ends a run that does not wait: rotated files are at their end.
    fn finish(&mut self) -> Result<(), Fault> {
        for source in self.sources.values_mut().filter(|s| s.retired) {
            source.finish(self.output.buffer());
        }
        self.flush()?;
        self.save_last();
        Ok(())
    }
}
