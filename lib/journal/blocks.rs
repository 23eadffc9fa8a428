//! A file in blocks that are kept: most objects stand near each other, and are read with one call.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The size of a block, in bytes.
const BLOCK: u64 = 64 << 10;

/// The number of blocks that are kept; a power of two.
const KEPT: usize = 16;

pub(crate) struct Blocks {
    file: File,
    kept: Vec<Block>,
    /// An object that no block holds as a whole.
    long: Vec<u8>,
}

struct Block {
    /// Its number in the file; `u64::MAX` if none is kept here.
    number: u64,
    bytes: Vec<u8>,
}

impl Blocks {
    pub(crate) fn new(file: File) -> Self {
        let empty = || Block {
            number: u64::MAX,
            bytes: Vec::new(),
        };
        Blocks {
            file,
            kept: std::iter::repeat_with(empty).take(KEPT).collect(),
            long: Vec::new(),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Forgets all blocks: the file has grown.
    pub(crate) fn forget(&mut self) {
        for block in &mut self.kept {
            block.number = u64::MAX;
            // Many files wait for their next entry.
            block.bytes = Vec::new();
        }
    }

    /// Up to `length` bytes at an offset, which may be fewer than there are but not fewer than
    /// `least`; it is an error that the file ends before. The caller bounds `length`.
    pub(crate) fn get(&mut self, offset: u64, least: usize, length: usize) -> io::Result<&[u8]> {
        let number = offset / BLOCK;
        let begin = (offset % BLOCK) as usize;
        if begin + least > BLOCK as usize {
            self.long.resize(length, 0);
            let read = read_at(&self.file, &mut self.long, offset)?;
            return enough(&self.long[..read], least);
        }
        let block = &mut self.kept[number as usize % KEPT];
        if block.number != number {
            block.number = u64::MAX;
            block.bytes.resize(BLOCK as usize, 0);
            let read = read_at(&self.file, &mut block.bytes, number * BLOCK)?;
            block.bytes.truncate(read);
            block.number = number;
        }
        let end = (begin + length).min(block.bytes.len());
        enough(block.bytes.get(begin..end).unwrap_or(&[]), least)
    }
}

fn enough(bytes: &[u8], least: usize) -> io::Result<&[u8]> {
    if bytes.len() < least {
        return Err(super::layout::wrong("the file ends inside an object"));
    }
    Ok(bytes)
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
