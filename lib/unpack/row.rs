//! The members of a compressed stream, one after the other, unpacked by one thread; and what may
//! stand behind the last one.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::stream::{Action, Status, Stream};

use crate::kind::{Kind, PIECE, XZ_MEMORY};

/// The bytes that tell which member begins.
const MAGIC: usize = 6;

/// A stream with a look ahead.
pub(crate) struct Ahead<R> {
    stream: R,
    buffer: Box<[u8]>,
    /// The part of the buffer that is read, and not taken yet.
    held: Range<usize>,
}

impl<R: Read> Ahead<R> {
    pub(crate) fn new(stream: R) -> Self {
        Ahead {
            stream,
            buffer: vec![0; PIECE].into_boxed_slice(),
            held: 0..0,
        }
    }

    /// The next bytes, [`MAGIC`] at least if there are as many.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        while self.held.len() < MAGIC && self.read_more()? {}
        Ok(&self.buffer[self.held.clone()])
    }

    /// Reads once, behind what is held; `false` at the end.
    fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        loop {
            match self.stream.read(&mut self.buffer[self.held.end..]) {
                Ok(length) => {
                    self.held.end += length;
                    return Ok(length > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

impl<R: Read> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held.is_empty() {
            self.read_more()?;
        }
        Ok(&self.buffer[self.held.clone()])
    }

    fn consume(&mut self, length: usize) {
        self.held.start += length;
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// Behind the last member stand bytes that are none, as gzip says it. The text before is whole.
#[derive(Debug)]
struct Garbage;

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("trailing garbage ignored")
    }
}

impl Error for Garbage {}

/// Whether an error says only that there is something behind the text, which is whole.
pub fn is_behind_text(e: &io::Error) -> bool {
    e.get_ref().is_some_and(|e| e.is::<Garbage>())
}

/// A member that is being unpacked.
enum Member<R: Read> {
    Gzip(GzDecoder<Ahead<R>>),
    Zstd(zstd::Decoder<'static, Ahead<R>>),
    Xz(XzStream<R>),
    Bzip2(BzDecoder<Ahead<R>>),
}

impl<R: Read> Member<R> {
    fn new(kind: Kind, stream: Ahead<R>) -> io::Result<Self> {
        Ok(match kind {
            Kind::Gzip => Member::Gzip(GzDecoder::new(stream)),
            Kind::Zstd => Member::Zstd(zstd::Decoder::with_buffer(stream)?.single_frame()),
            Kind::Xz => Member::Xz(XzStream::new(stream)?),
            Kind::Bzip2 => Member::Bzip2(BzDecoder::new(stream)),
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Member::Gzip(member) => member.read(buffer),
            Member::Zstd(member) => member.read(buffer),
            Member::Xz(member) => member.read(buffer),
            Member::Bzip2(member) => member.read(buffer),
        }
    }

    /// The bytes behind it, when all of it is read.
    fn into_inner(self) -> Ahead<R> {
        match self {
            Member::Gzip(member) => member.into_inner(),
            Member::Zstd(member) => member.finish(),
            Member::Xz(member) => member.bytes,
            Member::Bzip2(member) => member.into_inner(),
        }
    }
}

/// The text of members in a row.
pub(crate) struct Row<R: Read> {
    kind: Kind,
    /// `None` behind the last one.
    member: Option<Member<R>>,
}

impl<R: Read> Row<R> {
    pub(crate) fn new(kind: Kind, stream: Ahead<R>) -> io::Result<Self> {
        let member = Some(Member::new(kind, stream)?);
        Ok(Row { kind, member })
    }

    /// The member behind one that has ended well.
    fn next(&self, mut stream: Ahead<R>) -> io::Result<Option<Member<R>>> {
        let mut zeros = 0;
        loop {
            let bytes = stream.fill_buf()?;
            let length = bytes.iter().take_while(|b| **b == 0).count();
            let all = length > 0 && length == bytes.len();
            stream.consume(length);
            zeros += length as u64;
            if !all {
                break;
            }
        }
        let first = stream.peek()?;
        let more = !first.is_empty();
        if !self.kind.may_have(zeros, more) || !self.kind.begins(first) {
            return Err(io::Error::other(Garbage));
        }
        more.then(|| Member::new(self.kind, stream)).transpose()
    }
}

impl<R: Read> Read for Row<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let length = member.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            let stream = self.member.take().map(Member::into_inner);
            self.member = stream.map_or(Ok(None), |stream| self.next(stream))?;
        }
        Ok(0)
    }
}

/// One stream of xz. Its text before an error is given out, as xzcat(1) does.
struct XzStream<R> {
    bytes: Ahead<R>,
    stream: Stream,
    ended: bool,
    /// Comes behind the text.
    error: Option<io::Error>,
}

impl<R: Read> XzStream<R> {
    fn new(bytes: Ahead<R>) -> io::Result<Self> {
        Ok(XzStream {
            bytes,
            stream: Stream::new_stream_decoder(XZ_MEMORY, 0)?,
            ended: false,
            error: None,
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let input = self.bytes.fill_buf()?;
            let is_end = input.is_empty();
            let status = self.stream.process(input, buffer, Action::Run);
            let read = (self.stream.total_in() - read) as usize;
            let written = (self.stream.total_out() - written) as usize;
            self.bytes.consume(read);
            match status {
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(_) if is_end && written == 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(_) => {}
                Err(e) => self.error = Some(e.into()),
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}
