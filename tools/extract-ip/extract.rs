//! From blocks of lines to records.

use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_log::sieve::AnyOf;

use crate::Arguments;
use crate::choose::{self, Chooser};
use crate::keep::Keep;
use crate::stamps::Stamps;

pub struct Extract {
    chooser: Chooser,
    stamps: Option<Stamps>,
    /// Finds lines that may match, where no others need be looked at.
    literals: Option<AnyOf>,
    /// Whether the record has the line.
    line: bool,
    /// Whether the record is the address and perhaps the rule.
    bare: bool,
    done: bool,
}

impl Extract {
    pub fn new(arguments: &Arguments, keep: Arc<Keep>) -> Result<Self, Fault> {
        let chooser = Chooser::new(arguments, keep)?;
        let stamps = Stamps::new(arguments)?;
        Ok(Extract {
            // A line that does not count still has a time.
            literals: chooser.literals().filter(|_| stamps.is_none()),
            chooser,
            line: arguments.line,
            bare: !(arguments.line || arguments.json || stamps.is_some()),
            stamps,
            done: false,
        })
    }

    /// Prints the records of a block of whole lines.
    pub fn block(&mut self, block: &[u8], output: &mut Output) -> Result<(), Fault> {
        if self.bare && self.chooser.takes_every_line() {
            let out = output.buffer();
            let before = out.len();
            self.chooser.choose_all(block, |found| {
                found.write(block, out);
                out.push(b'\n');
            });
            self.done |= out.len() > before;
            return output.flush_if_full();
        }
        for line in choose::lines(block, self.literals.as_ref()) {
            if let Some(stamps) = &mut self.stamps {
                stamps.read(line);
            }
            let mut result = Ok(());
            self.chooser.choose(line, |choice| {
                self.done = true;
                if self.bare && choice.rule.is_none() {
                    choice.found.write(choice.text, output.buffer());
                    output.buffer().push(b'\n');
                    return;
                }
                let mut record = Record::new(choice.found.address);
                if let Some(time) = self.stamps.as_mut().and_then(Stamps::time) {
                    record.push("at", time.to_string().as_bytes());
                }
                if let Some(rule) = choice.rule {
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

    /// All blocks are done; answers whether an address was printed.
    pub fn end(self) -> bool {
        if let Some(stamps) = self.stamps {
            stamps.report();
        }
        self.done
    }
}
