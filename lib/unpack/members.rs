//! The places of members in a compressed file, found without unpacking: of BGZF's (SAM/BAM format
//! 4.1), which is gzip with each member's size in a field of its header, and of zstd's frames (RFC
//! 8878 3.1), whose blocks have their sizes in front.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use flate2::bufread::GzDecoder;

use crate::kind::{GZIP, Kind, ZSTD, is_skipped};

/// Members are unpacked together until they have this size, in bytes.
const TOGETHER: u64 = 128 << 10;
/// The greatest size of a member, in bytes.
const LONGEST: u64 = 16 << 20;
/// The greatest size of the text of members that are unpacked together, in bytes.
const MOST_TEXT: u64 = 16 << 20;
/// The greatest window of a frame, as a power of two: each thread needs that memory.
const WINDOW: u32 = 24;
/// Bytes that are read at once on the way.
const LOOK: usize = 4 << 10;

/// The members of a file, several at a time.
pub(crate) struct Members {
    at: u64,
    /// That of all of them, once it is known.
    kind: Option<Kind>,
    window: Vec<u8>,
    window_at: u64,
}

/// Members that lie behind each other, each with its place in the file.
pub(crate) type Together = Vec<Range<u64>>;

impl Members {
    pub(crate) fn new() -> Self {
        Members {
            at: 0,
            kind: None,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// The next members; none at the file's end. An error says that this is not known.
    pub(crate) fn next(&mut self, file: &File) -> io::Result<Together> {
        let begin = self.at;
        let mut together = Vec::new();
        while self.at - begin < TOGETHER && !self.look(file, self.at, 1)?.is_empty() {
            let start = self.at;
            let end = self.end(file)?.ok_or(io::ErrorKind::InvalidData)?;
            if end <= start || end - start > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            together.push(start..end);
            self.at = end;
        }
        Ok(together)
    }

    /// Where the member ends that begins here.
    fn end(&mut self, file: &File) -> io::Result<Option<u64>> {
        let at = self.at;
        let first = self.look(file, at, 18)?;
        let kind = Kind::of(first);
        let end = match kind {
            Some(Kind::Gzip) => bgzf_size(first).map(|size| at + size),
            // Its size stands behind the magic number.
            Some(Kind::Zstd) if is_skipped(first) => first[4..]
                .first_chunk()
                .map(|size| at + 8 + u64::from(u32::from_le_bytes(*size))),
            Some(Kind::Zstd) => self.frame_end(file)?,
            _ => None,
        };
        // One thread reads those of one kind.
        let is_first = self.kind.is_none();
        self.kind = self.kind.or(kind);
        Ok(end.filter(|_| is_first || self.kind == kind))
    }

    /// The same of a frame with text.
    fn frame_end(&mut self, file: &File) -> io::Result<Option<u64>> {
        let begin = self.at;
        let Some(flags) = self.look(file, begin + 4, 1)?.first().copied() else {
            return Ok(None);
        };
        let is_single = flags & 0x20 != 0;
        let window = u64::from(!is_single);
        let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
        let content = [u64::from(is_single), 2, 4, 8][usize::from(flags >> 6)];
        let checksum = if flags & 4 != 0 { 4 } else { 0 };
        let mut at = begin + 5 + window + dictionary + content;
        while at - begin <= LONGEST {
            let Some(&[a, b, c]) = self.look(file, at, 3)?.first_chunk() else {
                return Ok(None);
            };
            let header = u32::from_le_bytes([a, b, c, 0]);
            // Raw, one byte many times, compressed; the fourth is reserved.
            let size = match header >> 1 & 3 {
                0 | 2 => header >> 3,
                1 => 1,
                _ => return Ok(None),
            };
            at += 3 + u64::from(size);
            if header & 1 != 0 {
                return Ok(Some(at + checksum));
            }
        }
        Ok(None)
    }

    /// Up to `length` bytes from a place on; less at the file's end.
    fn look(&mut self, file: &File, at: u64, length: usize) -> io::Result<&[u8]> {
        let inside = at.checked_sub(self.window_at).map(|from| from as usize);
        let from = match inside {
            Some(from) if from + length <= self.window.len() => from,
            _ => {
                self.window.resize(LOOK, 0);
                let length = read_at(file, &mut self.window, at)?;
                self.window.truncate(length);
                self.window_at = at;
                0
            }
        };
        Ok(&self.window[from..self.window.len().min(from + length)])
    }
}

/// The size of a gzip member with a field `BC` in its header.
fn bgzf_size(first: &[u8]) -> Option<u64> {
    // No name and no comment: only extra fields, and of these one, as bgzip writes it.
    let &[
        _,
        _,
        _,
        4,
        _,
        _,
        _,
        _,
        _,
        _,
        6,
        0,
        b'B',
        b'C',
        2,
        0,
        low,
        high,
    ] = first.first_chunk()?
    else {
        return None;
    };
    Some(u64::from(u16::from_le_bytes([low, high])) + 1)
}

/// Fills the buffer from this place on; less at the file's end.
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}

/// Buffers for members that lie together, and for their text.
#[derive(Default)]
pub(crate) struct Buffers {
    packed: Vec<u8>,
    pub(crate) text: Vec<u8>,
}

/// Reads the whole text of members; `None` if anything is wrong with one of them, or if it is too
/// long.
pub(crate) fn read_text(file: &File, members: &Together, buffers: &mut Buffers) -> Option<()> {
    let Buffers { packed, text } = buffers;
    let (begin, end) = (members.first()?.start, members.last()?.end);
    let length = usize::try_from(end - begin).ok()?;
    packed.clear();
    text.clear();
    packed.try_reserve(length).ok()?;
    packed.resize(length, 0);
    if read_at(file, packed, begin).ok()? < length {
        return None;
    }
    for Range { start, end } in members {
        let member = &packed[(start - begin) as usize..(end - begin) as usize];
        let room = MOST_TEXT + 1 - text.len() as u64;
        let rest = if member.starts_with(GZIP) {
            let mut decoder = GzDecoder::new(member);
            decoder.by_ref().take(room).read_to_end(text).ok()?;
            decoder.into_inner()
        } else if member.starts_with(ZSTD) {
            let mut decoder = zstd::Decoder::with_buffer(member).ok()?.single_frame();
            decoder.window_log_max(WINDOW).ok()?;
            decoder.by_ref().take(room).read_to_end(text).ok()?;
            decoder.finish()
        } else {
            // To be skipped.
            &[]
        };
        if !rest.is_empty() || text.len() as u64 > MOST_TEXT {
            return None;
        }
    }
    Some(())
}
