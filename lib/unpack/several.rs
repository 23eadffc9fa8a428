//! A compressed regular file, unpacked by several threads: the blocks of xz by its library's; see
//! [`MembersAhead`](crate::MembersAhead) for the rest.
//!
//! The sizes in such a file may be a lie, and it may be damaged. The text and the error must be
//! those of one thread, byte for byte. So text is given out when its member is known to be good;
//! from the first doubt on one thread unpacks the file once more, from its beginning.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::blocks::{Bytes, XzStreams};
use crate::kind::{PIECE, XZ};
use crate::unpack;

/// Unpacks a regular file that begins with these bytes; blocks of xz by this number of threads. The
/// bytes that are read of it are added to `counter`.
pub fn unpack_file(
    file: File,
    first: &[u8],
    threads: usize,
    counter: Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let file = Arc::new(file);
    let bytes = Bytes(file.clone(), 0, counter);
    if threads < 2 || !first.starts_with(XZ) {
        return unpack(bytes);
    }
    let streams = XzStreams::new(BufReader::with_capacity(PIECE, bytes), threads)?;
    Ok(Box::new(Checked {
        from: Box::new(streams),
        given: 0,
        file: Some(file),
    }))
}

/// The text of a file from this place on, unpacked by one thread.
pub(crate) fn unpack_rest(file: Arc<File>, given: u64) -> io::Result<Box<dyn Read + Send>> {
    // These bytes are counted already.
    let mut one = unpack(Bytes(file, 0, Arc::default()))?;
    let again = io::copy(&mut one.by_ref().take(given), &mut io::sink())?;
    match again < given {
        true => Err(io::Error::other("the file has changed meanwhile")),
        false => Ok(one),
    }
}

/// The text of several threads while they have no doubt, then that of one.
struct Checked {
    from: Box<dyn Read + Send>,
    /// The size of the text that was given out.
    given: u64,
    /// `None` once there was a doubt.
    file: Option<Arc<File>>,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer);
        match self.file.take_if(|_| read.is_err()) {
            Some(file) => {
                self.from = unpack_rest(file, self.given)?;
                self.from.read(buffer)
            }
            None => {
                self.given += *read.as_ref().unwrap_or(&0) as u64;
                read
            }
        }
    }
}
