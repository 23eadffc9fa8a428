//! The one way in: lines of the operands, or of standard input; compressed files are decoded.
//!
//! The input tells its reader when the next read would have to wait ([`Event::Idle`]), so that the
//! reader can first hand on all that it holds. Thus a live pipeline is quick and a bulk run cheap.

mod decode; // a compressed file, unpacked in a thread
mod operand; // an operand that is not read yet
mod pieces; // operands in pieces, for several threads
mod progress; // the bar for a person
mod source; // one operand

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use memchr::{memchr, memrchr};
use nix::errno::Errno;

use crate::complain::{self, Fault, describe};
use crate::figures;
use crate::threads;
use crate::unpack::is_behind_text;
use operand::{Operand, is_fifo, open};
use progress::Progress;
use source::{STANDARD_INPUT, Source};

pub use pieces::{PIECE, Piece, Pieces};
pub use source::Part;

/// The greatest length of a line, in bytes without the newline. A longer line is cut here, or
/// before the word that stands here; its tail is discarded.
pub const MAX_LINE: usize = 1 << 20;

/// The size of a read, in bytes: enough to make system calls cheap, and little enough to stay in
/// the L2 cache.
const READ_SIZE: usize = 256 << 10;

/// The next thing that the input has for its reader.
#[derive(Debug)]
pub enum Event<'a> {
    /// One line without its newline ([`Input::next`]), or a block of whole lines with theirs
    /// ([`Input::next_block`]).
    Data(&'a [u8]),
    /// No data is there just now. The next call waits.
    Idle,
    /// All operands are read.
    End,
}

/// The operand that a block comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Counts the operands that could be opened, from 1.
    pub number: usize,
    /// The operand; `None` for standard input.
    pub name: Option<&'a str>,
    /// The first lines of the operand, if this is a later part of it.
    pub head: &'a [u8],
}

/// Operands or standard input, read line by line or in blocks of whole lines.
pub struct Input {
    operands: VecDeque<Operand>,
    source: Option<Source>,
    /// One byte more than the longest line, so that no line in it can ever be too long.
    buffer: Box<[u8]>,
    /// The part of the buffer that is read and not yet handed out; up to `scanned` it holds no
    /// newline.
    held: Range<usize>,
    scanned: usize,
    /// The part of the last block that `next` has not handed out yet.
    block: Range<usize>,
    /// The operands opened so far.
    opened: usize,
    /// Whether the next bytes are the tail of a line that was cut.
    skipping: bool,
    progress: Option<Arc<Mutex<Progress>>>,
    /// Whether an error ends the input.
    fails: bool,
    /// The part of each file to read; without it all.
    part: Option<Arc<Part>>,
    /// Threads that unpack a compressed file.
    unpackers: usize,
}

enum Filled {
    Some,
    Idle,
    EndOfSource,
    EndOfAll,
}

impl Input {
    /// Reads these files in order; none, or `-`, is standard input.
    pub fn new(mut operands: Vec<OsString>) -> Self {
        if operands.is_empty() {
            operands.push("-".into());
        }
        Input {
            operands: operands.into_iter().map(Operand::Name).collect(),
            source: None,
            buffer: vec![0; MAX_LINE + 1].into_boxed_slice(),
            held: 0..0,
            scanned: 0,
            block: 0..0,
            opened: 0,
            skipping: false,
            progress: None,
            fails: false,
            part: None,
            unpackers: 1,
        }
    }

    /// From now on compressed regular files are unpacked by several threads, where their format
    /// allows: by as many in all as are [asked](threads::most) for. Under a limit of addresses, for
    /// the sake of their heaps, one thread does it.
    pub fn unpack_by(&mut self, asked: Option<u8>) {
        if threads::addresses().is_none() {
            let threads = threads::most(asked);
            self.unpackers = threads.div_ceil(self.operands.len().max(1));
        }
    }

    /// From now on of a regular file that is not compressed only a part is read.
    pub fn read_part(&mut self, part: Arc<Part>) {
        self.part = Some(part);
    }

    /// From now on an operand that can't be opened or read to its end, and a line that is too long,
    /// is an error of [`next`](Self::next). Without this it is reported, and the rest is read.
    pub fn fail_on_error(&mut self) {
        self.fails = true;
    }

    /// From now on shows a bar of progress, if standard error is a terminal, the operands are
    /// regular files and the run takes more than two seconds.
    pub fn show_progress(&mut self) {
        let names = self.operands.iter().map(|operand| match operand {
            Operand::Name(name) | Operand::Opened(name, _) => name,
        });
        let progress = Progress::of(names);
        self.progress = progress.map(|progress| Arc::new(Mutex::new(progress)));
    }

