//! The one way out: standard output. It is flushed when the next read would have to wait, and only
//! then.

use std::cell::OnceCell;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::OnceLock;

use memchr::{memchr, memrchr};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;
use pipeban_terminal::verdicts::Verdicts;

use crate::complain::Fault;
use crate::figures;
use crate::record::Record;
use crate::terminal;

/// The size of a write, in bytes: that of a pipe.
pub const BLOCK: usize = 64 << 10;

/// Takes text in place of standard output.
type Taker = Box<dyn FnMut(&mut Vec<u8>) -> Result<(), Fault> + Send>;

/// Standard output, buffered. Dropping it writes nothing: call [`flush`](Self::flush) at the end.
pub struct Output {
    buffer: Vec<u8>,
    json: bool,
    /// Standard output's pipe, opened again without waiting: O_NONBLOCK on the descriptor itself
    /// would change it for all who share it.
    patient: OnceCell<Option<File>>,
    to: Option<Taker>,
    /// Whether control characters are escaped: before a terminal.
    escapes: bool,
    /// Whether it goes on without a reader, and whether it has to.
    endures: bool,
    reader_gone: bool,
    /// Whether a flush does nothing.
    collects: bool,
    /// A table for a person, in place of records.
    table: Option<Box<Verdicts>>,
}

impl Output {
    /// `json`: records are printed as JSON objects.
    pub fn new(json: bool) -> Self {
        Output {
            buffer: Vec::with_capacity(BLOCK * 2),
            json,
            patient: OnceCell::new(),
            to: None,
            escapes: io::stdout().is_terminal(),
            endures: false,
            reader_gone: false,
            collects: false,
            table: None,
        }
    }

    /// An output for a tool that does more than print. When the reader has gone no call fails:
    /// the text is dropped, and [`reader_gone`](Self::reader_gone) is true.
    pub fn enduring(json: bool) -> Self {
        Output {
            endures: true,
            ..Output::new(json)
        }
    }

    /// Whether the reader of an [enduring](Self::enduring) output has gone.
    pub fn reader_gone(&self) -> bool {
        self.reader_gone
    }

    /// From now on it does not write: each flush gives the text to `to`, which empties the buffer.
    pub fn hand_on(&mut self, to: Taker) {
        (self.collects, self.to) = (false, Some(to));
    }

    /// Ends that: from now on it only fills its buffer.
    pub fn collect(&mut self) {
        (self.collects, self.to) = (true, None);
    }

    /// An output of the same form that only fills its [buffer](Self::buffer).
    pub fn collecting(&self) -> Self {
        Output {
            collects: true,
            escapes: false,
            ..Output::new(self.json)
        }
    }

    /// Prints escape sequences raw, as a caller does that colours its text. Without this a terminal
    /// never gets a control character but newline and TAB. Such a caller must not print text that a
    /// remote party wrote, or pass it through [`terminal::escape`].
    pub fn allow_escapes(&mut self) {
        self.escapes = false;
    }

    /// Shows records as a table where a person reads them: on a terminal, unless JSON is wanted.
    pub fn show_table(&mut self) {
        if io::stdout().is_terminal() && !self.json {
            self.table = Some(Box::default());
        }
    }

    /// Flushes; a [table](Self::show_table) ends with the totals of its records, or with `nothing`
    /// where there were none.
    pub fn end_table(&mut self, nothing: &str) -> Result<(), Fault> {
        self.flush()?;
        if let Some(table) = self.table.take() {
            let last = table.totals().unwrap_or_else(|| nothing.into());
            self.line(last.as_bytes())?;
        }
        self.flush()
    }

    /// Whether records are printed as JSON objects.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Prints a record as one line.
    pub fn record(&mut self, record: &Record) -> Result<(), Fault> {
        if self.json {
            record.write_json(&mut self.buffer);
        } else {
            record.write(&mut self.buffer);
        }
        self.buffer.push(b'\n');
        self.flush_if_full()
    }

