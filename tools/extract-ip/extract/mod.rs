//! From blocks of lines to records.

mod amid; // from the middle of the input on
mod findings; // the text of lines whose judgement waits
mod settle; // such lines, judged

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::figures;
use pipeban::input::Origin;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_log::line::{Line, LineReader};
use pipeban_log::presets::Presets;

use crate::address_filter::Keep;
use crate::arguments::Arguments;
use crate::lines::{BlockLine, Lines};
use crate::matcher::Matcher;
use crate::object::Object;
use crate::selection::{Choice, Chooser, Judgement};
use crate::time_window::Window;
use crate::times::{self, Times};
use crate::unknown_input::{self, Silence};
use crate::whole_lines::WholeLines;
use findings::{Found, push_rule};

pub(crate) use amid::{Behind, Known};
pub(crate) use findings::Findings;

/// A block is dense where more than one byte in this many is of a line with a literal.
const DENSE: usize = 4;
/// After a dense block the literals are not searched for in this many.
const DENSE_BLOCKS: u32 = 32;

/// Turns blocks of lines into records.
pub(crate) struct Extractor {
    chooser: Chooser,
    reader: LineReader,
    /// Reads time stamps that a filter has found.
    stamps: LineReader,
    times: Option<Times>,
    window: Option<Window>,
    /// Failures that presets did not believe, of other files, and the service that wrote these.
    unbelieved: Option<(u64, String)>,
    /// Until the presets have met a line that they know.
    silence: Option<Silence>,
    /// The number of the operand that the last block came from.
    operand: usize,
    /// The lines of it that were read, where that is known of each.
    lines: u64,
    /// Whether a judgement or a record depends on more than the text behind the carrier.
    needs_head: bool,
    /// Whether the lines of this block are read only by the patterns: they have no carrier.
    bare_lines: bool,
    /// Whether no line was passed over since the last one that was read.
    follows: bool,
    /// Whether lines without the literals need not be looked at.
    may_skip: bool,
    /// In place of records.
    whole: Option<WholeLines>,
    /// The next blocks whose lines are all read: it takes less time than to search for literals
    /// that most of them have.
    dense: u32,
    /// Whether a record has the line.
    line: bool,
    /// Whether a record is the address and perhaps the rule.
    bare: bool,
    done: bool,
    /// The last record.
    record: Record,
    /// The text of its time.
    at: Vec<u8>,
    /// The lines that wait, if any do.
    findings: Findings,
}

