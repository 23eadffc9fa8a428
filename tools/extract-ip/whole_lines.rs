//! `--whole` and `--count`: the lines themselves in place of records, or their number.

use memchr::{memchr, memrchr};
use pipeban::complain::Fault;
use pipeban::output::Output;

use crate::arguments::Arguments;
use crate::selection::Picker;

/// The lines with an address that is chosen.
pub(crate) struct WholeLines {
    /// Whether they are printed, not only counted.
    prints: bool,
    number: u64,
}

impl WholeLines {
    /// `None` without either option.
    pub(crate) fn new(arguments: &Arguments) -> Option<Self> {
        arguments.wants_lines().then_some(WholeLines {
            prints: !arguments.count,
            number: 0,
        })
    }

    /// Whether the lines are printed, not only counted.
    pub(crate) fn prints(&self) -> bool {
        self.prints
    }

    /// Counts a line that is printed otherwise.
    pub(crate) fn count(&mut self) {
        self.number += 1;
    }

    /// Takes a line, without its newline.
    pub(crate) fn add(&mut self, line: &[u8], output: &mut Output) -> Result<(), Fault> {
        self.number += 1;
        if self.prints {
            output.line(line)?;
        }
        Ok(())
    }

    /// Takes the lines of a block in which the picker finds an address, if every line counts.
    pub(crate) fn add_from_block(
        &mut self,
        block: &[u8],
        picker: &Picker,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let mut behind = 0;
        let mut result = Ok(());
        picker.pick_from_block(block, |found| {
            let at = found.range.start;
            if at < behind || result.is_err() {
                return;
            }
            let start = memrchr(b'\n', &block[behind..at]).map_or(behind, |i| behind + i + 1);
            let end = memchr(b'\n', &block[at..]).map_or(block.len(), |i| at + i);
            behind = end;
            result = self.add(&block[start..end], output);
        });
        result
    }

    /// Takes out the number of lines so far, for [`join`](Self::join).
    pub(crate) fn take(&mut self) -> Self {
        let number = std::mem::take(&mut self.number);
        WholeLines { number, ..*self }
    }

    /// Adds the lines of other files.
    pub(crate) fn join(&mut self, other: Self) {
        self.number += other.number;
    }

    /// Prints the number, if it was asked for; answers whether there was a line.
    pub(crate) fn end(self, output: &mut Output) -> Result<bool, Fault> {
        if !self.prints {
            output.line(self.number.to_string().as_bytes())?;
            output.flush()?;
        }
        Ok(self.number > 0)
    }
}
