//! The objects of a journal file, as journal-def.h has them. All numbers are little-endian.

use std::io;

/// The first bytes of a journal file.
pub(crate) const SIGNATURE: &[u8; 8] = b"LPKSHHRH";

/// The part of the header that every version has, in bytes.
pub(crate) const HEADER: usize = 208;

/// The size of an object's own header, in bytes.
pub(crate) const OBJECT: u64 = 16;

/// Incompatible flags that are known: data packed by xz, lz4, zstd; keyed hashes; compact offsets.
const KNOWN: u32 = 1 | 2 | 4 | 8 | 16;

/// The flag of compact offsets.
const COMPACT: u32 = 16;

/// The state of a file that was rotated.
const ARCHIVED: u8 = 2;

/// The kinds of objects that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data = 1,
    Entry = 3,
    EntryArray = 6,
}

/// The numbers of a file's header that are needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Offsets in entries and arrays have 32 bits.
    pub(crate) compact: bool,
    pub(crate) file_id: [u8; 16],
    /// It was rotated: nothing is added any more.
    pub(crate) archived: bool,
    /// The header's own size, in bytes.
    pub(crate) size: u64,
    pub(crate) entries: u64,
    /// The first array of entries, or 0.
    pub(crate) array: u64,
    /// The time of the first entry, in microseconds of the Unix epoch.
    pub(crate) head: u64,
}

impl Header {
    /// Reads the first [`HEADER`] bytes of a file.
    pub(crate) fn read(bytes: &[u8]) -> io::Result<Self> {
        if bytes.len() < HEADER || !bytes.starts_with(SIGNATURE) {
            return Err(wrong("not a journal file"));
        }
        let flags = u32_at(bytes, 12);
        if flags & !KNOWN != 0 {
            return Err(wrong("a journal file of a newer form"));
        }
        let mut file_id = [0; 16];
        file_id.copy_from_slice(&bytes[24..40]);
        let header = Header {
            compact: flags & COMPACT != 0,
            file_id,
            archived: bytes[16] == ARCHIVED,
            size: u64_at(bytes, 88),
            entries: u64_at(bytes, 152),
            array: u64_at(bytes, 176),
            head: u64_at(bytes, 184),
        };
        if header.size < HEADER as u64 || header.entries > 1 << 40 {
            return Err(wrong("a header that can not be"));
        }
        Ok(header)
    }
}

/// The start of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    /// How its data are packed: 1 xz, 2 lz4, 4 zstd.
    pub(crate) flags: u8,
    /// With its header, in bytes.
    pub(crate) size: u64,
}

impl Object {
    /// Reads the header of an object of this kind.
    pub(crate) fn read(bytes: &[u8], kind: Kind) -> io::Result<Self> {
        if bytes.len() < OBJECT as usize || bytes[0] != kind as u8 {
            return Err(wrong("an object of another kind than expected"));
        }
        Ok(Object {
            flags: bytes[1],
            size: u64_at(bytes, 8),
        })
    }
}

/// The error of a damaged file.
pub(crate) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged: {what}"))
}

/// A number of 64 bits; the caller has checked the length.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// A number of 32 bits; the caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}
