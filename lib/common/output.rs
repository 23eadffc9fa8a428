//! The one way out: standard output, flushed when the input has nothing more just now, and only then.

use std::cell::OnceCell;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::OnceLock;
use std::sync::mpsc::SyncSender;

use memchr::{memchr, memrchr};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;

use crate::complain::Fault;
use crate::figures;
use crate::record::Record;

/// What is gathered before a write, in bytes: the size of a pipe.
const BLOCK: usize = 64 << 10;

/// What is gathered before another thread gets it, in bytes.
pub const HANDED_ON: usize = 256 << 10;

/// Standard output, buffered. Dropping it writes nothing: call [`flush`](Self::flush) at the end.
pub struct Output {
    buffer: Vec<u8>,
    json: bool,
    /// The same pipe, opened again so that only our own writes do not wait.
    patient: OnceCell<Option<File>>,
    /// The thread that writes in our place.
    to: Option<SyncSender<Vec<u8>>>,
}

impl Output {
    /// `json`: records are printed as JSON objects.
    pub fn new(json: bool) -> Self {
        Output {
            buffer: Vec::with_capacity(BLOCK * 2),
            json,
            patient: OnceCell::new(),
            to: None,
        }
    }

    /// One of the same form that writes nothing itself: its buffer, whenever it is flushed, becomes that of another.
    pub fn handing_on(&self, to: SyncSender<Vec<u8>>) -> Self {
        Output {
            to: Some(to),
            ..Output::new(self.json)
        }
    }

    /// Whether records are printed as JSON objects.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person reads it.
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

    /// The buffer itself, for those who write much; call [`flush_if_full`](Self::flush_if_full) now and then.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub fn flush_if_full(&mut self) -> Result<(), Fault> {
        let full = if self.to.is_some() { HANDED_ON } else { BLOCK };
        if self.buffer.len() < full {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Writes all that is held; to be called on [`Event::Idle`](crate::input::Event::Idle) and at the end.
    pub fn flush(&mut self) -> Result<(), Fault> {
        if let Some(to) = &self.to {
            let buffer = std::mem::take(&mut self.buffer);
            return to.send(buffer).map_err(|_| Fault::ReaderGone);
        }
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            match write(io::stdout(), piece(rest)) {
                Ok(n) => rest = &rest[n..],
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE) => return Err(Fault::ReaderGone),
                Err(e) => return Err(Fault::new("standard output", e.desc())),
            }
        }
        figures::count(&self.buffer);
        self.buffer.clear();
        Ok(())
    }

    /// Writes all that is held, but while the reader takes nothing it listens to `others` as well:
    /// `false` if one of them can be read; call again for the rest.
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

/// Standard output's pipe without waiting; `None` where it is none or may not be opened.
fn open_again() -> Option<File> {
    if !is_pipe() {
        return None;
    }
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open("/proc/self/fd/1").ok()
}
