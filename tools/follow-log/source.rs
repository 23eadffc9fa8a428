//! One followed file. It is read on from its position as long as it holds the same bytes there.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use memchr::memrchr;
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};
use pipeban::input::MAX_LINE;

use crate::lines::Lines;
use crate::old_lines::{Search, whole_lines};
use crate::position::{EDGE, Fingerprint, Id, Position, bytes_at};

/// The size of one read, in bytes.
const PIECE: usize = 256 << 10;

/// A buffer for [`Source::read`], shared by all files.
pub fn buffer() -> Box<[u8]> {
    vec![0; EDGE + PIECE].into_boxed_slice()
}

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more.
    More,
    /// The file's end was reached.
    End,
    /// The file holds other bytes than before: it was truncated, and may have grown since.
    Replaced,
}

/// The number of a log's former beginnings that are remembered.
const HEADS: usize = 4;

/// The part that a file with the name of a rotated one plays.
pub enum Standing {
    /// A log.
    Log,
    /// It has not shown yet whether it is a copy of one of these logs.
    Undecided(Vec<PathBuf>),
    /// A copy, whose lines have been printed.
    Copy,
}

/// A file that is followed.
pub struct Source {
    /// The file.
    pub file: File,
    /// Its identity.
    pub id: Id,
    /// Its name as a user knows it.
    pub shown: PathBuf,
    /// Its name without symbolic links, when it was last looked up.
    pub real: PathBuf,
    /// Greater than that of the files which had the name before.
    pub number: u64,
    /// Its lines.
    pub lines: Lines,
    /// The file's first bytes, at most `EDGE`.
    head: Vec<u8>,
    /// The bytes before `offset`, at most `EDGE`.
    tail: Vec<u8>,
    /// The end of the part that was read.
    offset: u64,
    /// The end of its last whole line.
    pub position: Position,
    /// It was truncated while it was followed: a writer that keeps its own offset leaves a hole
    /// before its next line.
    may_have_hole: bool,
    /// The beginning that it had before it was truncated, until it is proven that no other content
    /// was written, copied and truncated in between.
    pub before: Option<Fingerprint>,
    /// The beginning that it had when that was proven.
    proven: Vec<u8>,
    /// Whether it is a log at all, or a copy of one.
    pub standing: Standing,
    /// The beginnings that it had before it was truncated, at most [`HEADS`], the newest last.
    earlier: Vec<Vec<u8>>,
    /// Old lines that may stand in it, before it is read.
    pub search: Option<Search>,
    /// It no longer has the name under which it was found.
    pub retired: bool,
    /// It has no name at all.
    pub unlinked: bool,
    /// When it last gave text.
    pub last_read: Instant,
    /// It waits in the queue to be read.
    pub queued: bool,
    /// Its position has moved since it was saved.
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
        let mut source = Source {
            id: Id::from(&file.metadata()?),
            head: Vec::new(),
            tail: Vec::new(),
            offset,
            position: Position {
                offset,
                head: Fingerprint::of(b""),
                tail: Fingerprint::of(b""),
            },
            file,
            shown,
            real,
            number,
            lines,
            may_have_hole: false,
            before: None,
            proven: Vec::new(),
            standing: Standing::Log,
            earlier: Vec::new(),
            search: None,
            retired: false,
            unlinked: false,
            last_read: Instant::now(),
            queued: false,
            unsaved: true,
        };
        source.start_at(offset)?;
        Ok(source)
    }

    /// Reads a piece and appends the whole lines to `out`.
    pub fn read(&mut self, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<Progress> {
        if self.may_have_hole && self.offset == 0 {
            self.skip_hole();
        }
        // The last bytes are read again and compared: a file that was truncated and has grown past
        // the old offset differs there, and one that has not grown so far is too short.
        let known = self.tail.len();
        let n = match self.file.read_at(buffer, self.offset - known as u64) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(Progress::More),
            other => other?,
        };
        if n < known || buffer[..known] != self.tail {
            return Ok(Progress::Replaced);
        }
        if self.offset == 0 && !buffer[..n].starts_with(&self.proven) {
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
        if self.head.len() < EDGE && self.head.len() as u64 == self.offset {
            let end = n.min(known + EDGE - self.head.len());
            self.head.extend_from_slice(&buffer[known..end]);
        }
        self.offset += (n - known) as u64;
        if let Some(newline) = memrchr(b'\n', &buffer[known..n]) {
            let end = known + newline + 1;
            let offset = self.offset - (n - end) as u64;
            self.set_position(
                offset,
                Fingerprint::of(&buffer[end.saturating_sub(EDGE)..end]),
            );
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

    /// Goes back to the beginning, after the file was truncated.
    pub fn restart(&mut self) {
        if self.position.head.len > 0 {
            self.before = Some(self.position.head);
        }
        self.proven.clear();
        self.lines.forget();
        let head = std::mem::take(&mut self.head);
        if !head.is_empty() {
            self.earlier.push(head);
            let over = self.earlier.len().saturating_sub(HEADS);
            self.earlier.drain(..over);
        }
        self.tail.clear();
        self.offset = 0;
        self.may_have_hole = true;
        self.set_position(0, Fingerprint::of(b""));
    }

    /// The beginnings that the file has and had.
    pub fn heads(&self) -> impl Iterator<Item = &[u8]> {
        let heads = self.earlier.iter().chain([&self.head]);
        heads.map(Vec::as_slice).filter(|head| !head.is_empty())
    }

    /// The last whole lines that were read, at most [`EDGE`] bytes.
    pub fn last_lines(&self) -> Vec<u8> {
        let half = (self.offset - self.position.offset) as usize;
        let end = self.tail.len().saturating_sub(half);
        let whole = self.position.offset <= end as u64;
        whole_lines(&self.tail[..end], whole).to_vec()
    }

    /// Passes the lines that the file holds now.
    pub fn skip_to_end(&mut self) -> io::Result<()> {
        self.start_at(last_line(&self.file, u64::MAX)?)
    }

    /// Goes on at `offset`, which is the beginning of a line.
    pub fn start_at(&mut self, offset: u64) -> io::Result<()> {
        let before = offset.min(EDGE as u64);
        self.head = bytes_at(&self.file, 0, before as usize)?;
        self.tail = bytes_at(&self.file, offset - before, before as usize)?;
        self.offset = offset;
        self.before = None;
        self.proven.clear();
        self.lines.forget();
        self.set_position(offset, Fingerprint::of(&self.tail.clone()));
        Ok(())
    }

    /// The first bytes that the file holds now, at most `EDGE`.
    pub fn beginning(&self) -> io::Result<Vec<u8>> {
        bytes_at(&self.file, 0, EDGE)
    }

    /// Accepts this beginning of a truncated file as the text that follows the last lines read: no
    /// other content was written, copied and truncated in between.
    pub fn prove(&mut self, beginning: Vec<u8>) {
        self.before = None;
        self.position.head = Fingerprint::of(&beginning);
        self.proven = beginning;
    }

    /// Takes a half line at the end for a line: no more text is expected.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.lines.finish(out);
        self.set_position(self.offset, Fingerprint::of(&self.tail));
    }

    /// When the file was made, where the file system knows.
    pub fn made(&self) -> Option<SystemTime> {
        self.file.metadata().ok()?.created().ok()
    }

    /// The path of the file now, under whatever name; `None` where it has none.
    pub fn path(&self) -> Option<PathBuf> {
        if self.unlinked {
            return None;
        }
        std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())).ok()
    }

    /// Whether the file holds more, or less, than was read.
    pub fn has_grown(&self) -> bool {
        self.file.metadata().is_ok_and(|m| m.len() != self.offset)
    }

    /// Notes whether the file still has a name.
    pub fn check_links(&mut self) {
        use std::os::unix::fs::MetadataExt;
        self.unlinked = self.file.metadata().is_ok_and(|m| m.nlink() == 0);
    }

    fn set_position(&mut self, offset: u64, tail: Fingerprint) {
        // Only as far as it lies before the position: the rest of it may still be a half line.
        let head = &self.head[..self.head.len().min(offset as usize)];
        self.position = Position {
            offset,
            head: Fingerprint::of(head),
            tail,
        };
        self.unsaved = true;
    }

    /// Goes to the end of a hole at the file's beginning.
    fn skip_hole(&mut self) {
        match lseek(&self.file, 0, Whence::SeekData) {
            Ok(data) if data > 0 => self.offset = data as u64,
            Ok(_) | Err(Errno::ENXIO) => {}
            // Where the file system knows no holes the zeros are read.
            Err(_) => {}
        }
    }
}

/// The offset behind the last newline before `end` or the file's end: a half-written line is still
/// to come as a whole. A line longer than the longest that is printed is not searched for its
/// beginning.
pub fn last_line(file: &File, end: u64) -> io::Result<u64> {
    let whole = end.min(file.metadata()?.len());
    let least = whole.saturating_sub((MAX_LINE + PIECE) as u64);
    let mut end = whole;
    while end > least {
        let begin = end.saturating_sub(PIECE as u64);
        let bytes = bytes_at(file, begin, (end - begin) as usize)?;
        if let Some(newline) = memrchr(b'\n', &bytes) {
            return Ok(begin + newline as u64 + 1);
        }
        end = begin;
    }
    Ok(if least == 0 { 0 } else { whole })
}
