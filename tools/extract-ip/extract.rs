//! From blocks of lines to records.

use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::input::Origin;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_log::line::LineReader;

use crate::arguments::Arguments;
use crate::choose::{Chooser, Judgement};
use crate::keep::Keep;
use crate::lines::Lines;
use crate::times::{self, Times};
use crate::window::Window;

/// Turns blocks of lines into records.
pub(crate) struct Extractor {
    chooser: Chooser,
    reader: LineReader,
    times: Option<Times>,
    window: Option<Window>,
    /// The number of the operand that the last block came from.
    operand: usize,
    /// Whether no line was passed over since the last one that was read.
    follows: bool,
    /// Whether lines without the literals need not be looked at.
    may_skip: bool,
    /// Whether a record has the line.
    line: bool,
    /// Whether a record is the address and perhaps the rule.
    bare: bool,
    done: bool,
}

impl Extractor {
    pub(crate) fn new(arguments: &Arguments, keep: Arc<Keep>) -> Result<Self, Fault> {
        let times = Times::new(arguments);
        let window = Window::new(arguments)?;
        let chooser = Chooser::new(arguments, keep)?;
        let reader = times::reader(arguments)?;
        Ok(Extractor {
            reader: if chooser.needs_heads {
                reader
            } else {
                reader.without_programs()
            },
            chooser,
            operand: 0,
            follows: false,
            may_skip: false,
            line: arguments.line,
            bare: !(arguments.line || arguments.json || times.is_some() || window.is_some()),
            times,
            window,
            done: false,
        })
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
            self.reader.begin_file();
            self.chooser.judge.begin_file();
            self.may_skip = false;
        }
        if self.bare && self.chooser.takes_every_line() && self.without_carriers(block) {
            let out = output.buffer();
            let before = out.len();
            self.chooser.picker.pick_from_block(block, |found| {
                found.write(block, out);
                out.push(b'\n');
            });
            self.done |= out.len() > before;
            return output.flush_if_full();
        }
        let mut lines = Lines::new(block);
        loop {
            let literals = self.chooser.literals.as_ref().filter(|_| self.may_skip);
            let Some(raw) = lines.next(literals) else {
                break;
            };
            self.follows &= !raw.skipped;
            self.line(raw.text, output)?;
            self.follows = true;
            output.flush_if_full()?;
        }
        self.follows &= !lines.skipped_end();
        Ok(())
    }

    /// Whether a block's lines can be searched together: fields are counted behind carriers.
    fn without_carriers(&mut self, block: &[u8]) -> bool {
        if self.chooser.picker.field.is_none() {
            return true;
        }
        let Some(first) = Lines::new(block).next(None) else {
            return true;
        };
        self.reader.read(first.text).place == Some(0)
    }

    /// Prints the records of a line.
    fn line(&mut self, raw: &[u8], output: &mut Output) -> Result<(), Fault> {
        let line = self.reader.read(raw);
        // A line that does not count tells whether this input has heads.
        self.may_skip = line.headed || !self.chooser.needs_heads;
        let Judgement::Counts(verdict) = self.chooser.judge.judge(&line, self.follows) else {
            return Ok(());
        };
        if self
            .window
            .is_some_and(|window| window.leaves_out(line.time))
        {
            return Ok(());
        }
        let verdict = verdict.map(|(_, verdict)| verdict);
        let rule = verdict.as_ref().and_then(|v| v.rule);
        let count = verdict.as_ref().map_or(1, |v| v.count);
        let named = verdict.as_ref().and_then(|v| v.found.as_ref());
        let mut at = None;
        let mut timeless = None;
        let mut result = Ok(());
        self.chooser.picker.pick(line.text, named, |choice| {
            if let Some(window) = &mut self.window
                && *timeless.get_or_insert_with(|| window.leaves_out_timeless(line.time))
            {
                return;
            }
            self.done = true;
            if self.bare && rule.is_none() {
                choice.found.write(choice.text, output.buffer());
                output.buffer().push(b'\n');
                return;
            }
            let mut record = Record::new(choice.found.address);
            if let Some(times) = &mut self.times {
                let time = *at.get_or_insert_with(|| times.of(line.time));
                if let Some(time) = time {
                    record.push("at", time.to_string().as_bytes());
                }
            }
            if let Some(rule) = rule {
                record.push("rule", rule.as_bytes());
            }
            if self.line {
                record.push("line", raw);
            }
            for _ in 0..count {
                if result.is_ok() {
                    result = output.record(&record);
                }
            }
        });
        result
    }

    /// Ends a file; the next block is another's.
    pub(crate) fn end_file(&mut self) {
        self.operand = 0;
    }

    /// Takes over the numbers of an extractor of other files.
    pub(crate) fn join(&mut self, other: Extractor) {
        self.done |= other.done;
        if let (Some(times), Some(other)) = (&mut self.times, other.times) {
            times.join(other);
        }
        if let (Some(window), Some(other)) = (&mut self.window, other.window) {
            window.join(other);
        }
    }

    /// Ends the input; answers whether an address was printed.
    pub(crate) fn end(self) -> bool {
        if let Some(times) = self.times {
            times.report();
        }
        if let Some(window) = self.window {
            window.report();
        }
        self.done
    }
}