    /// One input for each operand, for different threads. They share one bar of progress.
    pub fn split(self) -> impl Iterator<Item = Input> {
        self.operands.into_iter().map(move |operand| Input {
            progress: self.progress.clone(),
            operands: VecDeque::from([operand]),
            part: self.part.clone(),
            unpackers: self.unpackers,
            ..Input::new(vec![])
        })
    }

    /// Takes out the operands, in pieces: large files in parts if `cuts` says so. What is not cut
    /// stays whole. They are then read by [`begin`](Self::begin), here or by
    /// [copies](Self::empty_copy).
    pub fn pieces(&mut self, cuts: bool) -> Pieces {
        Pieces {
            operands: std::mem::take(&mut self.operands),
            progress: self.progress.clone(),
            part: self.part.clone(),
            cuts,
            current: None,
            begun: 0,
        }
    }

    /// An input without operands, for another thread. They share one bar of progress.
    pub fn empty_copy(&self) -> Input {
        Input {
            progress: self.progress.clone(),
            part: self.part.clone(),
            unpackers: self.unpackers,
            operands: VecDeque::new(),
            ..Input::new(vec![])
        }
    }

    /// Reads this next. To be called when all is read.
    pub fn begin(&mut self, piece: Piece) {
        self.operands.push_back(piece.from);
    }

    /// Opens all operands now, and not each in its turn, so that the caller can give up the right
    /// to. FIFOs, whose writers may wait for each other, and files above the system's limit of open
    /// files are left for their turn.
    pub fn open_all(&mut self) {
        for operand in &mut self.operands {
            if let Operand::Name(name) = operand
                && !is_fifo(name)
            {
                let part = self.part.as_deref();
                let opened = open(name, self.progress.as_deref(), part, self.unpackers);
                if opened.as_ref().is_err_and(is_too_many) {
                    return;
                }
                *operand = Operand::Opened(std::mem::take(name), opened);
            }
        }
    }