    /// Prints these bytes and a newline.
    pub fn line(&mut self, text: &[u8]) -> Result<(), Fault> {
        self.buffer.extend_from_slice(text);
        self.buffer.push(b'\n');
        self.flush_if_full()
    }

    /// The buffer itself, for callers that write much; they call
    /// [`flush_if_full`](Self::flush_if_full) now and then.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Flushes when the buffer has reached the size of a write.
    pub fn flush_if_full(&mut self) -> Result<(), Fault> {
        if self.buffer.len() < BLOCK {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Writes the whole buffer. To be called before a wait and at the end.
    pub fn flush(&mut self) -> Result<(), Fault> {
        if self.collects {
            return Ok(());
        }
        if let Some(to) = self.to.as_mut().filter(|_| !self.buffer.is_empty()) {
            return to(&mut self.buffer);
        }
        if let Some(table) = &mut self.table {
            let raw = std::mem::take(&mut self.buffer);
            let lines = raw.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            lines.for_each(|line| table.add(line));
            for line in table.lines() {
                self.buffer.extend_from_slice(line.as_bytes());
                self.buffer.push(b'\n');
            }
        } else if self.escapes {
            let raw = std::mem::take(&mut self.buffer);
            terminal::escape(&raw, &mut self.buffer);
        }
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() && !self.reader_gone {
            match write(io::stdout(), piece(rest)) {
                Ok(n) => rest = &rest[n..],
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE) if self.endures => self.reader_gone = true,
                Err(Errno::EPIPE) => return Err(Fault::ReaderGone),
                Err(e) => return Err(Fault::new("standard output", e.desc())),
            }
        }
        figures::count(&self.buffer[..self.buffer.len() - rest.len()]);
        self.buffer.clear();
        Ok(())
    }

    /// Writes the whole buffer, but watches `others` while the reader takes nothing: `false` if one
    /// of them can be read. The caller then calls again for the rest.
    pub fn flush_beside(&mut self, others: &[BorrowedFd]) -> Result<bool, Fault> {
        let Some(pipe) = self.patient.get_or_init(open_again) else {
            return self.flush().map(|()| true);
        };
        let mut written = 0;
        let done = loop {
            if written == self.buffer.len() {
                break Ok(true);
            }
            match write(pipe, piece(&self.buffer[written..])) {
                Ok(n) => written += n,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let mut fds = vec![PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
                    fds.extend(others.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
                    match poll(&mut fds, PollTimeout::NONE) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(e) => break Err(Fault::new("standard output", e.desc())),
                    }
                    if fds[1..].iter().any(|fd| fd.any() == Some(true)) {
                        break Ok(false);
                    }
                }
                Err(Errno::EPIPE) => break Err(Fault::ReaderGone),
                Err(e) => break Err(Fault::new("standard output", e.desc())),
            }
        };
        figures::count(&self.buffer[..written]);
        self.buffer.drain(..written);
        done
    }
}

/// The longest write into a pipe that is not mixed with those of other processes, in bytes
/// (pipe(7)).
const PIPE_BUF: usize = nix::libc::PIPE_BUF;

/// The first part of a text that one write takes. In a pipe, which other processes may share, these
/// are whole lines of at most [`PIPE_BUF`] together, or one longer line.
fn piece(text: &[u8]) -> &[u8] {
    let Some((head, rest)) = text.split_at_checked(PIPE_BUF).filter(|_| is_pipe()) else {
        return text;
    };
    let end = memrchr(b'\n', head).or_else(|| memchr(b'\n', rest).map(|end| PIPE_BUF + end));
    end.map_or(text, |end| &text[..=end])
}

/// Whether standard output is a pipe.
fn is_pipe() -> bool {
    static IS_PIPE: OnceLock<bool> = OnceLock::new();
    *IS_PIPE.get_or_init(|| {
        let out = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        out.and_then(|out| out.metadata())
            .is_ok_and(|out| out.file_type().is_fifo())
    })
}

/// Standard output's pipe, opened without waiting; `None` where it is no pipe or can't be opened.
fn open_again() -> Option<File> {
    if !is_pipe() {
        return None;
    }
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open("/proc/self/fd/1").ok()
}
