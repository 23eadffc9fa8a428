//! One operand: a file or standard input, decoded if it is compressed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use pipeban_journal::is_journal;

use super::decode::Decoded;
use crate::complain;
use crate::figures;
use crate::journal::JournalText;
use crate::unpack::{Amid, MembersAhead, is_packed, is_packed_file, unpack, unpack_file, unread};

/// The part of a file that is to be read, as offsets of lines' beginnings.
pub type Part = dyn Fn(&File) -> io::Result<Range<u64>> + Send + Sync;

pub(super) const STANDARD_INPUT: &str = "standard input";

/// The size that a pipe is given, in bytes, where the system allows it: writer and reader then wake
/// each other less often.
const PIPE_SIZE: i32 = 1 << 20;

pub(super) struct Source {
    pub name: String,
    /// The number of lines handed out.
    pub lines: u64,
    pub told_idle: bool,
    /// The file's first lines, if this is a later part of it.
    pub head: Arc<[u8]>,
    /// Threads that unpack it.
    unpackers: usize,
    bytes: Bytes,
    amid: Amid,
    /// Whether that was told, of any part of the file.
    told: Arc<AtomicBool>,
}

enum Bytes {
    /// Nothing is read yet; reading a regular file never waits.
    Unread {
        file: Blocking,
        waits: bool,
    },
    Plain {
        file: Blocking,
        waits: bool,
    },
    Decoded(Decoded),
    /// A compressed file whose members several threads unpack.
    Members(Box<MembersAhead>),
    /// A part of a file whose other parts are read at the same time.
    Part(Shared),
    /// The end, or an error, was reached.
    Over,
}

