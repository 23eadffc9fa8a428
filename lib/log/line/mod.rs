//! A line of a log in its parts, read once for everybody who needs one of them:
//!
//! ```text
//! carrier   how it came here     file<TAB> or file:, docker json-file, CRI, a journal entry
//! head      who wrote it, when   time stamp, host, level, program, pid; a second stamp of its own
//! words     the message          what patterns are about
//! ```
//!
//! [`LineReader`] reads one line after another, from the left, in one pass and without regular
//! expressions. `carrier.rs` and `head.rs` have tables of the parts and the rules that decide where
//! a text could be read in two ways; `place.rs` says where a stamp may stand that is not at the
//! beginning; [`StampReader`](crate::stamp::StampReader) says what is done where a stamp leaves
//! something open.
//!
//! Logs are hostile input. A remote party writes words, and sometimes a host's name or a string
//! inside an object, and these rules keep time, program and words where they are:
//!
//! - A head ends behind the first program. Whatever follows is words, a second head too.
//! - A name has no blank and no bracket, so a host's name from the DNS neither hides a program nor
//!   is one.
//! - The time is the outermost one: the carrier's, else the head's. What stands in words is never a
//!   time.
//! - Strings in JSON and logfmt are ended by their writer's quotes only; a key inside a string is
//!   none.
//! - A line that a container's runtime has cut goes on in the next piece: no head is read in that.
//!   Only a short piece with a head of its own is taken for a whole line, for a cut one is long.
//! - A line without a stamp, in an input that has had heads, is told as such ([`Line::headed`]): it
//!   goes on with the line before, and is no other program's.

mod amid; // from the middle of a log on
mod carrier; // what is around a line
mod head; // who wrote it, when
mod json; // objects, walked from the left
mod names; // programs, hosts, levels
mod pairs; // key=value
mod pieces; // lines that were cut
mod place; // stamps that stand inside a line
mod plain_head; // the head of most lines
mod skip; // small parts before others
#[cfg(test)]
mod tests;

use std::ops::Range;

use memchr::memchr_iter;

use crate::stamp::{StampFormat, StampReader};
use carrier::{Entry, Said, Text};
use head::{Begun, Head};
use pieces::{Last, Pieces};

pub use amid::Known;
pub use head::Stamp;
use pipeban::time::{Time, Zone};

/// A line in its parts.
#[derive(Clone, Debug, Default)]
pub struct Line<'a> {
    /// The line without its carrier, unescaped where that had escaped it.
    pub text: &'a [u8],
    /// Where `text` begins in the line as it was read, in bytes; `None` if it is unescaped.
    pub place: Option<usize>,
    /// Where the object of JSON begins that carried the text (docker, a journal entry), in the line
    /// as it was read.
    pub object: Option<usize>,
    /// The file before the line, as `follow-log --prefix` and `grep -H` write it.
    pub file: Option<&'a [u8]>,
    /// When it was written, as the carrier says, or else the line itself.
    pub time: Option<Time>,
    /// Where `text` has its own stamp.
    pub stamp: Stamp,
    /// The host that the head names; only where there is a program, or for `last message repeated`.
    pub host: Option<&'a [u8]>,
    /// The program that the head names, without its path.
    pub program: Option<&'a [u8]>,
    /// The process that the head names: digits, as a rule.
    pub pid: Option<&'a [u8]>,
    /// Whether this line or one before it in this input had a head: a stamp at its beginning, or a
    /// program.
    pub headed: bool,
    /// Whether this is the rest of a line that a container's runtime has cut.
    pub continues: bool,
    rest: usize,
    words: usize,
}

impl<'a> Line<'a> {
    /// A line of which nothing is asked for but its text.
    pub fn bare(text: &'a [u8]) -> Self {
        Line {
            text,
            ..Line::default()
        }
    }

