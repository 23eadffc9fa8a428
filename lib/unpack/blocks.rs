//! xz, whose blocks are unpacked by the threads of its library.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use liblzma::bufread::XzDecoder;
use liblzma::stream::MtStreamBuilder;

use crate::kind::XZ_MEMORY;

/// The file's bytes from a place on, whatever others read. The number is that of bytes read.
pub(crate) struct Bytes(
    pub(crate) Arc<File>,
    pub(crate) u64,
    pub(crate) Arc<AtomicU64>,
);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read_at(buffer, self.1)?;
        self.1 += length as u64;
        self.2.fetch_add(length as u64, Relaxed);
        Ok(length)
    }
}

/// Streams of xz one after the other, whose blocks are unpacked by several threads. An error is
/// only a doubt.
pub(crate) struct XzStreams {
    /// `None` for a moment only.
    decoder: Option<XzDecoder<BufReader<Bytes>>>,
    threads: u32,
}

impl XzStreams {
    pub(crate) fn new(bytes: BufReader<Bytes>, threads: usize) -> io::Result<Self> {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        let decoder = Some(Self::decoder(bytes, threads)?);
        Ok(XzStreams { decoder, threads })
    }

    /// All threads together take no more memory than one may.
    fn decoder(bytes: BufReader<Bytes>, threads: u32) -> io::Result<XzDecoder<BufReader<Bytes>>> {
        let stream = MtStreamBuilder::new()
            .threads(threads)
            .memlimit_threading(XZ_MEMORY)
            .memlimit_stop(XZ_MEMORY)
            .decoder()?;
        Ok(XzDecoder::new_stream(bytes, stream))
    }
}

impl Read for XzStreams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let decoder = self.decoder.as_mut().ok_or(io::ErrorKind::InvalidData)?;
            let length = decoder.read(buffer)?;
            if length > 0 || buffer.is_empty() || decoder.get_mut().fill_buf()?.is_empty() {
                return Ok(length);
            }
            let bytes = self.decoder.take().map(XzDecoder::into_inner);
            let bytes = bytes.ok_or(io::ErrorKind::InvalidData)?;
            self.decoder = Some(Self::decoder(bytes, self.threads)?);
        }
    }
}
