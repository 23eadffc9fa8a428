//! Time in files: the first stamp, and the part of a file that has lines of some time.
//!
//! A log is in the order of time, but for a minute at most. So a part of it is found by looking at
//! a
//! few lines, and not by reading from its beginning.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use memchr::memchr;
use pipeban::time::Time;
use pipeban::unpack::unpack;
use pipeban_log::line::LineReader;

/// A file is looked at in pieces of this size, in bytes.
const PIECE: u64 = 64 << 10;
/// The first stamp is looked for in this part of a file, in bytes.
const HEAD: u64 = 1 << 20;
/// Lines may be this much out of order.
const LATE: Duration = Duration::from_secs(60);

/// The first time stamp of a file, unpacked if it is compressed; `None` if its first lines have
/// none.
pub(crate) fn first_stamp(path: &Path, reader: &mut LineReader) -> io::Result<Option<Time>> {
    let mut stream = unpack(File::open(path)?)?.take(HEAD);
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        let read = (&mut stream).take(PIECE).read_to_end(&mut bytes);
        // The text before an error is good.
        let end = read.is_err() || bytes.len() == before;
        let whole = match memchr::memrchr(b'\n', &bytes) {
            Some(at) if !end => at,
            _ => bytes.len(),
        };
        // Few files need a second piece.
        let mut lines = bytes[..whole].split(|b| *b == b'\n');
        let found = lines.find_map(|line| reader.time(line));
        if found.is_some() || end {
            return Ok(found);
        }
        bytes.drain(..whole);
    }
}

/// The part of a file whose lines may be of the time from `since` until `until`, a minute more on
/// both sides. It is all of the file where its beginning, its middle and its end are not in order,
/// or have no stamps.
pub(crate) fn part(
    file: &File,
    since: Option<Time>,
    until: Option<Time>,
    reader: LineReader,
) -> io::Result<Range<u64>> {
    let length = file.metadata()?.len();
    let mut probe = Probe { file, reader };
    let all = 0..u64::MAX;
    if length <= PIECE {
        return Ok(all);
    }
    let first = probe.stamp_from(0)?;
    let middle = probe.stamp_from(length / 2)?;
    let last = probe.last_stamp(length)?;
    let (Some((_, first)), Some((_, middle)), Some(last)) = (first, middle, last) else {
        return Ok(all);
    };
    if first > middle + LATE || middle > last + LATE {
        return Ok(all);
    }
    let start = match since {
        Some(since) => probe.last_before(since - LATE, length)?,
        None => 0,
    };
    let end = match until {
        Some(until) => probe.first_behind(until + LATE, length)?,
        None => u64::MAX,
    };
    Ok(start..end.max(start))
}

struct Probe<'a> {
    file: &'a File,
    reader: LineReader,
}