    /// The next line, without its newline. A last line without one is a line.
    ///
    /// With a deadline, [`Event::Idle`] comes again when that passes.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Event<'_>, Fault> {
        if self.block.is_empty() {
            match self.find_block(deadline)? {
                Filled::Some => {}
                Filled::Idle => return Ok(Event::Idle),
                _ => return Ok(Event::End),
            }
        }
        let block = &self.buffer[self.block.clone()];
        let (length, newline) = memchr(b'\n', block).map_or((block.len(), 0), |i| (i, 1));
        let line = self.block.start..self.block.start + length;
        self.block.start = line.end + newline;
        if let Some(source) = &mut self.source {
            source.lines += 1;
        }
        Ok(Event::Data(&self.buffer[line]))
    }

    /// As many whole lines as are there, at least one, with their newlines; see
    /// [`next`](Self::next).
    ///
    /// Only the last line of an operand, or a line that was cut, lacks its newline.
    pub fn next_block(&mut self, deadline: Option<Instant>) -> Result<Event<'_>, Fault> {
        match self.find_block(deadline)? {
            Filled::Some => {
                if self.block.is_empty() {
                    // A line was cut of which no whole word is left; the reader can't count it.
                    self.pass_lines(1);
                }
                Ok(Event::Data(&self.buffer[std::mem::take(&mut self.block)]))
            }
            Filled::Idle => Ok(Event::Idle),
            _ => Ok(Event::End),
        }
    }

    /// The same, with its origin.
    pub fn next_block_of(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<(Event<'_>, Origin<'_>), Fault> {
        let filled = self.find_block(deadline)?;
        let name = self.source.as_ref().map(|s| s.name.as_str());
        let origin = Origin {
            number: self.opened,
            name: name.filter(|name| *name != STANDARD_INPUT),
            head: self.source.as_ref().map_or(&[], |s| &s.head),
        };
        let event = match filled {
            Filled::Some => Event::Data(&self.buffer[std::mem::take(&mut self.block)]),
            Filled::Idle => Event::Idle,
            _ => Event::End,
        };
        Ok((event, origin))
    }

    /// The number of operands that were opened so far.
    pub fn opened(&self) -> usize {
        self.opened
    }

    /// The place of the last line, for a message: `access.log:17`.
    pub fn place(&self) -> String {
        match &self.source {
            Some(source) if source.lines > 0 => format!("{}:{}", source.name, source.lines),
            Some(source) => source.name.clone(),
            None => "input".into(),
        }
    }

    /// Adds lines of the last block to those that [`place`](Self::place) counts.
    pub fn pass_lines(&mut self, lines: u64) {
        if let Some(source) = &mut self.source {
            source.lines += lines;
        }
    }

    /// The name of the operand that the last data came from; `None` for standard input.
    pub fn file(&self) -> Option<&str> {
        self.source
            .as_ref()
            .map(|s| s.name.as_str())
            .filter(|n| *n != STANDARD_INPUT)
    }

    fn find_block(&mut self, deadline: Option<Instant>) -> Result<Filled, Fault> {
        loop {
            if let Some(i) = memrchr(b'\n', &self.buffer[self.scanned..self.held.end]) {
                let last = self.scanned + i + 1;
                if self.skipping {
                    // The tail of the cut line, from `held.start` on, ends here.
                    let first = memchr(b'\n', &self.buffer[self.held.clone()]).unwrap_or(i);
                    self.held.start += first + 1;
                    self.skipping = false;
                }
                self.block = self.held.start..last;
                self.held.start = last;
                self.scanned = self.held.end;
                if !self.block.is_empty() {
                    return Ok(Filled::Some);
                }
            }
            self.scanned = self.held.end;
            if self.skipping {
                self.held.start = self.held.end;
            } else if self.held.len() > MAX_LINE {
                let line = &self.buffer[self.held.start..][..MAX_LINE];
                self.block = self.held.start..self.held.start + whole_words(line);
                self.held.start = self.held.end;
                self.skipping = true;
                let what = "a line longer than 1 MiB was cut there";
                // Where lines are counted it is the one after the last.
                let place = match &self.source {
                    Some(s) if s.lines > 0 => format!("{}:{}", s.name, s.lines + 1),
                    _ => self.place(),
                };
                if self.fails {
                    return Err(Fault::new(place, what));
                }
                complain::bad_line(place, what);
                return Ok(Filled::Some);
            }
            match self.fill(deadline)? {
                Filled::Some => {}
                Filled::EndOfSource => {
                    self.block = if self.skipping {
                        0..0
                    } else {
                        self.held.clone()
                    };
                    self.held = 0..0;
                    self.scanned = 0;
                    self.skipping = false;
                    if !self.block.is_empty() {
                        return Ok(Filled::Some);
                    }
                    self.source = None;
                }
                idle_or_end => return Ok(idle_or_end),
            }
        }
    }

    /// Reads once; first moves what is held to the buffer's front, so that there is room.
    fn fill(&mut self, deadline: Option<Instant>) -> Result<Filled, Fault> {
        let source = match &mut self.source {
            Some(source) => source,
            None => loop {
                let Some(operand) = self.operands.pop_front() else {
                    return Ok(Filled::EndOfAll);
                };
                let (name, opened) = match operand {
                    Operand::Opened(name, opened) => (name, opened),
                    Operand::Name(name) => {
                        let part = self.part.as_deref();
                        let opened = open(&name, self.progress.as_deref(), part, self.unpackers);
                        (name, opened)
                    }
                };
                match opened {
                    Ok(source) => {
                        self.opened += 1;
                        break self.source.insert(source);
                    }
                    Err(e) if self.fails => {
                        return Err(Fault::new(name.to_string_lossy(), describe(&e)));
                    }
                    Err(e) => complain::error(name.to_string_lossy(), describe(&e)),
                }
            },
        };
        if !source.ready() {
            let told = std::mem::replace(&mut source.told_idle, true);
            if !told || !source.wait(deadline) {
                return Ok(Filled::Idle);
            }
        }
        self.buffer.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        self.scanned = self.held.end;
        let room = self.held.end..self.buffer.len().min(self.held.end + READ_SIZE);
        figures::tell();
        // One thread at a time shows it.
        if let Some(Ok(mut progress)) = self.progress.as_ref().map(|p| p.try_lock()) {
            progress.show();
        }
        match source.read(&mut self.buffer[room]) {
            Ok(0) => Ok(Filled::EndOfSource),
            Ok(n) => {
                source.told_idle = false;
                self.held.end += n;
                Ok(Filled::Some)
            }
            Err(e) => {
                // The data before the error is still good, and so are the other operands.
                if self.fails {
                    return Err(Fault::new(&source.name, describe(&e)));
                }
                complain::error(&source.name, describe(&e));
                if !is_behind_text(&e) {
                    self.held.end = self.held.start + whole_words(&self.buffer[self.held.clone()]);
                }
                self.scanned = self.held.end;
                Ok(Filled::EndOfSource)
            }
        }
    }
}

/// Whether the limit of open files was reached, that of the process or of the system.
fn is_too_many(e: &io::Error) -> bool {
    let limits = [Errno::EMFILE, Errno::ENFILE].map(|errno| Some(errno as i32));
    limits.contains(&e.raw_os_error())
}

/// The length up to which a text that ends too early has whole words: half a word could be read as
/// another word, such as another host's address.
fn whole_words(text: &[u8]) -> usize {
    let in_word = |b: &u8| b.is_ascii_alphanumeric() || b"_.:-/".contains(b);
    text.iter().rposition(|b| !in_word(b)).map_or(0, |i| i + 1)
}
