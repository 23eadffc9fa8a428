//! The loop of the follower: what is read next, and when to wait.

use std::os::fd::AsFd;
use std::time::Instant;

use pipeban::complain::{self, Fault, describe};
use pipeban::figures;
use pipeban::output::Output;
use pipeban::privilege::keep_reading;

use crate::arguments::Arguments;
use crate::copies;
use crate::journal::Journal;
use crate::names::Names;
use crate::notify::Notifier;
use crate::pipes::Pipes;
use crate::queue::{Job, Key, Queue};
use crate::rewriting;
use crate::saver::Saver;
use crate::source::{self, Progress};
use crate::stop::{self, Stop};
use crate::truncation;

/// Output is handed on when it has grown to this size, in bytes.
const FULL: usize = 64 << 10;

/// Follows the files of its operands.
pub struct Follower {
    once: bool,
    names: Names,
    queue: Queue,
    pipes: Pipes,
    journal: Option<Journal>,
    saver: Saver,
    stop: Stop,
    notifier: Notifier,
    buffer: Box<[u8]>,
    output: Output,
    /// Whether a line was printed.
    done: bool,
}

impl Follower {
    /// Nothing is looked up yet.
    pub fn new(arguments: Arguments, stop: Stop) -> Result<Self, Fault> {
        let saver = Saver::open(arguments.from(), arguments.state_file.as_deref())?;
        // Rotated logs are opened later on.
        keep_reading().map_err(|e| Fault::new("capabilities", e))?;
        let mut files = arguments.files.clone();
        let journal = Journal::open(&arguments, &mut files)?;
        Ok(Follower {
            once: arguments.once,
            queue: Queue::new(saver.last_number()?, arguments.prefix)?,
            journal,
            pipes: Pipes::open(&mut files, arguments.prefix),
            names: Names::new(files, &arguments)?,
            saver,
            stop,
            notifier: Notifier::new(),
            buffer: source::buffer(),
            output: Output::new(false),
            done: false,
        })
    }

    /// Follows until a signal comes or the reader goes; with `--once`, until all is read. True if a
    /// line was printed.
    pub fn run(mut self) -> Result<bool, Fault> {
        self.names
            .start(&mut self.queue, self.saver.positions.as_mut())?;
        if let Some(journal) = &mut self.journal {
            journal.start(self.saver.positions.as_ref())?;
        }
        loop {
            self.read_all()?;
            let more = self.pipes.read(&mut self.buffer, self.output.buffer());
            let out = self.output.buffer();
            let entries = self.journal.as_mut().is_some_and(|j| j.read(out));
            self.flush()?;
            if entries {
                self.save_in_time(Instant::now());
                self.end_if_asked()?;
            }
            if more || entries || !self.queue.is_empty() {
                continue;
            }
            let ended = self.names.is_empty() && self.pipes.is_empty() && self.journal.is_none();
            if ended || self.once && self.pipes.are_done() {
                self.finish()?;
                return Ok(self.done);
            }
            let wake = self.do_what_is_due()?;
            if !self.queue.is_empty() {
                continue;
            }
            let mut events = vec![self.names.as_fd(), self.queue.events.as_fd()];
            events.extend(self.pipes.fds());
            events.extend(self.journal.as_ref().map(AsFd::as_fd));
            match self.stop.wait(&events, wake) {
                Ok(None) => {
                    self.look_again()?;
                    self.queue.take_events()?;
                    if let Some(journal) = &mut self.journal {
                        journal.take_events()?;
                    }
                }
                Ok(Some(signal)) => {
                    self.saver.save_last(&mut self.queue, &mut self.journal);
                    stop::die(signal);
                }
                Err(fault) => {
                    self.saver.save_last(&mut self.queue, &mut self.journal);
                    return Err(fault);
                }
            }
        }
    }

    /// Reads everything that is queued.
    fn read_all(&mut self) -> Result<(), Fault> {
        while let Some(job) = self.queue.next() {
            let held = self.output.buffer().len();
            match job {
                Job::Source(key) => self.read(key),
                Job::Rest(mut rest) => match rest.read(&mut self.buffer, self.output.buffer()) {
                    Ok(Progress::More) => self.queue.put_back(rest),
                    Ok(_) => {}
                    Err(e) => complain::error(rest.shown.display(), describe(&e)),
                },
            }
            // A new file must be opened before it can be deleted, however much there is to read.
            self.look_again()?;
            self.end_if_asked()?;
            // Lines do not wait for the end of a long read that gives none.
            let now_held = self.output.buffer().len();
            if now_held >= FULL || now_held > 0 && now_held == held {
                self.flush()?;
                self.save_in_time(Instant::now());
            }
        }
        Ok(())
    }

