//! Compressed files: recognised by their first bytes, and unpacked.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;

use liblzma::stream::{CONCATENATED, Stream};

/// The first bytes of compressed files: RFC 1952 2.3.1, RFC 8878 3.1.1, the .xz format 2.1.1.1,
/// bzip2's magic.
const GZIP: &[u8] = b"\x1f\x8b\x08";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const XZ: &[u8] = b"\xfd7zXZ\0";
const BZIP2: &[u8] = b"BZh";

/// The greatest memory of xz's decoder, in bytes: twice the need of `xz -9`. A file may ask for 4
/// GB. The other decoders take less: zstd's windows are bounded by its library to 128 MB.
const XZ_MEMORY: u64 = 128 << 20;

/// Compressed input is read in pieces of this size, in bytes.
const PIECE: usize = 64 << 10;

/// Whether a file that begins with these bytes is a compressed one; six bytes are enough to tell.
pub fn is_packed(first: &[u8]) -> bool {
    [GZIP, ZSTD, XZ, BZIP2]
        .iter()
        .any(|magic| first.starts_with(magic))
}

/// The kind of a file that begins with these bytes, if it is one that can't be read as text, with a
/// word on what to do.
pub fn unread(first: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] = [
        (
            b"\xff\xfe",
            "UTF-16 is not read: convert it by iconv -f UTF-16",
        ),
        (
            b"\xfe\xff",
            "UTF-16 is not read: convert it by iconv -f UTF-16",
        ),
        (b"\x04\x22\x4d\x18", "lz4 is not read: unpack it by lz4 -dc"),
        (b"\x1f\x9d", "compress's .Z is not read: unpack it by zcat"),
    ];
    let kind = kinds.iter().find(|(magic, _)| first.starts_with(magic));
    kind.map(|(_, what)| *what)
}

/// Reads a stream, and unpacks it if it is a compressed one. Several members in a row are read as
/// one text.
pub fn unpack(stream: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut stream = BufReader::with_capacity(PIECE, stream);
    let first = loop {
        match stream.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    Ok(if first.starts_with(GZIP) {
        Box::new(flate2::bufread::MultiGzDecoder::new(stream))
    } else if first.starts_with(ZSTD) {
        Box::new(zstd::stream::read::Decoder::with_buffer(stream)?)
    } else if first.starts_with(XZ) {
        let decoder = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
        Box::new(liblzma::bufread::XzDecoder::new_stream(stream, decoder))
    } else if first.starts_with(BZIP2) {
        Box::new(bzip2::bufread::MultiBzDecoder::new(stream))
    } else {
        Box::new(stream)
    })
}

/// Whether this regular file is a compressed one; its position is not moved.
pub fn is_packed_file(file: &File) -> io::Result<bool> {
    let mut first = [0; 6];
    let n = file.read_at(&mut first, 0)?;
    Ok(is_packed(&first[..n]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn members_in_a_row() {
        let gzip = |text: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        let bzip2 = |text: &[u8]| {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        let xz = |text: &[u8]| {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let plain = |text: &[u8]| text.to_vec();
        type Form<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
        let forms: [(Form, bool); 5] = [
            (&gzip, true),
            (&bzip2, true),
            (&xz, true),
            (&zstd, true),
            (&plain, false),
        ];
        for (i, (form, packed)) in forms.iter().enumerate() {
            let bytes = [form(b"one\n"), form(b"two\n")].concat();
            assert_eq!(is_packed(&bytes), *packed, "form {i}");
            let mut text = String::new();
            unpack(io::Cursor::new(bytes))
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, "one\ntwo\n", "form {i}");
        }
        let mut nothing = String::new();
        assert_eq!(
            unpack(io::empty())
                .unwrap()
                .read_to_string(&mut nothing)
                .unwrap(),
            0
        );
    }

    /// A dictionary of 1 GiB, in 60 bytes: such a file is refused before it gets the memory.
    #[test]
    fn memory_is_bounded() {
        let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
        out.write_all(b"203.0.113.7\n").unwrap();
        let mut packed = out.finish().unwrap();
        // The first block's header (.xz format 3.1): size, flags, LZMA2's number, the size of its
        // property, and the dictionary's size in the steps of 5.3.1; then zeros and the CRC32.
        assert_eq!(packed[12..16], [2, 0, 0x21, 1]);
        packed[16] = 36;
        let mut crc = flate2::Crc::new();
        crc.update(&packed[12..20]);
        packed[20..24].copy_from_slice(&crc.sum().to_le_bytes());
        let mut text = Vec::new();
        let read = unpack(io::Cursor::new(packed))
            .unwrap()
            .read_to_end(&mut text);
        assert!(read.is_err(), "{}", String::from_utf8_lossy(&text));
    }
}
