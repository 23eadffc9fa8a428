//! From blocks of lines to records.

use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_log::sieve::AnyOf;

use crate::arguments::Arguments;
use crate::choose::{Chooser, Judgement};
use crate::keep::Keep;
use crate::lines;
use crate::times::Times;

/// Turns blocks of lines into records.
pub(crate) struct Extractor {
    chooser: Chooser,
    times: Option<Times>,
    /// Finds lines that may count, if other lines need not be looked at.
    literals: Option<AnyOf>,
    /// Whether a record has the line.
    line: bool,
    /// Whether a record is the address and perhaps the rule.
    bare: bool,
    done: bool,
}

impl Extractor {
    pub(crate) fn new(arguments: &Arguments, keep: Arc<Keep>) -> Result<Self, Fault> {
        let chooser = Chooser::new(arguments, keep)?;
        let times = Times::new(arguments)?;
        Ok(Extractor {
            // A line that does not count still has a time.
            literals: chooser.literals.clone().filter(|_| times.is_none()),
            chooser,
            line: arguments.line,
            bare: !(arguments.line || arguments.json || times.is_some()),
            times,
            done: false,
        })
    }

    /// Prints the records of a block of whole lines.
    pub(crate) fn block(&mut self, block: &[u8], output: &mut Output) -> Result<(), Fault> {
        if self.bare && self.chooser.takes_every_line() {
            let out = output.buffer();
            let before = out.len();
            self.chooser.picker.pick_from_block(block, |found| {
                found.write(block, out);
                out.push(b'\n');
            });
            self.done |= out.len() > before;
            return output.flush_if_full();
        }
        for line in lines::lines(block, self.literals.as_ref()) {
            if let Some(times) = &mut self.times {
                times.read(line);
            }
            let Judgement::Counts(verdict) = self.chooser.judge.judge(line) else {
                continue;
            };
            let verdict = verdict.map(|(_, verdict)| verdict);
            let rule = verdict.as_ref().and_then(|v| v.rule);
            let named = verdict.as_ref().and_then(|v| v.found.as_ref());
            let mut result = Ok(());
            self.chooser.picker.pick(line, named, |choice| {
                self.done = true;
                if self.bare && rule.is_none() {
                    choice.found.write(choice.text, output.buffer());
                    output.buffer().push(b'\n');
                    return;
                }
                let mut record = Record::new(choice.found.address);
                if let Some(time) = self.times.as_mut().and_then(Times::time) {
                    record.push("at", time.to_string().as_bytes());
                }
                if let Some(rule) = rule {
                    record.push("rule", rule.as_bytes());
                }
                if self.line {
                    record.push("line", line);
                }
                if result.is_ok() {
                    result = output.record(&record);
                }
            });
            result?;
            output.flush_if_full()?;
        }
        Ok(())
    }

    /// Ends the input; answers whether an address was printed.
    pub(crate) fn end(self) -> bool {
        if let Some(times) = self.times {
            times.report();
        }
        self.done
    }
}