    /// Ends by the signal that has come, amid the reading.
    fn end_if_asked(&mut self) -> Result<(), Fault> {
        if !self.stop.is_asked() {
            return Ok(());
        }
        // Lines that are not written out are not kept as read either.
        if self.output.flush_beside(&[self.stop.as_fd()])? {
            self.saver.save_last(&mut self.queue, &mut self.journal);
        }
        if let Some(signal) = self.stop.asked()? {
            stop::die(signal);
        }
        Ok(())
    }

    /// Reads one piece of a followed file.
    fn read(&mut self, key: Key) {
        if !rewriting::is_ready(&mut self.queue, key, !self.once).unwrap_or(true) {
            if let Some(source) = self.queue.get(key) {
                source.queued = false;
            }
            return;
        }
        if !truncation::prove(&mut self.queue, key).unwrap_or(true) {
            return;
        }
        if let Some(source) = self.queue.get(key) {
            source.queued = false;
        }
        if !copies::is_log(&mut self.queue, key).unwrap_or(false) {
            return;
        }
        let Some(source) = self.queue.get(key) else {
            return;
        };
        match source.read(&mut self.buffer, self.output.buffer()) {
            Ok(Progress::End) => {}
            // A log waits for its rotated files, and gives way to other logs.
            Ok(Progress::More) if source.retired => self.queue.queue_first(key),
            Ok(Progress::More) => self.queue.queue(key),
            Ok(Progress::Replaced) => truncation::begin_anew(&mut self.queue, key),
            Err(e) => complain::error(source.shown.display(), describe(&e)),
        }
    }

    /// Writes out all lines. While the reader takes none, new files are still opened before they
    /// can be deleted.
    fn flush(&mut self) -> Result<(), Fault> {
        self.done |= !self.output.buffer().is_empty();
        loop {
            let others = [self.names.as_fd(), self.stop.as_fd()];
            if self.output.flush_beside(&others)? {
                return Ok(());
            }
            if let Some(signal) = self.stop.asked()? {
                // Lines that are not written out are not kept as read either.
                stop::die(signal);
            }
            self.look_again()?;
        }
    }

    fn save_in_time(&mut self, now: Instant) -> Option<Instant> {
        let journal = &mut self.journal;
        self.saver.save_in_time(&mut self.queue, journal, now)
    }

    fn look_again(&mut self) -> Result<(), Fault> {
        let positions = self.saver.positions.as_mut();
        self.names.look_again(&mut self.queue, positions)
    }

    /// Does all that is due by now, and tells when something will be due again.
    fn do_what_is_due(&mut self) -> Result<Option<Instant>, Fault> {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) = self
            .queue
            .leaving()
            .into_iter()
            .partition(|(_, when)| *when <= now);
        for (key, _) in due {
            if let Some((shown, id)) = self.queue.let_go(key, self.output.buffer()) {
                self.saver.forget(&shown, id);
            }
        }
        let waiting = self.queue.wait_for_writers(now);
        let halves = self.queue.finish_rotated(now, self.output.buffer());
        let poll = self.queue.poll(now);
        self.flush()?;
        let save = self.save_in_time(now);
        let logs = self.logs();
        figures::tell_too("logs", logs as u64);
        let notice = self.notifier.tell(logs, now);
        let journal = self.journal.as_ref().and_then(Journal::retry_at);
        let later = later.into_iter().map(|(_, when)| when);
        let retry = self.names.retry_at(&self.queue);
        let others = [save, waiting, halves, poll, retry, journal, notice];
        Ok(later.chain(others.into_iter().flatten()).min())
    }

    /// The number of logs that are read.
    fn logs(&mut self) -> usize {
        let journal = self.journal.as_ref().map_or(0, Journal::files);
        self.queue.sources().count() + self.pipes.fds().count() + journal
    }

    /// Ends a run that does not wait: rotated files are at their end.
    fn finish(&mut self) -> Result<(), Fault> {
        for source in self.queue.sources().filter(|s| s.retired) {
            source.finish(self.output.buffer());
        }
        self.flush()?;
        self.saver.save_last(&mut self.queue, &mut self.journal);
        Ok(())
    }
}
