//! The payload of a data object, unpacked as far as it is wanted.

use std::io::{self, Read};

use crate::layout::{u64_at, wrong};
use crate::lz4;

/// The greatest window of zstd that is accepted, as a power of two: 32 MiB.
const WINDOW: u32 = 25;

/// The memory that xz may take, in bytes.
const XZ_MEMORY: u64 = 64 << 20;

/// Unpacks the data of an object with these flags; at most `most` bytes stand in `out` then.
pub(crate) fn unpack(flags: u8, data: &[u8], most: usize, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    match flags {
        0 => out.extend_from_slice(&data[..data.len().min(most)]),
        1 => {
            let decoder = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
            let stream = liblzma::bufread::XzDecoder::new_stream(data, decoder);
            stream.take(most as u64).read_to_end(out)?;
        }
        2 => {
            // The size stands before the block.
            let block = data.get(8..).ok_or_else(|| wrong("an empty LZ4 block"))?;
            let most = most.min(usize::try_from(u64_at(data, 0)).unwrap_or(most));
            lz4::unpack(block, most, out).ok_or_else(|| wrong("an LZ4 block"))?;
        }
        4 => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?;
            decoder.window_log_max(WINDOW)?;
            decoder.take(most as u64).read_to_end(out)?;
        }
        _ => return Err(wrong("packed in an unknown way")),
    }
    Ok(())
}