impl Probe<'_> {
    fn piece(&self, at: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; PIECE as usize];
        let mut length = 0;
        while length < bytes.len() {
            match self.file.read_at(&mut bytes[length..], at + length as u64) {
                Ok(0) => break,
                Ok(n) => length += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The first line from this offset on that has a stamp, within a piece.
    fn stamp_from(&mut self, at: u64) -> io::Result<Option<(u64, Time)>> {
        // The byte before tells whether a line begins here.
        let from = at.saturating_sub(1);
        let bytes = self.piece(from)?;
        let mut start = match at {
            0 => 0,
            _ => memchr(b'\n', &bytes).map_or(bytes.len(), |newline| newline + 1),
        };
        while let Some(length) = memchr(b'\n', &bytes[start..]) {
            if let Some(time) = self.reader.time(&bytes[start..start + length]) {
                return Ok(Some((from + start as u64, time)));
            }
            start += length + 1;
        }
        Ok(None)
    }

    fn last_stamp(&mut self, length: u64) -> io::Result<Option<Time>> {
        let bytes = self.piece(length.saturating_sub(PIECE))?;
        let whole = memchr(b'\n', &bytes).map_or(bytes.len(), |newline| newline + 1);
        let lines = bytes[whole..].split(|b| *b == b'\n');
        Ok(lines.filter_map(|line| self.reader.time(line)).last())
    }

    /// The offset of a line earlier than `time`, not far before the first that is not; else 0.
    fn last_before(&mut self, time: Time, length: u64) -> io::Result<u64> {
        let (mut found, mut end) = (0, length);
        while end - found > PIECE {
            let middle = found + (end - found) / 2;
            match self.stamp_from(middle)? {
                Some((at, stamp)) if stamp < time && at < end => found = at,
                _ => end = middle,
            }
        }
        Ok(found)
    }

    /// The offset of a line later than `time`, not far behind the last that is not; else the end of
    /// whatever the file will be.
    fn first_behind(&mut self, time: Time, length: u64) -> io::Result<u64> {
        let (mut start, mut end, mut found) = (0, length, u64::MAX);
        while end - start > PIECE {
            let middle = start + (end - start) / 2;
            match self.stamp_from(middle)? {
                Some((at, stamp)) if stamp > time => (end, found) = (middle, at),
                _ => start = middle,
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use pipeban::time::Zone;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn log(lines: u32, line: impl Fn(u32) -> String) -> File {
        let mut file = tempfile::tempfile().unwrap();
        let text: String = (0..lines).map(line).collect();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn start() -> Time {
        Time::parse(b"2026-03-30T00:00:00Z").unwrap()
    }

    fn reader() -> LineReader {
        LineReader::new(Zone::UTC, None)
    }

    /// Whatever the times asked for, no line of them is outside the part, which is not much larger.
    #[test]
    fn no_line_is_missed() {
        let mut random = fastrand::Rng::with_seed(4);
        let late: Vec<u32> = (0..40_000).map(|_| random.u32(..60)).collect();
        let time = |n: u32| start() + SECOND * (n + 60 - late[n as usize]);
        let line = |n: u32| match n % 10 {
            3 => format!("a line without a time {}\n", "x".repeat(n as usize % 100)),
            _ => format!(
                "{} host x[{n}]: {}\n",
                time(n),
                "x".repeat(n as usize % 100)
            ),
        };
        let file = log(40_000, line);
        let mut offsets = vec![0];
        for n in 0..40_000 {
            offsets.push(offsets[n as usize] + line(n).len() as u64);
        }
        for _ in 0..200 {
            let since = start() + SECOND * random.u32(..41_000);
            let until = since + SECOND * random.u32(..2_000);
            let part = part(&file, Some(since), Some(until), reader()).unwrap();
            assert!(part.start == 0 || offsets.contains(&part.start));
            let inside = |n: &u32| n % 10 != 3 && (since..=until).contains(&time(*n));
            for n in (0..40_000).filter(inside) {
                assert!(part.contains(&offsets[n as usize]), "line {n}, {part:?}");
            }
            let read = part.end.min(offsets[40_000]).saturating_sub(part.start);
            assert!(read < 2_400 * 90 + 3 * PIECE, "{read} bytes");
        }
    }

    #[test]
    fn a_file_in_no_order_is_read_whole() {
        let line = |n: u32| format!("{} host x: y\n", start() - SECOND * 100 * n);
        let file = log(10_000, line);
        assert_eq!(
            part(&file, Some(start()), None, reader()).unwrap(),
            0..u64::MAX
        );
        let file = log(10_000, |_| "no time at all\n".into());
        assert_eq!(
            part(&file, Some(start()), None, reader()).unwrap(),
            0..u64::MAX
        );
        let file = log(10, |n| line(10 - n));
        assert_eq!(
            part(&file, Some(start()), None, reader()).unwrap(),
            0..u64::MAX
        );
    }

    #[test]
    fn the_first_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for (text, found) in [
            ("".to_string(), false),
            ("no time\n".repeat(3_000_000 / 8), false),
            (
                "no time\n".repeat(100_000 / 8) + "2026-03-30T00:00:00Z x",
                true,
            ),
            ("2026-03-30T00:00:00Z x".to_string(), true),
        ] {
            std::fs::write(&path, text).unwrap();
            let first = first_stamp(&path, &mut reader()).unwrap();
            assert_eq!(first, found.then(start));
        }
        assert!(first_stamp(Path::new("/nonexistent"), &mut reader()).is_err());
        // A compressed one that is damaged behind its first line.
        let packed = zstd::encode_all(&b"2026-03-30T00:00:00Z x\n"[..], 1).unwrap();
        std::fs::write(&path, [&packed[..], b"garbage"].concat()).unwrap();
        assert_eq!(first_stamp(&path, &mut reader()).unwrap(), Some(start()));
    }
}
