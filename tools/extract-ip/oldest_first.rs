//! `--time` with several files: the oldest lines first, whatever the order of the operands.
//!
//! The shell's order of rotated logs (`auth.log auth.log.1 auth.log.2.gz`) has the newest file
//! first, and who counts events in a window needs the oldest first. A file is begun when the
//! records
//! printed have reached its first stamp. Mostly that is where the one before has ended; where files
//! overlap, their records are merged by time. The order inside a file stays as it is. Of each file
//! that is begun one block is in memory.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::time::Time;

use crate::address_filter::Keep;
use crate::arguments::Arguments;
use crate::bisect;
use crate::extract::Extractor;
use crate::{time_window, times};

/// Whether there is an order of time to be found: of several files that can be read twice.
pub(crate) fn pays(arguments: &Arguments) -> bool {
    let regular = |file| fs::metadata(file).is_ok_and(|data| data.is_file());
    let files = &arguments.files;
    arguments.wants_time() && files.len() > 1 && files.iter().all(|f| f != "-" && regular(f))
}

/// Reads all operands, the oldest first; answers whether an address was printed.
pub(crate) fn run(mut arguments: Arguments, keep: Arc<Keep>) -> Result<bool, Fault> {
    let firsts = sort(&mut arguments)?;
    let mut output = Output::new(arguments.json);
    let inputs = time_window::input(&arguments)?.split();
    let mut waiting = firsts.into_iter().zip(inputs).peekable();
    let mut begun: Vec<Log> = Vec::new();
    let mut idle: Vec<Extractor> = Vec::new();
    loop {
        let earliest = begun.iter().enumerate().min_by_key(|(_, log)| log.time);
        let due = match (waiting.peek(), earliest) {
            (Some((first, _)), Some((_, log))) => first.is_some_and(|first| first <= log.time),
            (Some(_), None) => true,
            (None, None) => break,
            (None, Some(_)) => false,
        };
        if due && let Some((_, input)) = waiting.next() {
            let extractor = match idle.pop() {
                Some(extractor) => extractor,
                None => Extractor::new(&arguments, keep.clone())?,
            };
            let mut log = Log {
                input,
                extractor,
                records: output.collecting(),
                at: 0,
                time: Time(i64::MIN),
            };
            match log.fill()? {
                true => begun.push(log),
                false => idle.push(log.extractor),
            }
            continue;
        }
        let Some((number, _)) = earliest else {
            break;
        };
        let others = begun.iter().enumerate().filter(|(n, _)| *n != number);
        let next = waiting.peek().and_then(|(first, _)| *first);
        let until = others.map(|(_, log)| log.time).chain(next).min();
        if !begun[number].print(until, &mut output)? {
            idle.push(begun.remove(number).extractor);
        }
    }
    output.flush()?;
    let Some(mut all) = idle.pop() else {
        return Ok(false);
    };
    for other in idle {
        all.join(other);
    }
    all.end(&mut output)
}

/// Sorts the operands by their first stamps, which it answers; those without one come last.
fn sort(arguments: &mut Arguments) -> Result<Vec<Option<Time>>, Fault> {
    let mut files = Vec::new();
    for file in std::mem::take(&mut arguments.files) {
        let mut reader = times::reader(arguments)?;
        // Reading it in its turn tells what is wrong with it.
        let first = bisect::first_stamp(Path::new(&file), &mut reader).unwrap_or(None);
        files.push((first, file));
    }
    files.sort_by_key(|(first, _)| first.unwrap_or(Time(i64::MAX)));
    let (firsts, files) = files.into_iter().unzip();
    arguments.files = files;
    Ok(firsts)
}

/// A file that is begun.
struct Log {
    input: Input,
    extractor: Extractor,
    /// The records of a block.
    records: Output,
    /// Where the next of them begins.
    at: usize,
    /// Its time, or that of a record before it.
    time: Time,
}

impl Log {
    /// Reads on until there is a record; `false` at the file's end.
    fn fill(&mut self) -> Result<bool, Fault> {
        self.records.buffer().clear();
        self.at = 0;
        while self.records.buffer().is_empty() {
            match self.input.next_block_of(None)? {
                // It is being unpacked, which does not wait for anybody.
                (Event::Idle, _) => {}
                (Event::End, _) => {
                    self.extractor.end_file();
                    return Ok(false);
                }
                (Event::Data(block), origin) => {
                    self.extractor.block(block, origin, &mut self.records)?;
                }
            }
        }
        self.look();
        Ok(true)
    }

    /// Reads the time of the next record.
    fn look(&mut self) {
        let records = &self.records.buffer()[self.at..];
        if let Some(time) = time_of(first_line(records)) {
            self.time = time;
        }
    }

    /// Prints records until one is later than `until`, or until those of a block are printed and
    /// those of the next are there; `false` at the file's end.
    fn print(&mut self, until: Option<Time>, output: &mut Output) -> Result<bool, Fault> {
        let records = &self.records.buffer()[self.at..];
        let last = records.strip_suffix(b"\n").unwrap_or(records);
        let last = &last[memchr::memrchr(b'\n', last).map_or(0, |newline| newline + 1)..];
        // Mostly a block has nothing for which another file would have to be waited for.
        let all = until.is_none_or(|until| time_of(last).is_some_and(|time| time <= until));
        if all {
            output.buffer().extend_from_slice(records);
            output.flush_if_full()?;
            return self.fill();
        }
        loop {
            let records = &self.records.buffer()[self.at..];
            let length = first_line(records).len() + 1;
            output
                .buffer()
                .extend_from_slice(&records[..length.min(records.len())]);
            output.flush_if_full()?;
            self.at += length;
            if self.at >= self.records.buffer().len() {
                return self.fill();
            }
            self.look();
            if until.is_some_and(|until| self.time > until) {
                return Ok(true);
            }
        }
    }
}

fn first_line(records: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', records).unwrap_or(records.len());
    &records[..end]
}

/// The time of a record. No value of a record has a TAB, and none of an object of JSON a quote that
/// is not escaped, so that nothing else can be taken for it.
fn time_of(record: &[u8]) -> Option<Time> {
    let (key, end) = match record.first()? {
        b'{' => (&b"\"at\":\""[..], b'"'),
        _ => (&b"\tat="[..], b'\t'),
    };
    let value = &record[memchr::memmem::find(record, key)? + key.len()..];
    let end = memchr::memchr(end, value).unwrap_or(value.len());
    Time::parse(&value[..end])
}
