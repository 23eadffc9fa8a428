//! Operands in pieces, for several threads: a large file in parts of whole lines, all else as it
//! is.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use memchr::{memchr, memrchr};
use pipeban_journal::is_journal;

use super::operand::Operand;
use super::progress::Progress;
use super::source::{Part, Shared, Source};
use crate::unpack::{is_packed_file, unread};

/// The size of a part, in bytes, but for the rest of its last line. With less, to begin a part
/// would take time; with more, less of the output could wait.
pub const PIECE: u64 = 4 << 20;

/// Readers of a later part are told lines from this many bytes of the file's beginning.
const HEAD: usize = 4 << 10;

/// The bytes among which the end of a line is looked for at once.
const LOOK: usize = 16 << 10;

/// An operand, or a part of one, to be read by [`Input::begin`](super::Input::begin).
pub struct Piece {
    pub(super) from: Operand,
    operand: usize,
}

impl Piece {
    /// The number of the operand, the first being 0.
    pub fn operand(&self) -> usize {
        self.operand
    }

    /// The same part of a file, to be read once more; `None` if this is a whole operand. To be
    /// called before this one is read.
    pub fn again(&self) -> Option<Piece> {
        let Operand::Opened(name, Ok(source)) = &self.from else {
            return None;
        };
        let from = Operand::Opened(name.clone(), Ok(source.again()?));
        let operand = self.operand;
        Some(Piece { from, operand })
    }
}

/// The pieces of all operands, in order. Files are opened when their turn comes, each once.
pub struct Pieces {
    pub(super) operands: VecDeque<Operand>,
    pub(super) progress: Option<Arc<Mutex<Progress>>>,
    pub(super) part: Option<Arc<Part>>,
    /// Whether files are cut.
    pub(super) cuts: bool,
    /// The file that is being cut.
    pub(super) current: Option<Parts>,
    /// The operands begun so far.
    pub(super) begun: usize,
}

/// A file that is being cut.
pub(super) struct Parts {
    name: OsString,
    file: Arc<File>,
    /// The part that is left; its end may be behind that of the file.
    left: Range<u64>,
    /// The size of the file when it was opened.
    size: u64,
    head: Arc<[u8]>,
    counter: Arc<AtomicU64>,
    /// Whether compressed data in it were told.
    told: Arc<AtomicBool>,
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let operand = self.begun.saturating_sub(1);
            if let Some(from) = self.current.as_mut().and_then(Parts::next) {
                return Some(Piece { from, operand });
            }
            let from = self.operands.pop_front()?;
            let operand = self.begun;
            self.begun += 1;
            self.current = match &from {
                // Reading it tells what is wrong.
                Operand::Name(name) if self.cuts => self.open(name).unwrap_or(None),
                _ => None,
            };
            if self.current.is_none() {
                return Some(Piece { from, operand });
            }
        }
    }
}

impl Pieces {
    /// Opens a file to be cut; `None` if it is small, or not to be read as it stands there.
    fn open(&self, name: &OsString) -> io::Result<Option<Parts>> {
        if name == "-" {
            return Ok(None);
        }
        let data = std::fs::metadata(name)?;
        if !data.is_file() || data.len() <= PIECE {
            return Ok(None);
        }
        let file = File::open(name)?;
        let data = file.metadata()?;
        if !data.is_file() || is_packed_file(&file)? || is_journal(&file)? {
            return Ok(None);
        }
        let mut head = vec![0; HEAD];
        let length = read_at(&file, &mut head, 0)?;
        head.truncate(length);
        if unread(&head).is_some() {
            return Ok(None);
        }
        head.truncate(memrchr(b'\n', &head).map_or(0, |newline| newline + 1));
        let left = match self.part.as_deref() {
            Some(part) => part(&file)?,
            None => 0..u64::MAX,
        };
        let progress = self.progress.as_ref();
        let counter = progress.and_then(|p| Some(p.lock().ok()?.counter()));
        Ok(Some(Parts {
            name: name.clone(),
            file: Arc::new(file),
            left,
            size: data.len(),
            head: head.into(),
            counter: counter.unwrap_or_default(),
            told: Arc::default(),
        }))
    }
}

impl Parts {
    fn next(&mut self) -> Option<Operand> {
        if self.left.is_empty() {
            return None;
        }
        let start = self.left.start;
        let at = start.saturating_add(PIECE);
        // The last part has all by which the file grows meanwhile.
        let end = match at < self.size {
            true => self.next_line(at).unwrap_or(u64::MAX).min(self.left.end),
            false => self.left.end,
        };
        self.left.start = end;
        let head = match start {
            0 => Arc::default(),
            _ => self.head.clone(),
        };
        let name = self.name.to_string_lossy().into_owned();
        let part = Shared(self.file.clone(), start..end, self.counter.clone());
        let source = Source::part(name, head, self.told.clone(), part);
        Some(Operand::Opened(self.name.clone(), Ok(source)))
    }

    /// Where the first line begins that does not begin before `at`; `None` if there is none, or
    /// if the file can't be read, which its reader tells.
    fn next_line(&self, at: u64) -> Option<u64> {
        let mut bytes = vec![0; LOOK];
        let mut from = at.checked_sub(1)?;
        loop {
            let length = read_at(&self.file, &mut bytes, from).ok()?;
            if let Some(newline) = memchr(b'\n', &bytes[..length]) {
                let next = from + newline as u64 + 1;
                return (next < self.size).then_some(next);
            }
            if length == 0 {
                return None;
            }
            from += length as u64;
        }
    }
}

/// Reads some bytes from here on; 0 at the file's end.
fn read_at(file: &File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    loop {
        match file.read_at(bytes, from) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