    /// The text behind the stamp at its beginning, with host and program still in it: the message
    /// of a service that writes its own log file. All of `text` where no stamp is at the beginning.
    pub fn rest(&self) -> &'a [u8] {
        &self.text[self.rest..]
    }

    /// Where [`rest`](Self::rest) is in `text`.
    pub fn rest_range(&self) -> Range<usize> {
        self.rest..self.text.len()
    }

    /// The text behind the whole head, and behind a second stamp of the service's own.
    pub fn words(&self) -> &'a [u8] {
        &self.text[self.words..]
    }

    /// Where [`words`](Self::words) are in `text`.
    pub fn words_range(&self) -> Range<usize> {
        self.words..self.text.len()
    }
}

/// Reads the lines of logs.
#[derive(Clone)]
pub struct LineReader {
    stamps: StampReader,
    format: Option<StampFormat>,
    /// Whether lines of this input have a file's name before them, once that is known.
    prefixed: Option<bool>,
    headed: bool,
    /// Whether only times are wanted, and no programs and words.
    without_programs: bool,
    /// Whether a time that stands inside a text is not wanted.
    without_times: bool,
    pieces: Pieces,
    unescaped: Vec<u8>,
}

/// A line whose carrier is taken off.
struct Opened {
    file: Option<Range<usize>>,
    object: Option<usize>,
    text: Text,
    said: Said,
    begins: Begins,
}

/// Whether a text begins with a stamp.
enum Begins {
    Unread,
    With(Begun),
    Without,
}

impl LineReader {
    /// Stamps that name no zone are in `zone`. With a format of one's own no other stamp is looked
    /// for, nor a carrier's; it stands at the beginning of the text or, if it begins with a fixed
    /// character, where that stands first and the format fits; where the text has none, the line
    /// with its carrier is looked at in the same way.
    pub fn new(zone: Zone, format: Option<StampFormat>) -> Self {
        LineReader {
            stamps: StampReader::new(zone),
            format,
            prefixed: None,
            headed: false,
            without_programs: false,
            without_times: false,
            pieces: Pieces::default(),
            unescaped: Vec::new(),
        }
    }

    /// Leaves out host, program, pid and a second stamp: the words are the [`rest`](Line::rest).
    /// Without `times` also a time that stands inside a text. It takes less time.
    pub fn without_programs(mut self, times: bool) -> Self {
        (self.without_programs, self.without_times) = (true, !times);
        self
    }

    /// Begins another input, of which nothing is known yet.
    pub fn begin_file(&mut self) {
        self.stamps.begin_log();
        self.prefixed = None;
        self.headed = false;
        self.pieces = Pieces::default();
    }

    /// Whether a line of this input may be a piece of a longer one. Then each line must be read:
    /// the one before says where it begins.
    pub fn has_pieces(&self) -> bool {
        self.pieces.any
    }

