//! Operands that are pipes or FIFOs: they are read as they come, and have no position.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use pipeban::complain::{self, describe};

use crate::lines::Lines;

/// The open pipes.
#[derive(Default)]
pub struct Pipes(Vec<Pipe>);

struct Pipe {
    file: File,
    /// Keeps a FIFO open for its next writer.
    _writer: Option<File>,
    /// Whether it ends with its last writer.
    ends: bool,
    /// Nothing was in it when it was last read.
    empty: bool,
    lines: Lines,
}

impl Pipes {
    /// Opens those of the operands that are pipes, and takes them from the list.
    pub fn open(operands: &mut Vec<PathBuf>, prefix: bool) -> Self {
        let mut pipes = Vec::new();
        operands.retain(|operand| {
            let is_pipe = is_pipe(operand);
            if is_pipe {
                match open(operand) {
                    Ok(file) => pipes.push(Pipe::new(file, operand, prefix)),
                    Err(e) => complain::error(operand.display(), describe(&e)),
                }
            }
            !is_pipe
        });
        Pipes(pipes)
    }

    /// Whether all of them have ended.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pipes to wait for.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|pipe| pipe.file.as_fd())
    }

    /// Reads one piece of each and appends the whole lines to `out`; true if there may be more now.
    pub fn read(&mut self, buffer: &mut [u8], out: &mut Vec<u8>) -> bool {
        let mut more = false;
        self.0.retain_mut(|pipe| match pipe.file.read(buffer) {
            Ok(0) => {
                pipe.lines.finish(out);
                false
            }
            Ok(n) => {
                pipe.lines.push(&buffer[..n], out);
                pipe.empty = false;
                more = true;
                true
            }
            Err(e) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&e.kind()) => {
                pipe.empty = true;
                true
            }
            Err(e) => {
                complain::error(pipe.lines.name(), describe(&e));
                false
            }
        });
        more
    }

    /// Whether a run that does not wait is at its end: FIFOs are empty, and pipes have ended.
    pub fn are_done(&self) -> bool {
        self.0.iter().all(|pipe| pipe.empty && !pipe.ends)
    }
}

impl Pipe {
    fn new(file: File, shown: &Path, prefix: bool) -> Self {
        let target = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let named = target.is_ok_and(|path| path.is_absolute() && !path.starts_with("/dev"));
        // One that may not be written to ends with its writers.
        let writer = named.then(|| OpenOptions::new().write(true).open(shown).ok());
        let writer = writer.flatten();
        Pipe {
            file,
            ends: writer.is_none(),
            _writer: writer,
            empty: false,
            lines: Lines::new(shown, prefix),
        }
    }
}

fn is_pipe(operand: &Path) -> bool {
    let metadata = operand.metadata();
    metadata.is_ok_and(|m| m.file_type().is_fifo() || m.file_type().is_char_device())
}

fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits()).open(path)
}
