//! The one way out: standard output, flushed when the input has nothing more just now, and only then.

use std::io::{self, IsTerminal};

use nix::errno::Errno;
use nix::unistd::write;

use crate::complain::Fault;
use crate::record::Record;

/// What is gathered before a write, in bytes: the size of a pipe.
const BLOCK: usize = 64 << 10;

/// Standard output, buffered. Dropping it writes nothing: call [`flush`](Self::flush) at the end.
pub struct Output {
    buffer: Vec<u8>,
    json: bool,
}

impl Output {
    /// `json`: records are printed as JSON objects.
    pub fn new(json: bool) -> Self {
        Output {
            buffer: Vec::with_capacity(BLOCK * 2),
            json,
        }
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
        if self.buffer.len() < BLOCK {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Writes all that is held; to be called on [`Event::Idle`](crate::input::Event::Idle) and at the end.
    pub fn flush(&mut self) -> Result<(), Fault> {
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            match write(io::stdout(), rest) {
                Ok(n) => rest = &rest[n..],
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE) => return Err(Fault::ReaderGone),
                Err(e) => return Err(Fault::new("standard output", e.desc())),
            }
        }
        self.buffer.clear();
        Ok(())
    }
}
