//! A position in a file, and the proof that a file holds it, whatever the file is called: its
//! identity, its beginning, and the bytes before the position.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

/// The number of bytes that are compared, at a file's beginning and before a position in it.
pub const EDGE: usize = 1024;

/// A file as the file system knows it. Once a file is deleted, another may get the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// The device number.
    pub dev: u64,
    /// The inode number.
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

/// Bytes by their number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// In bytes.
    pub len: u64,
    /// FNV-1a, 64 bits.
    pub hash: u64,
}

impl Fingerprint {
    /// The fingerprint of these bytes. It is kept on disk: every version must have the same hash.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| {
            (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
        });
        Fingerprint {
            len: bytes.len() as u64,
            hash,
        }
    }
}

/// A position between two lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// In bytes.
    pub offset: u64,
    /// The file's first bytes, at most [`EDGE`].
    pub head: Fingerprint,
    /// The bytes before the position, at most [`EDGE`].
    pub tail: Fingerprint,
}

/// The result of comparing a file with a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The file holds the position.
    Holds,
    /// It begins alike, but ends before the position: a copy that was made earlier.
    Shorter,
    /// It holds other text.
    Other,
}

impl Position {
    /// The beginning of a file whose first bytes have this fingerprint.
    pub fn beginning(head: Fingerprint) -> Self {
        Position {
            offset: 0,
            head,
            tail: Fingerprint::of(b""),
        }
    }

    /// The bytes that are compared, at least: the more, the less likely another file has them too.
    pub fn proof(&self) -> u64 {
        self.head.len.max(self.tail.len)
    }

    /// Compares a stream as [`fit`](Self::fit) compares a file. A stream that holds the position
    /// has been read up to it.
    pub fn fit_stream(&self, stream: &mut dyn Read) -> io::Result<Fit> {
        let mut tail = Vec::new();
        // The head of a position at the beginning lies behind it.
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
                if Fingerprint::of(&tail) != self.head {
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
        Ok(if Fingerprint::of(tail) == self.tail {
            Fit::Holds
        } else {
            Fit::Other
        })
    }

    /// Compares a file's content. A position at the very beginning fits every file.
    pub fn fit(&self, file: &File) -> io::Result<Fit> {
        if self.head != fingerprint_at(file, 0, self.head.len)? {
            return Ok(Fit::Other);
        }
        if file.metadata()?.len() < self.offset {
            return Ok(Fit::Shorter);
        }
        let tail = fingerprint_at(
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

fn fingerprint_at(file: &File, offset: u64, len: u64) -> io::Result<Fingerprint> {
    Ok(Fingerprint::of(&bytes_at(file, offset, len as usize)?))
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
