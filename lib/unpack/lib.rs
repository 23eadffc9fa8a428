//! Compressed files: recognised by their first bytes, and unpacked.

mod kind; // the kinds of compressed files

mod blocks; // xz, block by block
mod row; // members in a row, by one thread

mod members; // the places of members in a file, and their text
mod several; // a file unpacked by several threads

mod ahead; // its members, unpacked ahead of the reader

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use memchr::memmem;

pub use ahead::MembersAhead;
use kind::Kind;
pub use kind::is_packed;
pub use row::is_behind_text;
use row::{Ahead, Row};
pub use several::unpack_file;

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
    let kind = kind.map(|(_, what)| *what);
    kind.or_else(|| is_utf16_unmarked(first).then_some(kinds[0].1))
}

/// Whether these are letters and NULs in turn.
fn is_utf16_unmarked(first: &[u8]) -> bool {
    let Some(&[a, b, c, d, e, f]) = first.first_chunk() else {
        return false;
    };
    let is_text = |letters: [u8; 3], nuls: [u8; 3]| {
        let is_letter = |b: &u8| (b' '..=b'~').contains(b);
        nuls == [0; 3] && letters.iter().all(is_letter)
    };
    is_text([a, c, e], [b, d, f]) || is_text([b, d, f], [a, c, e])
}

/// A watch for gzip data that begin behind text, at a line's beginning.
#[derive(Debug, Default)]
pub struct Amid {
    /// The last bytes before those that come next.
    before: Vec<u8>,
    found: bool,
}

/// A newline, and the beginning of a gzip member behind it.
const BEHIND_LINE: &[u8] = b"\n\x1f\x8b\x08";
/// Text is looked through up to this length, in bytes. In more of it, compressed data are first
/// looked for by samples.
const SHORT: usize = 64 << 10;
/// The distance of samples, and the length of one, in bytes.
const SAMPLES: (usize, usize) = (1024, 32);

impl Amid {
    /// Whether gzip data begin in these bytes, the next ones of a text; at most once.
    pub fn begins(&mut self, bytes: &[u8]) -> bool {
        if self.found {
            return false;
        }
        let near = &bytes[..bytes.len().min(BEHIND_LINE.len())];
        self.before.extend_from_slice(near);
        let is_long = bytes.len() > SHORT;
        let may_hold = !is_long || bytes.chunks(SAMPLES.0).any(has_controls);
        self.found = memmem::find(&self.before, BEHIND_LINE).is_some()
            || may_hold && memmem::find(bytes, BEHIND_LINE).is_some();
        let kept = match bytes.len() < BEHIND_LINE.len() {
            true => self.before.as_slice(),
            false => bytes,
        };
        self.before = kept[kept.len().saturating_sub(BEHIND_LINE.len() - 1)..].to_vec();
        self.found
    }
}

/// Whether the beginning of a piece has control characters that are rare in logs, and frequent in
/// compressed data.
fn has_controls(piece: &[u8]) -> bool {
    let sample = &piece[..piece.len().min(SAMPLES.1)];
    let rare = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r' | 0x1b);
    sample.iter().fold(false, |any, b| any | rare(b))
}

/// Reads a stream, and unpacks it if it is a compressed one. Several members in a row are read as
/// one text. Other bytes behind them are an error, of which [`is_behind_text`] tells.
pub fn unpack(stream: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut stream = Ahead::new(stream);
    Ok(match Kind::of(stream.peek()?) {
        Some(kind) => Box::new(Row::new(kind, stream)?),
        None => Box::new(stream),
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
        let skipped = |text: &[u8]| [&b"\x50\x2a\x4d\x18\x01\0\0\0x"[..], &zstd(text)].concat();
        let forms: [(Form, bool); 6] = [
            (&gzip, true),
            (&bzip2, true),
            (&xz, true),
            (&zstd, true),
            (&skipped, true),
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

    /// The text is whole, and the error says so, as the tools of each format do.
    #[test]
    fn behind_the_last_member() {
        let text = b"203.0.113.7 ".repeat(20_000);
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        let xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
        fn all<W: Write>(mut out: W, text: &[u8], finish: fn(W) -> Vec<u8>) -> Vec<u8> {
            out.write_all(text).unwrap();
            finish(out)
        }
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        let [zeros, seven]: [&[u8]; 2] = [&[0; 200_000], &[0; 7]];
        let (padded, garbage) = ([zeros, b"x"].concat(), [zeros, &zstd].concat());
        let tails: [&[u8]; 7] = [b"", zeros, seven, b"x", b"\x1f\x8b\x09", &padded, &garbage];
        // Each file, and the tails that are none.
        let files = [
            (
                all(gzip, &text, |out| out.finish().unwrap()),
                &[0, 1, 2][..],
            ),
            (all(xz, &text, |out| out.finish().unwrap()), &[0, 1]),
            (all(bzip2, &text, |out| out.finish().unwrap()), &[0]),
            (zstd.clone(), &[0]),
        ];
        for (file, good) in &files {
            for (i, tail) in tails.iter().enumerate() {
                let packed = [file, *tail].concat();
                let mut read = Vec::new();
                let mut unpacked = unpack(io::Cursor::new(packed)).unwrap();
                let error = unpacked.read_to_end(&mut read).err();
                let about = format!("tail {i} of {:?}: {error:?}", &file[..2]);
                assert_eq!(error.is_none(), good.contains(&i), "{about}");
                assert!(error.is_none_or(|e| is_behind_text(&e)), "{about}");
                assert!(read == text, "{about}");
            }
            // One that begins is cut.
            for length in [1, 2, 5] {
                let packed = [file, &file[..length]].concat();
                let mut read = Vec::new();
                let mut unpacked = unpack(io::Cursor::new(packed)).unwrap();
                let error = unpacked.read_to_end(&mut read).unwrap_err();
                assert!(!is_behind_text(&error) && read == text);
            }
        }
    }

    /// However the bytes come, and however much text stands before.
    #[test]
    fn gzip_behind_text() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let random = (0..9_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
        gzip.write_all(&random.collect::<Vec<_>>()).unwrap();
        let packed = gzip.finish().unwrap();
        for lines in [1, 100, 100_000] {
            let text = b"a line of a log\n".repeat(lines);
            let whole = [&text[..], &packed, &text].concat();
            for piece in [1, 3, 5, 4096, 1 << 20]
                .into_iter()
                .filter(|n| whole.len() / n < 20_000)
            {
                let count = |bytes: &[u8]| {
                    let mut amid = Amid::default();
                    bytes.chunks(piece).filter(|c| amid.begins(c)).count()
                };
                assert_eq!(count(&whole), 1, "{lines} lines, {piece} bytes at once");
                assert_eq!(count(&text), 0);
                let inside = [&text[..], b"x", &packed[..3], b"\n"].concat();
                assert_eq!(count(&inside), 0);
            }
        }
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