impl Source {
    /// Opens an operand; of a regular file that is not compressed, only `part` is read. Its bytes,
    /// as they stand in the file, are added to `counter`. `unpackers`: the threads that unpack it.
    pub(super) fn open(
        operand: &OsString,
        counter: Arc<AtomicU64>,
        part: Option<&Part>,
        unpackers: usize,
    ) -> io::Result<Self> {
        let (name, file) = if operand == "-" {
            (
                STANDARD_INPUT.into(),
                File::from(io::stdin().as_fd().try_clone_to_owned()?),
            )
        } else {
            (operand.to_string_lossy().into_owned(), File::open(operand)?)
        };
        let kind = file.metadata()?.file_type();
        let waits = !kind.is_file();
        if kind.is_fifo() {
            let _ = fcntl(&file, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
        }
        if kind.is_file() && is_journal(&file)? {
            let size = file.metadata()?.len();
            let text = JournalText::new(file, &name)?;
            counter.fetch_add(size, Relaxed);
            return Ok(Source {
                name,
                lines: 0,
                told_idle: false,
                head: Arc::default(),
                unpackers,
                bytes: Bytes::Decoded(Decoded::start(|| unpack(text))),
                amid: Amid::default(),
                told: Arc::default(),
            });
        }
        let part = match part {
            Some(part) if operand != "-" && kind.is_file() && !is_packed_file(&file)? => {
                Some(part(&file)?)
            }
            _ => None,
        };
        let bytes = match part {
            Some(part) => {
                (&file).seek(SeekFrom::Start(part.start))?;
                counter.fetch_add(part.start, Relaxed);
                let file = Blocking(file, counter, part.end.saturating_sub(part.start));
                Bytes::Plain { file, waits }
            }
            None => Bytes::Unread {
                file: Blocking(file, counter, u64::MAX),
                waits,
            },
        };
        Ok(Source {
            name,
            lines: 0,
            told_idle: false,
            head: Arc::default(),
            unpackers,
            bytes,
            amid: Amid::default(),
            told: Arc::default(),
        })
    }

    /// A part of a regular file that is read as it stands there, from a line's beginning on.
    pub(super) fn part(name: String, head: Arc<[u8]>, told: Arc<AtomicBool>, part: Shared) -> Self {
        let mut amid = Amid::default();
        amid.begins(b"\n");
        Source {
            name,
            lines: 0,
            told_idle: false,
            head,
            unpackers: 1,
            bytes: Bytes::Part(part),
            amid,
            told,
        }
    }

    /// The same part of a file, from its beginning; `None` if this is no part. It is not counted.
    pub(super) fn again(&self) -> Option<Self> {
        let Bytes::Part(Shared(file, range, _)) = &self.bytes else {
            return None;
        };
        let part = Shared(file.clone(), range.clone(), Arc::default());
        let (name, head, told) = (self.name.clone(), self.head.clone(), self.told.clone());
        Some(Source::part(name, head, told, part))
    }

    /// Whether a read would answer at once.
    pub(super) fn ready(&mut self) -> bool {
        match &mut self.bytes {
            Bytes::Unread { file, waits } | Bytes::Plain { file, waits } => !*waits || file.ready(),
            Bytes::Decoded(decoded) => decoded.ready(None),
            Bytes::Members(_) | Bytes::Part(_) | Bytes::Over => true,
        }
    }

    /// Waits until a read would answer at once; `false` when the deadline comes first.
    pub(super) fn wait(&mut self, deadline: Option<Instant>) -> bool {
        match &mut self.bytes {
            Bytes::Unread { file, waits } | Bytes::Plain { file, waits } => {
                !*waits || figures::wait(file.0.as_fd(), deadline)
            }
            Bytes::Decoded(decoded) => deadline.is_none() || decoded.ready(deadline),
            Bytes::Members(_) | Bytes::Part(_) | Bytes::Over => true,
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Unread { file, .. } => {
                let length = file.read(buffer)?;
                self.begin(&buffer[..length])?;
                match &mut self.bytes {
                    Bytes::Decoded(_) | Bytes::Members(_) => self.read(buffer),
                    _ => {
                        self.look(&buffer[..length]);
                        Ok(length)
                    }
                }
            }
            Bytes::Plain { file, .. } => {
                let length = file.read(buffer)?;
                self.look(&buffer[..length]);
                Ok(length)
            }
            Bytes::Decoded(decoded) => decoded.read(buffer),
            Bytes::Members(members) => match members.read(buffer) {
                Some(length) => Ok(length),
                None => {
                    self.bytes = Bytes::Decoded(Decoded::start(members.rest()));
                    self.read(buffer)
                }
            },
            Bytes::Part(part) => {
                let length = part.read(buffer)?;
                self.look(&buffer[..length]);
                Ok(length)
            }
            Bytes::Over => Ok(0),
        }
    }

    /// Tells once that compressed data follow on text, as `cat auth.log auth.log.2.gz` writes them.
    fn look(&mut self, bytes: &[u8]) {
        if self.amid.begins(bytes) {
            let what = "gzip data behind plain text are not read: unpack them first, by zcat -f";
            complain::error_once(&self.told, &self.name, what);
        }
    }

    /// Decides by the first bytes whether the file is compressed.
    fn begin(&mut self, head: &[u8]) -> io::Result<()> {
        if let Some(what) = unread(head) {
            self.bytes = Bytes::Over;
            return Err(io::Error::other(what));
        }
        if let Bytes::Unread { file, waits } = std::mem::replace(&mut self.bytes, Bytes::Over) {
            // Standard input may be another's, who has read a part of it.
            let is_whole = !waits && self.name != STANDARD_INPUT;
            let (head, threads) = (head.to_vec(), self.unpackers);
            self.bytes = if is_packed(&head) && is_whole {
                let Blocking(file, counter, _) = file;
                counter.fetch_sub(head.len() as u64, Relaxed);
                match MembersAhead::start(&file, threads, &counter) {
                    Some(members) => Bytes::Members(Box::new(members)),
                    None => Bytes::Decoded(Decoded::start(move || {
                        unpack_file(file, &head, threads, counter)
                    })),
                }
            } else if is_packed(&head) {
                let whole = io::Cursor::new(head).chain(file);
                Bytes::Decoded(Decoded::start(|| unpack(whole)))
            } else {
                Bytes::Plain { file, waits }
            };
        }
        Ok(())
    }
}

/// A range of a file that others read, too; the number counts the bytes that are read.
pub(super) struct Shared(pub Arc<File>, pub Range<u64>, pub Arc<AtomicU64>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.1.end - self.1.start).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        loop {
            match self.0.read_at(&mut buffer[..length], self.1.start) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let read = *result.as_ref().unwrap_or(&0) as u64;
                    self.1.start += read;
                    self.2.fetch_add(read, Relaxed);
                    return result;
                }
            }
        }
    }
}

/// A file whose reads wait for data, whatever signals come and whether or not its descriptor is
/// non-blocking. The number is that of bytes to read at most.
struct Blocking(File, Arc<AtomicU64>, u64);

impl Blocking {
    fn ready(&self) -> bool {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        // After an error, the read itself tells what is wrong.
        poll(&mut fds, PollTimeout::ZERO) != Ok(0)
    }
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.2).unwrap_or(usize::MAX);
        let length = buffer.len().min(most);
        let buffer = &mut buffer[..length];
        loop {
            match self.0.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // Another process shares the descriptor and made it non-blocking.
                    let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
                    poll(&mut fds, PollTimeout::NONE)?;
                }
                result => {
                    let read = *result.as_ref().unwrap_or(&0);
                    self.1.fetch_add(read as u64, Relaxed);
                    self.2 -= read as u64;
                    return result;
                }
            }
        }
    }
}
