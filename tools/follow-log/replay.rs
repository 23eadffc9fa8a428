//! The lines of the last while before a position, by their own time stamps: they were printed
//! before and are wanted again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::time::Duration;

use pipeban::input::MAX_LINE;
use pipeban::record::Record;
use pipeban::time::{Time, Zone};
use pipeban_log::line::LineReader;

use crate::position::bytes_at;
use crate::rotated::{Content, Rotated};

/// Files are searched in pieces of this size, in bytes.
const PIECE: u64 = 64 << 10;

/// The keys of a record that tell its time, with the sign behind them; the first counts.
const TIMES: [&str; 3] = ["at=", "since=", "last="];

/// The lines before the offset `end` of `holder`, and of `older` files (the newest first), whose
/// stamps are at most `within` before `now`, or else before the last one; the oldest first. `None`
/// if the last lines have no time stamp.
pub fn before(
    holder: &Rotated,
    end: u64,
    older: &[Rotated],
    (within, now): (Duration, Option<Time>),
) -> io::Result<Option<Vec<Content>>> {
    let Some(last) = last_stamp(&last_bytes(holder.content()?, end)?) else {
        return Ok(None);
    };
    let from = now.unwrap_or(last) - within;
    let mut wanted = Vec::new();
    let mut more = lines_since(holder.content()?, end, from, &mut wanted)?;
    for old in older {
        if !more {
            break;
        }
        more = lines_since(old.content()?, u64::MAX, from, &mut wanted)?;
    }
    wanted.reverse();
    Ok(Some(wanted))
}

/// The last bytes before `end`: at least one piece, where there are as many.
fn last_bytes(content: Content, end: u64) -> io::Result<Vec<u8>> {
    match content {
        Content::Plain(file) => {
            let begin = end.min(file.metadata()?.len()).saturating_sub(PIECE);
            bytes_at(&file, begin, (end - begin).min(PIECE) as usize)
        }
        Content::Packed(stream) => {
            let mut stream = stream.take(end);
            let mut bytes = Vec::new();
            while (&mut stream).take(PIECE).read_to_end(&mut bytes)? > 0 {
                bytes.drain(..bytes.len().saturating_sub(2 * PIECE as usize));
            }
            Ok(bytes)
        }
    }
}

/// Adds the lines of one file up to `end` that are not earlier than `from`; true if the file before
/// it may have some too.
fn lines_since(
    content: Content,
    end: u64,
    from: Time,
    wanted: &mut Vec<Content>,
) -> io::Result<bool> {
    let (stream, more): (Box<dyn Read + Send>, bool) = match content {
        Content::Plain(mut file) => {
            let end = end.min(file.metadata()?.len());
            let (begin, more) = find_begin(&file, end, from)?;
            file.seek(SeekFrom::Start(begin))?;
            (Box::new(file.take(end - begin)), more)
        }
        Content::Packed(stream) => {
            let mut stream = BufReader::with_capacity(PIECE as usize, stream);
            let first = first_stamp(stream.fill_buf()?);
            (Box::new(stream.take(end)), first.is_none_or(|t| t >= from))
        }
    };
    wanted.push(Content::Packed(Box::new(Since {
        stream: BufReader::new(stream),
        from: Some(from),
        stamps: LineReader::new(Zone::local(), None),
        line: Vec::new(),
    })));
    Ok(more)
}

/// The offset of a line that is earlier than `from`, not far before the first line that is not;
/// else 0. True if all lines of the file are wanted.
fn find_begin(file: &File, end: u64, from: Time) -> io::Result<(u64, bool)> {
    let mut step = PIECE;
    loop {
        let begin = end.saturating_sub(step);
        let bytes = bytes_at(file, begin, PIECE.min(end - begin) as usize)?;
        // All but the file's first piece begin inside a line.
        let line = if begin == 0 {
            0
        } else {
            memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |i| i + 1)
        };
        let early = first_stamp(&bytes[line..]).is_some_and(|t| t < from);
        if early || begin == 0 {
            return Ok((begin + line as u64, !early));
        }
        step *= 2;
    }
}

/// The time of a line: a record's own, or its time stamp.
fn time_of(stamps: &mut LineReader, line: &[u8]) -> Option<Time> {
    let is_key = |field: &[u8]| TIMES.iter().any(|key| field.starts_with(key.as_bytes()));
    let line = line.trim_ascii_end();
    let keyed = line.split(|b| *b == b'\t').skip(1).any(is_key) || line.starts_with(b"{");
    let record = keyed.then(|| Record::parse(line));
    let record = record.and_then(|parsed| parsed.ok().flatten());
    let time = |key: &&str| {
        let value = record.as_ref()?.get(key.trim_end_matches('='))?;
        Time::parse(&value)
    };
    TIMES.iter().find_map(time).or_else(|| stamps.time(line))
}

fn first_stamp(bytes: &[u8]) -> Option<Time> {
    let mut stamps = LineReader::new(Zone::local(), None);
    bytes
        .split(|b| *b == b'\n')
        .find_map(|line| time_of(&mut stamps, line))
}

fn last_stamp(bytes: &[u8]) -> Option<Time> {
    let mut stamps = LineReader::new(Zone::local(), None);
    bytes
        .split(|b| *b == b'\n')
        .filter_map(|line| time_of(&mut stamps, line))
        .last()
}

/// A stream from its first line on whose time stamp is not earlier than `from`.
struct Since {
    stream: BufReader<Box<dyn Read + Send>>,
    /// `None` once that line was found.
    from: Option<Time>,
    stamps: LineReader,
    /// The part of that line that is still to be handed on.
    line: Vec<u8>,
}

impl Read for Since {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(from) = self.from {
            self.line.clear();
            let mut bounded = (&mut self.stream).take(MAX_LINE as u64);
            if bounded.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(0);
            }
            let time = time_of(&mut self.stamps, &self.line);
            if time.is_some_and(|t| t >= from) {
                self.from = None;
            }
        }
        if self.line.is_empty() {
            return self.stream.read(buffer);
        }
        let n = self.line.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.line[..n]);
        self.line.drain(..n);
        Ok(n)
    }
}
