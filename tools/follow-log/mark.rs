//! What tells one file from another, whatever their names: identity, beginning, and what precedes a position.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

/// How many bytes of a file's beginning, and of what precedes a position in it, are compared.
pub const EDGE: usize = 1024;

/// A file as the file system knows it. Once a file is deleted, another may get the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    pub dev: u64,
    pub ino: u64,
}

impl From<&Metadata> for Id {
    fn from(metadata: &Metadata) -> Self {
        Id {
            dev: metadata.dev(),
            ino: metadata.ino(),
        }
    }
}

/// Some bytes, by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    pub len: u64,
    pub hash: u64,
}

impl Print {
    /// FNV-1a, 64 bits: it is kept on disk, so it must be the same in every version.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| {
            (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
        });
        Print {
            len: bytes.len() as u64,
            hash,
        }
    }
}

/// A position between two lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub offset: u64,
    /// The file's first bytes, at most [`EDGE`].
    pub head: Print,
    /// The bytes before the position, at most [`EDGE`].
    pub tail: Print,
}

/// How a file stands to a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It holds the position.
    Holds,
    /// It begins like the marked one, but ends before the position: a copy that was made earlier.
    Shorter,
    Other,
}

impl Mark {
    /// The beginning of a file that begins so.
    pub fn beginning(head: Print) -> Self {
        Mark {
            offset: 0,
            head,
            tail: Print::of(b""),
        }
    }

    /// The same as [`fit`](Self::fit) for a stream; one that holds the position stands there afterwards.
    pub fn fit_stream(&self, stream: &mut dyn Read) -> io::Result<Fit> {
        let mut tail = Vec::new();
        // The head of a mark at the beginning lies behind it.
        let mut taken = 0;
        let mut head = None;
        let mut piece = vec![0; 64 << 10];
        while taken < self.offset.max(self.head.len) {
            let end = if head.is_none() {
                self.head.len
            } else {
                self.offset
            };
            let wanted = (end - taken).min(piece.len() as u64) as usize;
            let n = stream.read(&mut piece[..wanted])?;
            taken += n as u64;
            tail.extend_from_slice(&piece[..n]);
            if head.is_none() && (taken == self.head.len || n == 0) {
                if Print::of(&tail) != self.head {
                    return Ok(Fit::Other);
                }
                head = Some(());
            }
            if n == 0 && wanted > 0 {
                return Ok(Fit::Shorter);
            }
            tail.drain(..tail.len().saturating_sub(EDGE));
        }
        let tail = &tail[tail.len().saturating_sub(self.tail.len as usize)..];
        Ok(if Print::of(tail) == self.tail {
            Fit::Holds
        } else {
            Fit::Other
        })
    }

    /// Compares a file's content with the mark. At its very beginning a mark fits every file.
    pub fn fit(&self, file: &File) -> io::Result<Fit> {
        if self.head != print_at(file, 0, self.head.len)? {
            return Ok(Fit::Other);
        }
        if file.metadata()?.len() < self.offset {
            return Ok(Fit::Shorter);
        }
        let tail = print_at(
            file,
            self.offset.saturating_sub(self.tail.len),
            self.tail.len,
        )?;
        Ok(if tail == self.tail {
            Fit::Holds
        } else {
            Fit::Other
        })
    }
}

fn print_at(file: &File, offset: u64, len: u64) -> io::Result<Print> {
    Ok(Print::of(&bytes_at(file, offset, len as usize)?))
}

/// The bytes at this offset, fewer at the file's end.
pub fn bytes_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
