//! A compressed regular file, unpacked by several threads: BGZF and zstd member by member, xz block
//! by block.
//!
//! What stands in such a file may be a lie, and it may be damaged. The text and the error must be
//! those of one thread, byte for byte. So text is given out when its member is known to be good;
//! from the first doubt on one thread unpacks the file once more, from its beginning.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use liblzma::bufread::XzDecoder;
use liblzma::stream::MtStreamBuilder;

use crate::members::{Buffers, Members, Together, read_text};
use crate::{PIECE, XZ, XZ_MEMORY, is_zstd, unpack};

/// The file's bytes from a place on, whatever others read. The number is that of bytes read.
struct Bytes(Arc<File>, u64, Arc<AtomicU64>);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read_at(buffer, self.1)?;
        self.1 += length as u64;
        self.2.fetch_add(length as u64, Relaxed);
        Ok(length)
    }
}

/// Unpacks a regular file that begins with these bytes, by this number of threads, at least 1, where
/// its format allows. The bytes that are read of it are added to `counter`.
pub fn unpack_file(
    file: File,
    first: &[u8],
    threads: usize,
    counter: Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let file = Arc::new(file);
    // To read the text of zstd takes as long as to unpack it.
    let threads = threads.saturating_sub(usize::from(is_zstd(first)));
    let bytes = || Bytes(file.clone(), 0, counter.clone());
    let several: Option<Box<dyn Read + Send>> = if threads < 2 {
        None
    } else if first.starts_with(XZ) {
        let streams = XzStreams::new(BufReader::with_capacity(PIECE, bytes()), threads)?;
        Some(Box::new(HeldBack::new(streams)))
    } else {
        let unpacked = Unpacked::new(file.clone(), threads, counter.clone())?;
        unpacked.map(|unpacked| Box::new(unpacked) as Box<dyn Read + Send>)
    };
    match several {
        Some(several) => Ok(Box::new(Checked {
            several: Ok(several),
            given: 0,
            file,
        })),
        None => unpack(bytes()),
    }
}

/// The text of several threads while they have no doubt, then that of one.
struct Checked {
    /// That of several threads, or of one.
    several: Result<Box<dyn Read + Send>, Box<dyn Read + Send>>,
    /// The size of the text that was given out.
    given: u64,
    file: Arc<File>,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let several = match &mut self.several {
            Ok(several) => several,
            Err(one) => return one.read(buffer),
        };
        if let Ok(length) = several.read(buffer) {
            self.given += length as u64;
            return Ok(length);
        }
        // These bytes are counted already.
        let mut one = unpack(Bytes(self.file.clone(), 0, Arc::default()))?;
        let again = io::copy(&mut one.by_ref().take(self.given), &mut io::sink())?;
        if again < self.given {
            return Err(io::Error::other("the file has changed meanwhile"));
        }
        let length = one.read(buffer);
        self.several = Err(one);
        length
    }
}

/// Members to unpack, and the receiver of their text.
struct Task {
    members: Together,
    buffers: Buffers,
    text: SyncSender<Option<Buffers>>,
}

/// Text that is unpacked member by member. An error is only a doubt.
struct Unpacked {
    file: Arc<File>,
    members: Members,
    tasks: Sender<Task>,
    /// The members that are being unpacked, in order, with their size.
    begun: VecDeque<(u64, Receiver<Option<Buffers>>)>,
    /// The number of those at most.
    most: usize,
    /// The text of the first ones, and the part of it that was given out.
    first: Buffers,
    given: usize,
    /// Buffers to be used again.
    spare: Vec<Buffers>,
    counter: Arc<AtomicU64>,
}