    /// The parts of the next line, which is given without its newline.
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        // Most lines of most logs.
        if self.prefixed == Some(false)
            && self.format.is_none()
            && let Some(begun) = head::begin_recent(line, &mut self.stamps)
            && carrier::cri(line, begun.end).is_none()
        {
            self.headed = true;
            return plain(line, head::read(line, &begun, self.without_programs));
        }
        if self.without_times && self.format.is_none() && carrier::is_bare_object(line) {
            return Line {
                text: line,
                place: Some(0),
                headed: self.headed,
                ..Line::default()
            };
        }
        let opened = self.open(line);
        let piece = opened.said.piece;
        let last = piece.map(|(stream, _)| self.pieces.before(stream));
        let text: &[u8] = match &opened.text {
            Text::Verbatim(range) => &line[range.clone()],
            Text::Unescaped => &self.unescaped,
        };
        let mut head = match (&opened.said.entry, opened.begins) {
            _ if last == Some(Last::Cut) => Head::default(),
            (Some(entry), _) => by_entry(line, entry, text),
            (None, Begins::Without) if self.without_times => Head::default(),
            (None, Begins::With(begun)) => head::read(text, &begun, self.without_programs),
            (None, Begins::Without) => place::head(text, opened.said.time, &mut self.stamps),
            (None, Begins::Unread) => match head::begin(text, &mut self.stamps) {
                Some(begun) => head::read(text, &begun, self.without_programs),
                None => place::head(text, opened.said.time, &mut self.stamps),
            },
        };
        let continues = match last {
            Some(Last::Cut) => true,
            Some(Last::Short) => head.program.is_none(),
            _ => false,
        };
        if continues {
            head = Head::default();
        }
        if let Some(format) = &self.format {
            head.time = by_format(format, &mut self.stamps, text)
                .or_else(|| by_format(format, &mut self.stamps, line));
        } else {
            head.time = opened.said.time.or(head.time);
        }
        if head.stamp == Stamp::Inside && self.prefixed.is_none() {
            self.prefixed = Some(false);
        }
        if !continues {
            self.headed |= head.stamp == Stamp::Beginning || head.program.is_some();
        }
        if let Some((stream, cut)) = piece {
            let has_head = head.program.is_some() && !continues;
            self.pieces.note(stream, cut, text.len(), has_head);
        }
        Line {
            text,
            place: match opened.text {
                Text::Verbatim(range) => Some(range.start),
                Text::Unescaped => None,
            },
            object: opened.object,
            file: opened.file.map(|range| &line[range]),
            time: head.time,
            stamp: head.stamp,
            host: head.host,
            program: head.program,
            pid: head.pid,
            headed: self.headed,
            continues,
            rest: head.rest,
            words: head.words,
        }
    }

    /// The time of the next line, as [`read`](Self::read) tells it, where nothing else is asked for
    /// in this input.
    pub fn time(&mut self, line: &[u8]) -> Option<Time> {
        if self.format.is_some() {
            return self.read(line).time;
        }
        // Most lines of most logs.
        if self.prefixed == Some(false)
            && let Some((time, end)) = self.stamps.read_recent(line)
            && carrier::cri(line, end).is_none()
        {
            return Some(time);
        }
        let opened = self.open(line);
        if opened.said.time.is_some() || opened.said.entry.is_some() {
            return opened.said.time;
        }
        let text: &[u8] = match &opened.text {
            Text::Verbatim(range) => &line[range.clone()],
            Text::Unescaped => &self.unescaped,
        };
        let begun = match opened.begins {
            Begins::With(begun) => return begun.time,
            Begins::Without => None,
            Begins::Unread => head::begin(text, &mut self.stamps),
        };
        match begun {
            Some(begun) => begun.time,
            None => {
                let time = place::find(text, &mut self.stamps);
                self.prefixed = self.prefixed.or(time.map(|_| false));
                time
            }
        }
    }

    /// The time of a stamp that a text begins with, in this form if it has it; for who has found it
    /// in a way of one's own.
    pub fn stamp(&mut self, text: &[u8], format: Option<&StampFormat>) -> Option<Time> {
        let time = format.and_then(|format| self.stamps.read_format(format, text));
        time.or_else(|| self.stamps.read(text).map(|(time, _)| time))
    }

    /// Takes off what is around a line.
    fn open(&mut self, line: &[u8]) -> Opened {
        let mut at = match line.first() {
            Some(0 | 0x1b | 0xef) => skip::junk(line, 0),
            _ => 0,
        };
        let mut file = None;
        // Nothing else begins with a brace.
        let is_object = line.get(at) == Some(&b'{');
        let mut begun = match is_object {
            true => None,
            false => head::begin(&line[at..], &mut self.stamps),
        };
        if begun.is_none() && !is_object && self.prefixed != Some(false) {
            (file, at, begun) = self.behind_file(line, at);
        }
        if self.prefixed.is_none() && (file.is_some() || begun.is_some()) {
            self.prefixed = Some(file.is_some());
        }
        if begun.is_none()
            && !is_object
            && let Some(goes_on) = carrier::compose(line, at)
        {
            at = goes_on;
            begun = head::begin(&line[at..], &mut self.stamps);
        }
        let mut opened = Opened {
            file,
            object: None,
            text: Text::Verbatim(at..line.len()),
            said: Said::default(),
            begins: Begins::Without,
        };
        if let Some(begun) = begun {
            // The stamp may be a container's, with the line behind it.
            if let Some((text, piece)) = carrier::cri(line, at + begun.end) {
                opened.said.time = begun.time;
                opened.said.piece = Some(piece);
                opened.text = Text::Verbatim(text..line.len());
                opened.begins = Begins::Unread;
            } else {
                opened.begins = Begins::With(begun);
            }
            return opened;
        }
        let taken = match line.get(at) {
            Some(b'{') => {
                self.unescaped.clear();
                carrier::object(line, at, &mut self.stamps, &mut self.unescaped)
            }
            Some(b'0'..=b'9') => {
                let text = carrier::octets(line, at);
                text.map(|text| (Text::Verbatim(text..line.len()), Said::default()))
            }
            Some(b't' | b'l' | b'c') => {
                self.unescaped.clear();
                let taken = carrier::logfmt(line, at, &mut self.stamps, &mut self.unescaped);
                if let Some((text, said)) = taken {
                    (opened.text, opened.said) = (text, said);
                }
                return opened;
            }
            _ => None,
        };
        if let Some((text, said)) = taken {
            opened.object = (line[at] == b'{').then_some(at);
            (opened.text, opened.said, opened.begins) = (text, said, Begins::Unread);
        }
        opened
    }

    /// The file before a line, where the line goes on, and the stamp there.
    fn behind_file(
        &mut self,
        line: &[u8],
        at: usize,
    ) -> (Option<Range<usize>>, usize, Option<Begun>) {
        let Some((file, goes_on)) = carrier::file(line, at) else {
            return (None, at, None);
        };
        let behind = skip::junk(line, goes_on);
        let begun = head::begin(&line[behind..], &mut self.stamps);
        if begun.is_none()
            && let Some(goes_on) = skip::number(line, behind)
        {
            let begun = head::begin(&line[goes_on..], &mut self.stamps);
            if begun.is_some() || line.get(goes_on) == Some(&b'{') {
                return (Some(file), goes_on, begun);
            }
        }
        let wrapped =
            || line.get(behind) == Some(&b'{') || carrier::compose(line, behind).is_some();
        if begun.is_some() || carrier::is_path(&line[file.clone()]) || wrapped() {
            return (Some(file), behind, begun);
        }
        (None, at, None)
    }
}

/// A line without a carrier, with a stamp.
#[inline]
fn plain<'a>(text: &'a [u8], head: Head<'a>) -> Line<'a> {
    Line {
        text,
        place: Some(0),
        time: head.time,
        stamp: head.stamp,
        host: head.host,
        program: head.program,
        pid: head.pid,
        headed: true,
        rest: head.rest,
        words: head.words,
        ..Line::default()
    }
}

/// The head of a journal entry; its message is words from the beginning.
fn by_entry<'a>(line: &'a [u8], entry: &Entry, text: &[u8]) -> Head<'a> {
    let part = |range: &Option<Range<usize>>| range.clone().map(|range| &line[range]);
    Head {
        host: part(&entry.host),
        program: part(&entry.program),
        pid: part(&entry.pid),
        words: head::own_stamp(text, 0),
        ..Head::default()
    }
}

fn by_format(format: &StampFormat, stamps: &mut StampReader, text: &[u8]) -> Option<Time> {
    match format.first_literal() {
        None => stamps.read_format(format, text),
        Some(first) => {
            memchr_iter(first, text).find_map(|at| stamps.read_format(format, &text[at..]))
        }
    }
}
