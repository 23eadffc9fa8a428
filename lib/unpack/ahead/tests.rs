//! Several threads beside one, on good, damaged and lying files.

use super::*;
use std::io::{BufReader, Write};

use crate::blocks::{Bytes, XzStreams};
use crate::kind::{PIECE, XZ};
use crate::several::unpack_file;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;

/// Text that is half as large when it is compressed.
fn text(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    let letter = |_| b"0123456789abcdef\n"[random.usize(..17)];
    (0..length).map(letter).collect()
}

/// As bgzip writes it, with an empty member at the end.
fn bgzf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in text.chunks(65_280).chain([&[][..]]) {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflate.write_all(part).unwrap();
        let packed = deflate.finish().unwrap();
        let mut crc = Crc::new();
        crc.update(part);
        out.extend(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0");
        out.extend((packed.len() as u16 + 25).to_le_bytes());
        out.extend(packed);
        out.extend(crc.sum().to_le_bytes());
        out.extend((part.len() as u32).to_le_bytes());
    }
    out
}

/// Frames with and without a checksum and a size, and one to be skipped at the end.
fn frames(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, part) in text.chunks(300_000).enumerate() {
        let mut frame = zstd::Encoder::new(Vec::new(), 1).unwrap();
        frame.include_checksum(i % 2 == 0).unwrap();
        if i % 3 == 0 {
            frame.set_pledged_src_size(Some(part.len() as u64)).unwrap();
        }
        frame.write_all(part).unwrap();
        out.extend(frame.finish().unwrap());
    }
    out.extend(b"\x5e\x2a\x4d\x18\x07\0\0\0skipped");
    out
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut builder = MtStreamBuilder::new();
    builder.threads(2).preset(0).block_size(400_000);
    let stream = builder.check(Check::Crc32).encoder().unwrap();
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Members, or what is behind them.
struct Whole(Result<MembersAhead, Box<dyn Read + Send>>);

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Ok(members) => match members.read(buffer) {
                Some(length) => Ok(length),
                None => {
                    self.0 = Err(members.rest()()?);
                    self.read(buffer)
                }
            },
            Err(rest) => rest.read(buffer),
        }
    }
}

/// The text, and the error at its end.
fn all(mut from: Box<dyn Read + Send>) -> (Vec<u8>, Option<String>) {
    let (mut text, mut buffer) = (Vec::new(), vec![0; PIECE]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return (text, None),
            Ok(length) => text.extend_from_slice(&buffer[..length]),
            Err(e) => return (text, Some(e.to_string())),
        }
    }
}

/// Whether several threads give the text and the error that one gives; the text.
fn compare(packed: &[u8], about: &str) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(packed).unwrap();
    let first = &packed[..packed.len().min(1000)];
    let unpacked = |threads| match MembersAhead::start(&file, threads, &Arc::default()) {
        Some(members) => all(Box::new(Whole(Ok(members)))),
        None => {
            let file = file.try_clone().unwrap();
            all(unpack_file(file, first, threads, Arc::default()).unwrap())
        }
    };
    let one = unpacked(1);
    for threads in [2, 3, 8] {
        let several = unpacked(threads);
        assert_eq!(several.1, one.1, "{about}, {threads} threads");
        assert!(several.0 == one.0, "{about}, {threads} threads");
    }
    one.0
}

/// The text, where several threads have no doubt.
fn without_doubt(packed: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(packed).unwrap();
    let file = Arc::new(file);
    let (text, doubt) = if packed.starts_with(XZ) {
        let bytes = BufReader::new(Bytes(file, 0, Arc::default()));
        all(Box::new(XzStreams::new(bytes, 2).unwrap()))
    } else {
        let mut members = MembersAhead::start(&file, 2, &Arc::default()).expect("several members");
        let (mut text, mut buffer) = (Vec::new(), vec![0; PIECE]);
        loop {
            match members.read(&mut buffer) {
                Some(0) => break (text, None),
                Some(length) => text.extend_from_slice(&buffer[..length]),
                None => break (text, Some("a doubt".into())),
            }
        }
    };
    assert_eq!(doubt, None);
    text
}

#[test]
fn as_one_thread() {
    let mut random = fastrand::Rng::with_seed(18);
    let text = text(&mut random, 2 << 20);
    type Form<'a> = (&'a str, &'a dyn Fn(&[u8]) -> Vec<u8>);
    let forms: [Form; 3] = [("BGZF", &bgzf), ("zstd", &frames), ("xz", &xz)];
    for (name, form) in forms {
        let good = form(&text);
        assert!(without_doubt(&good) == text, "{name}");
        assert!(compare(&good, name) == text, "{name}");
        let twice = [&good[..], &good].concat();
        assert!(compare(&twice, name) == [&text[..], &text].concat());
        compare(&[&good[..], b"no member"].concat(), name);
        for (other, form) in forms {
            let mixed = [&good[..], &form(&text[..900_000])].concat();
            compare(&mixed, &format!("{name} and {other}"));
        }
        compare(&[&good[..], &[0; 8], &good].concat(), name);
        for _ in 0..12 {
            let mut bad = good.clone();
            let at = match random.bool() {
                true => random.usize(..bad.len()),
                // Where sizes stand.
                false => random.usize(..40) + random.usize(..2) * (bad.len() - 60),
            };
            let about = format!("{name}, changed at {at}");
            match random.u8(..4) {
                0 => bad.truncate(at),
                1 => drop(bad.drain(at..(at + random.usize(..300)).min(good.len()))),
                2 => bad[at] ^= 1 << random.u8(..8),
                _ => bad[at] = random.u8(..),
            }
            compare(&bad, &about);
        }
    }
}

/// Sizes that lie: a member that is said to be longer or shorter than it is.
#[test]
fn lying_sizes() {
    let mut random = fastrand::Rng::with_seed(19);
    let text = text(&mut random, 3 << 20);
    let good = bgzf(&text);
    let second = u16::from_le_bytes([good[16], good[17]]) as usize + 1;
    for at in [0, second] {
        let size = u16::from_le_bytes([good[at + 16], good[at + 17]]);
        for lie in [0, 17, size - 1, size + 1, size + 30, u16::MAX] {
            let mut bad = good.clone();
            bad[at + 16..at + 18].copy_from_slice(&lie.to_le_bytes());
            // The field means nothing to gzip.
            assert!(compare(&bad, &format!("{lie} at {at}")) == text);
        }
    }
}

/// Little data that expand to more than several threads may hold.
#[test]
fn large_members() {
    let zeros = vec![0; 40 << 20];
    let mut random = fastrand::Rng::with_seed(20);
    let before = frames(&text(&mut random, 2 << 20));
    let packed = [before, zstd::encode_all(&zeros[..], 1).unwrap()].concat();
    assert_eq!(compare(&packed, "zeros").len(), (40 << 20) + (2 << 20));
}