impl Unpacked {
    /// `None` where one thread is as good: the members are not known, or are few.
    fn new(file: Arc<File>, threads: usize, counter: Arc<AtomicU64>) -> io::Result<Option<Self>> {
        let mut members = Members::new();
        let mut firsts = VecDeque::new();
        for _ in 0..2 {
            match members.next(&file) {
                Ok(together) if !together.is_empty() => firsts.push_back(together),
                _ => return Ok(None),
            }
        }
        let (tasks, waiting) = channel::<Task>();
        let waiting = Arc::new(Mutex::new(waiting));
        let work = || {
            let (file, waiting) = (file.clone(), waiting.clone());
            Builder::new().spawn(move || {
                loop {
                    let task = waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(mut task) = task else { return };
                    let read = read_text(&file, &task.members, &mut task.buffers);
                    // Nobody may want it any more.
                    let _ = task.text.send(read.map(|()| task.buffers));
                }
            })
        };
        if (0..threads).filter(|_| work().is_ok()).count() < 2 {
            return Ok(None);
        }
        let mut unpacked = Unpacked {
            file,
            members,
            tasks,
            begun: VecDeque::new(),
            most: threads + 2,
            first: Buffers::default(),
            given: 0,
            spare: Vec::new(),
            counter,
        };
        firsts
            .into_iter()
            .for_each(|members| unpacked.begin(members));
        Ok(Some(unpacked))
    }

    fn begin(&mut self, members: Together) {
        let (text, unpacked) = sync_channel(1);
        let size = members.iter().map(|member| member.end - member.start).sum();
        self.begun.push_back((size, unpacked));
        // Without any thread left nothing is received, which is a doubt.
        let buffers = self.spare.pop().unwrap_or_default();
        let _ = self.tasks.send(Task {
            members,
            buffers,
            text,
        });
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = (&self.first.text[self.given..]).read(buffer)?;
            self.given += length;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            while self.begun.len() < self.most {
                let next = match self.members.next(&self.file) {
                    Ok(next) => next,
                    // Those before come first.
                    Err(_) if !self.begun.is_empty() => break,
                    Err(e) => return Err(e),
                };
                if next.is_empty() {
                    break;
                }
                self.begin(next);
            }
            let Some((size, unpacked)) = self.begun.pop_front() else {
                return Ok(0);
            };
            let first = unpacked.recv().ok().flatten();
            let first = first.ok_or(io::ErrorKind::InvalidData)?;
            self.spare.push(std::mem::replace(&mut self.first, first));
            self.given = 0;
            self.counter.fetch_add(size, Relaxed);
        }
    }
}

/// Streams of xz one after the other, whose blocks are unpacked by several threads. An error is
/// only a doubt.
struct XzStreams {
    /// `None` for a moment only.
    decoder: Option<XzDecoder<BufReader<Bytes>>>,
    threads: u32,
}

impl XzStreams {
    fn new(bytes: BufReader<Bytes>, threads: usize) -> io::Result<Self> {
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

/// Text that is given out only when there is more behind it, or when it has ended well: at an error
/// one thread loses the text of the read that fails.
struct HeldBack<R> {
    from: R,
    held: Vec<u8>,
    /// The part of it that was given out.
    given: usize,
    ended: bool,
}

/// More than a read of any caller, in bytes.
const HELD: usize = 1 << 20;

impl<R: Read> HeldBack<R> {
    fn new(from: R) -> Self {
        HeldBack {
            from,
            held: Vec::new(),
            given: 0,
            ended: false,
        }
    }
}

impl<R: Read> Read for HeldBack<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let back = if self.ended { 0 } else { HELD };
            let ready = (self.held.len() - self.given).saturating_sub(back);
            if ready > 0 || self.ended {
                let length = ready.min(buffer.len());
                buffer[..length].copy_from_slice(&self.held[self.given..][..length]);
                self.given += length;
                return Ok(length);
            }
            self.held.drain(..std::mem::take(&mut self.given));
            let end = self.held.len();
            self.held.resize(end + HELD, 0);
            let read = self.from.read(&mut self.held[end..]);
            self.held.truncate(end + *read.as_ref().unwrap_or(&0));
            self.ended = read? == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::write::DeflateEncoder;
    use flate2::{Compression, Crc};
    use liblzma::stream::Check;
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
        let unpacked = |threads| {
            let file = file.try_clone().unwrap();
            all(unpack_file(file, first, threads, Arc::default()).unwrap())
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
            let unpacked = Unpacked::new(file, 2, Arc::default()).unwrap();
            all(Box::new(unpacked.expect("several members")))
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
}