impl Extractor {
    pub(crate) fn new(arguments: &Arguments, keep: Arc<Keep>) -> Result<Self, Fault> {
        let times = Times::new(arguments);
        let window = Window::new(arguments)?;
        let chooser = Chooser::new(arguments, keep)?;
        let mut reader = times::reader(arguments)?;
        let journal = |m: &Matcher| matches!(m, Matcher::Filter(filter, _) if filter.is_journal());
        let needs_program = chooser.needs_heads
            || !arguments.with.is_empty()
            || chooser.judge.matchers.iter().any(journal);
        if !needs_program {
            reader = reader.without_programs(times.is_some() || window.is_some());
        }
        let silence = chooser
            .presets()
            .map(|presets| Silence::new(presets.programs(), times::is_live(&arguments.files)));
        if silence.is_some() {
            figures::tell_too("known", 0);
        }
        Ok(Extractor {
            silence,
            unbelieved: None,
            chooser,
            reader,
            stamps: times::reader(arguments)?,
            operand: 0,
            lines: 0,
            needs_head: needs_program || times.is_some() || window.is_some(),
            bare_lines: false,
            follows: false,
            may_skip: false,
            whole: WholeLines::new(arguments),
            dense: 0,
            line: arguments.line,
            bare: !(arguments.line || arguments.json || times.is_some() || window.is_some())
                && arguments.with.is_empty(),
            times,
            window,
            done: false,
            record: Record::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into()),
            at: Vec::new(),
            findings: Findings::default(),
        })
    }

    /// Whether the records of a line depend on that line alone, and on the file's first ones.
    pub(crate) fn is_of_each_line(&self) -> bool {
        let remembers = |m: &Matcher| !matches!(m, Matcher::Pattern(_));
        let chooser = &self.chooser;
        let remembers = chooser.objects.is_some() || chooser.judge.matchers.iter().any(remembers);
        !self.needs_head && !remembers
    }

    /// Prints the records of a block of whole lines.
    pub(crate) fn block(
        &mut self,
        block: &[u8],
        origin: Origin,
        output: &mut Output,
    ) -> Result<(), Fault> {
        if origin.number != self.operand {
            self.operand = origin.number;
            self.begin_file(origin.head);
        }
        self.go_on(block, origin.name, output)
    }

    /// Begins a file, or a part of one that has `head` for its first lines: of such a part the same
    /// is known as behind these.
    pub(crate) fn begin_file(&mut self, head: &[u8]) {
        self.lines = 0;
        self.reader.begin_file();
        self.stamps.begin_file();
        self.chooser.judge.begin_file();
        self.may_skip = false;
        let mut lines = Lines::new(head);
        while let Some(line) = lines.next(None) {
            self.reader.read(line.text);
        }
    }

    /// Prints the records of the next block of whole lines of the same file.
    pub(crate) fn go_on(
        &mut self,
        block: &[u8],
        file: Option<&str>,
        output: &mut Output,
    ) -> Result<(), Fault> {
        if self.bare && self.chooser.takes_every_line() && self.without_carriers(block) {
            if let Some(whole) = &mut self.whole {
                return whole.add_from_block(block, &self.chooser.picker, output);
            }
            let out = output.buffer();
            let before = out.len();
            self.chooser.picker.pick_from_block(block, |found| {
                found.write(block, out);
                out.push(b'\n');
            });
            self.done |= out.len() > before;
            return output.flush_if_full();
        }
        // A line was cut of which nothing is left.
        self.lines += u64::from(block.is_empty());
        let bare_lines = !self.needs_head && self.chooser.objects.is_none();
        self.bare_lines = bare_lines && self.has_no_carrier(block);
        let mut lines = match self.bare_lines {
            true => Lines::without_carriers(block),
            false => Lines::new(block),
        };
        let (mut read, searches) = (0, self.dense == 0);
        loop {
            let literals = self.chooser.literals.as_ref();
            let literals = literals.filter(|_| searches && self.may_skip && !self.needs_pieces());
            let Some(raw) = lines.next(literals) else {
                break;
            };
            read += raw.text.len();
            self.follows &= !raw.skipped;
            self.lines += 1;
            self.line(&raw, file, output)?;
            self.follows = true;
            if self.silence.is_some() && self.chooser.presets().is_some_and(Presets::met_form) {
                self.silence = None;
                figures::tell_too("known", 1);
            }
            output.flush_if_full()?;
        }
        self.follows &= !lines.skipped_end();
        if searches && self.chooser.needs_heads && read > block.len() / DENSE {
            self.dense = DENSE_BLOCKS;
        } else {
            self.dense = self.dense.saturating_sub(1);
        }
        Ok(())
    }

    /// Whether each line has to be read to know where the next one begins.
    fn needs_pieces(&self) -> bool {
        self.chooser.needs_heads && self.reader.has_pieces()
    }

    /// Whether a block's lines can be searched together: fields are counted behind carriers.
    fn without_carriers(&mut self, block: &[u8]) -> bool {
        self.chooser.picker.field.is_none() || self.has_no_carrier(block)
    }

    /// Whether the first line of a block has no carrier. A writer of logs does not change carriers.
    fn has_no_carrier(&mut self, block: &[u8]) -> bool {
        let Some(first) = Lines::new(block).next(None) else {
            return true;
        };
        self.reader.read(first.text).place == Some(0)
    }

    /// Prints the records of a line.
    fn line(
        &mut self,
        given: &BlockLine,
        file: Option<&str>,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let raw = given.text;
        let line = match self.bare_lines {
            true => Line::bare(raw),
            false => self.reader.read(raw),
        };
        if let Some(silence) = &mut self.silence {
            silence.note(&line);
        }
        let none = Object::default();
        let mut object = &none;
        if let Some(objects) = &mut self.chooser.objects {
            // Of a part of a file nobody knows where it begins.
            let number = Some(self.lines).filter(|_| self.window.is_none());
            let file = file.unwrap_or("standard input");
            match objects.read(raw, &line, file, number) {
                Some(read) => object = read,
                None => return Ok(()),
            }
        }
        let judgement = match self.chooser.judge.is_empty() {
            true => Judgement::Counts(None),
            false => self.chooser.judge.judge(&line, self.follows),
        };
        // Presets need all lines until they know whether this input has heads of their programs.
        self.may_skip = line.headed && self.silence.is_none() || !self.chooser.needs_heads;
        let is_out = self.window.is_some_and(|w| w.leaves_out(line.time));
        let verdict = match judgement {
            Judgement::Counts(verdict) if !is_out => verdict,
            Judgement::NoMatch => {
                if !self.chooser.judge.waits() {
                    return Ok(());
                }
                let counts = !is_out && !self.chooser.judge.excludes(line.text);
                let Some(presets) = self.chooser.judge.presets() else {
                    return Ok(());
                };
                let found = Found {
                    line: &line,
                    given,
                    file,
                    object,
                    presets,
                    keep: &self.chooser.picker.keep,
                    fields: &self.chooser.fields,
                    counts,
                    whole: self.whole.as_ref(),
                    has_time: self.times.is_some(),
                    has_line: self.line,
                };
                let findings = &mut self.findings;
                return findings.add(&found, &mut self.record, &mut self.at, output);
            }
            _ => return Ok(()),
        };
        let verdict = verdict.as_ref().map(|(_, verdict)| verdict);
        let rule = verdict.and_then(|v| v.rule);
        let named = verdict.and_then(|v| v.found.as_ref());
        let picker = &self.chooser.picker;
        let at_key = object.addresses.as_deref();
        if self.bare && rule.is_none() && self.window.is_none() && self.whole.is_none() {
            let out = output.buffer();
            let before = out.len();
            picker.pick_of(line.text, at_key, named, |choice| {
                choice.found.write(choice.text, out);
                out.push(b'\n');
            });
            self.done |= out.len() > before;
            return Ok(());
        }
        let count = verdict.map_or(1, |v| v.count);
        let fields = &self.chooser.fields;
        let stamp = verdict.and_then(|v| v.stamp.as_ref());
        let format = verdict.and_then(|v| v.format);
        let mut at = None;
        let mut timeless = None;
        let mut is_taken = false;
        let mut result = Ok(());
        let give = |choice: Choice| {
            if let Some(window) = &mut self.window
                && *timeless.get_or_insert_with(|| window.leaves_out_timeless(line.time))
            {
                return;
            }
            is_taken = true;
            if self.whole.is_some() {
                return;
            }
            let record = &mut self.record;
            record.begin(choice.found.address);
            if let Some(times) = &mut self.times {
                let stamps = &mut self.stamps;
                let mut own = || stamps.stamp(&line.text[stamp?.clone()], format);
                let time = *at.get_or_insert_with(|| times.of(own().or(line.time)));
                if let Some(time) = time {
                    self.at.clear();
                    time.write(&mut self.at);
                    record.push("at", &self.at);
                }
            }
            if let Some(rule) = rule {
                push_rule(record, rule, verdict.is_some_and(|v| v.success));
            }
            if !fields.is_empty() {
                fields.of(&line, file, verdict, object, |key, value| {
                    record.push(key, value)
                });
            }
            if self.line {
                record.push("line", raw);
            }
            for _ in 0..count {
                if result.is_ok() {
                    result = output.record(record);
                }
            }
        };
        picker.pick_of(line.text, at_key, named, give);
        if let Some(whole) = self.whole.as_mut().filter(|_| is_taken) {
            return whole.add(given.whole, output);
        }
        self.done |= is_taken;
        result
    }

    /// Ends a file; the next block is another's.
    pub(crate) fn end_file(&mut self) {
        self.operand = 0;
    }

    /// Takes over the numbers of an extractor of other files.
    pub(crate) fn join(&mut self, other: Extractor) {
        self.done |= other.done;
        let (mine, its) = (self.unbelieved(), other.unbelieved());
        self.unbelieved = match (mine, its) {
            (Some((n, name)), Some((m, _))) => Some((n + m, name)),
            (mine, its) => mine.or(its),
        };
        self.silence = match (self.silence.take(), other.silence) {
            (Some(silence), Some(other)) => Some(silence.join(other)),
            _ => None,
        };
        if let (Some(times), Some(other)) = (&mut self.times, other.times) {
            times.join(other);
        }
        if let (Some(window), Some(other)) = (&mut self.window, other.window) {
            window.join(other);
        }
        if let (Some(whole), Some(other)) = (&mut self.whole, other.whole) {
            whole.join(other);
        }
    }

    /// Failures that presets did not believe, in all files so far.
    fn unbelieved(&self) -> Option<(u64, String)> {
        let mine = self.chooser.presets().and_then(Presets::unbelieved);
        match (mine, &self.unbelieved) {
            (Some((n, name)), Some((m, _))) => Some((n + m, name.into())),
            (Some((n, name)), None) => Some((n, name.into())),
            (None, others) => others.clone(),
        }
    }

    /// Ends the input; answers whether an address or a line was printed.
    pub(crate) fn end(mut self, output: &mut Output) -> Result<bool, Fault> {
        if let Some(silence) = &mut self.silence {
            silence.tell();
        }
        if let Some((count, service)) = self.unbelieved() {
            unknown_input::tell_unbelieved(count, &service);
        }
        if let Some(times) = self.times {
            times.report();
        }
        if let Some(window) = self.window {
            window.report();
        }
        match self.whole {
            Some(whole) => whole.end(output),
            None => Ok(self.done),
        }
    }
}
