//! One followed file: it is read on from where it was, as long as it still holds there what it held.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use memchr::memrchr;
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use crate::lines::Lines;
use crate::mark::{EDGE, Id, Mark, Print, bytes_at};

/// What one read asks for, in bytes.
const PIECE: usize = 256 << 10;

/// A buffer for [`Source::read`] and [`Past::read`], shared by all files.
pub fn buffer() -> Box<[u8]> {
    vec![0; EDGE + PIECE].into_boxed_slice()
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    More,
    End,
    /// The file is not the one that was read: truncated, perhaps grown again since.
    Replaced,
}

pub struct Source {
    file: File,
    pub id: Id,
    /// Its name as a user knows it.
    pub shown: PathBuf,
    /// Its name without symbolic links, when it was last looked up.
    pub real: PathBuf,
    /// Counts the files of one follower, so that the newest of a name is known.
    pub number: u64,
    pub lines: Lines,
    /// The file's first bytes, and those before `position`; at most `EDGE` of each.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Up to where it was read.
    position: u64,
    /// The end of its last whole line.
    pub mark: Mark,
    /// Truncated while it was followed: a writer that keeps its own offset leaves a hole before its next line.
    may_have_hole: bool,
    /// The beginning of what it held before it was truncated, until it is proven that nothing came in between.
    pub before: Option<Print>,
    /// What it began with when that was proven.
    proven: Vec<u8>,
    /// It no longer has the name under which it was found.
    pub retired: bool,
    /// No name at all is left of it.
    pub unlinked: bool,
    pub last_read: Instant,
    /// Waits in the queue to be read.
    pub queued: bool,
    /// Its mark has moved since it was saved.
    pub unsaved: bool,
}

impl Source {
    /// Follows `file` from `offset`, which is the beginning of a line.
    pub fn new(
        file: File,
        (shown, real): (PathBuf, PathBuf),
        offset: u64,
        number: u64,
        lines: Lines,
    ) -> io::Result<Self> {
        let before = offset.min(EDGE as u64);
        let mut source = Source {
            id: Id::from(&file.metadata()?),
            head: bytes_at(&file, 0, before as usize)?,
            tail: bytes_at(&file, offset - before, before as usize)?,
            position: offset,
            mark: Mark {
                offset,
                head: Print::of(b""),
                tail: Print::of(b""),
            },
            file,
            shown,
            real,
            number,
            lines,
            may_have_hole: false,
            before: None,
            proven: Vec::new(),
            retired: false,
            unlinked: false,
            last_read: Instant::now(),
            queued: false,
            unsaved: true,
        };
        source.set_mark(offset, Print::of(&source.tail));
        Ok(source)
    }

    /// Reads a piece and appends the whole lines to `out`.
    pub fn read(&mut self, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<Progress> {
        if self.may_have_hole && self.position == 0 {
            self.skip_hole();
        }
        // What was read before is read again and compared: a file that was truncated and has
        // grown past the old position differs there, and one that did not grow so far is too short.
        let known = self.tail.len();
        let n = match self.file.read_at(buffer, self.position - known as u64) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(Progress::More),
            other => other?,
        };
        if n < known || buffer[..known] != self.tail {
            return Ok(Progress::Replaced);
        }
        if self.position == 0 && !buffer[..n].starts_with(&self.proven) {
            return Ok(Progress::Replaced);
        }
        if n == known {
            return Ok(Progress::End);
        }
        self.proven.clear();
        let mut piece = &buffer[known..n];
        if self.may_have_hole {
            let text = piece.iter().position(|b| *b != 0).unwrap_or(piece.len());
            piece = &piece[text..];
            self.may_have_hole = piece.is_empty();
        }
        self.lines.push(piece, out);
        if self.head.len() < EDGE && self.head.len() as u64 == self.position {
            let end = n.min(known + EDGE - self.head.len());
            self.head.extend_from_slice(&buffer[known..end]);
        }
        self.position += (n - known) as u64;
        if let Some(newline) = memrchr(b'\n', &buffer[known..n]) {
            let end = known + newline + 1;
            let offset = self.position - (n - end) as u64;
            self.set_mark(offset, Print::of(&buffer[end.saturating_sub(EDGE)..end]));
        }
        self.tail.clear();
        self.tail
            .extend_from_slice(&buffer[n.saturating_sub(EDGE)..n]);
        self.last_read = Instant::now();
        // A read that got less than it asked for was at the end; if more came since, inotify tells.
        Ok(if n < buffer.len() {
            Progress::End
        } else {
            Progress::More
        })
    }

    /// Begins again at the beginning, after the file was truncated.
    pub fn restart(&mut self) {
        if self.mark.head.len > 0 {
            self.before = Some(self.mark.head);
        }
        self.proven.clear();
        self.lines.forget();
        self.head.clear();
        self.tail.clear();
        self.position = 0;
        self.may_have_hole = true;
        self.set_mark(0, Print::of(b""));
    }

    /// What a truncated file begins with now, if it holds anything yet.
    pub fn beginning(&self) -> io::Result<Vec<u8>> {
        bytes_at(&self.file, 0, EDGE)
    }

    /// Nothing was written, copied and truncated again since the last lines that were read: this is what follows them.
    pub fn prove(&mut self, beginning: Vec<u8>) {
        self.before = None;
        self.mark.head = Print::of(&beginning);
        self.proven = beginning;
    }

    /// Nothing more is expected: the half line at the end, if there is one, is a line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.lines.finish(out);
        self.set_mark(self.position, Print::of(&self.tail));
    }

    /// When it was made, where the file system knows.
    pub fn made(&self) -> Option<SystemTime> {
        self.file.metadata().ok()?.created().ok()
    }

    /// Looks whether the file still has a name.
    pub fn check_links(&mut self) {
        use std::os::unix::fs::MetadataExt;
        self.unlinked = self.file.metadata().is_ok_and(|m| m.nlink() == 0);
    }

    fn set_mark(&mut self, offset: u64, tail: Print) {
        // The head as far as it lies before the mark: the rest of it may still be a half line.
        let head = &self.head[..self.head.len().min(offset as usize)];
        self.mark = Mark {
            offset,
            head: Print::of(head),
            tail,
        };
        self.unsaved = true;
    }

    /// Where the file begins with a hole, goes to its end.
    fn skip_hole(&mut self) {
        match lseek(&self.file, 0, Whence::SeekData) {
            Ok(data) if data > 0 => self.position = data as u64,
            Ok(_) | Err(Errno::ENXIO) => {}
            // The file system knows no holes; then the zeros are read.
            Err(_) => {}
        }
    }
}

/// The offset behind the last newline of a file: a half-written line is still to come as a whole.
pub fn last_line(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(PIECE as u64);
        let bytes = bytes_at(file, begin, (end - begin) as usize)?;
        if let Some(newline) = memrchr(b'\n', &bytes) {
            return Ok(begin + newline as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// The rest of a file that nobody writes to any more: a copy, or a compressed old log.
pub struct Past {
    pub reader: Box<dyn Read>,
    /// The log whose old lines these are.
    pub shown: PathBuf,
    pub lines: Lines,
}

impl Past {
    /// Reads a piece and appends the whole lines to `out`; at the end also a last one without newline.
    pub fn read(&mut self, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<Progress> {
        match self.reader.read(buffer) {
            Ok(0) => {
                self.lines.finish(out);
                Ok(Progress::End)
            }
            Ok(n) => {
                self.lines.push(&buffer[..n], out);
                Ok(Progress::More)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(Progress::More),
            Err(e) => Err(e),
        }
    }
}
