//! Lines in the usual form, taken into a batch.

use pipeban::address::Address;
use pipeban::time::{Time, TimeReader};

use super::batch::EventBatch;
use super::in_memory::Memory;
use super::policy::Policy;
use crate::times::Times;
use crate::usual::{Take, Usual};
use crate::value::{Value, Values};

/// Takes lines into a batch.
pub struct Lines<'a> {
    pub policy: &'a Policy,
    pub memory: &'a Memory,
    pub batch: &'a mut EventBatch,
    pub times: &'a mut Times,
    pub reader: &'a mut TimeReader,
    /// The number of lines without a field that the rule needs.
    pub without: &'a mut u64,
    /// The place in the block at which the lines begin.
    pub start: usize,
}

impl Lines<'_> {
    /// Takes lines with which `text` begins, at most `most`, until another kind of line comes.
    /// Answers the number of lines taken, and their length in bytes.
    pub fn take(self, text: &[u8], most: usize) -> (usize, usize) {
        let searched = self.policy.searched();
        match (self.memory.has_rows(), self.policy.values()) {
            ((true, false), _) | (_, None) => searched.lines(text, most, &mut Bare(self)),
            ((true, true), Some(values)) => searched.lines(text, most, &mut Distinct(self, values)),
            (_, Some(_)) => searched.lines(text, most, &mut Grouped(self)),
        }
    }

    /// The time of a line that counts, if it has one. The error is the answer to give where none
    /// counts: `true` if the line is passed over, `false` if another way must read it.
    #[inline(always)]
    fn time(&mut self, line: &Usual) -> Result<Option<Time>, bool> {
        match line.at() {
            None if self.times.accept_untimed(1) => Ok(None),
            None => Err(true),
            Some(_) if !self.times.is_timed() => Err(false),
            Some(text) => self.reader.read(text).map(Some).ok_or(false),
        }
    }

    /// Adds the event of a line that begins at `start`, with the value that is to be distinct.
    #[inline(always)]
    fn add(&mut self, line: &Usual, start: usize, at: Option<Time>, value: Value) {
        let start = self.start + start;
        let place = start..start + line.length;
        let batch = &mut *self.batch;
        self.memory.load(line.bits, |target| {
            batch.add(target, at, value, None, place)
        });
    }
}

/// Lines of which no field but the time counts.
struct Bare<'a>(Lines<'a>);

impl Take for Bare<'_> {
    #[inline(always)]
    fn take(&mut self, line: Usual, start: usize) -> bool {
        match self.0.time(&line) {
            Ok(own) => self.0.add(&line, start, own, Value::NONE),
            Err(passed) => return passed,
        }
        true
    }
}

/// Lines with a value that is to be distinct, counted in rows.
struct Distinct<'a>(Lines<'a>, Values);

impl Take for Distinct<'_> {
    #[inline(always)]
    fn take(&mut self, line: Usual, start: usize) -> bool {
        let own = match self.0.time(&line) {
            Ok(own) => own,
            Err(passed) => return passed,
        };
        match line.first(self.1) {
            Some(value) => self.0.add(&line, start, own, value),
            None => *self.0.without += 1,
        }
        true
    }
}

/// Lines whose fields are counted in groups.
struct Grouped<'a>(Lines<'a>);

impl Take for Grouped<'_> {
    #[inline(always)]
    fn take(&mut self, line: Usual, start: usize) -> bool {
        let own = match self.0.time(&line) {
            Ok(own) => own,
            Err(passed) => return passed,
        };
        let address: Address = line.bits.into();
        match self.0.policy.fields_of(&line, &address) {
            Some((fields, key)) => {
                let target = self.0.memory.load_group(address, &key);
                let fields = self.0.batch.add_fields(fields);
                let start = self.0.start + start;
                let place = start..start + line.length;
                self.0.batch.add(target, own, Value::NONE, fields, place);
            }
            None => *self.0.without += 1,
        }
        true
    }
}
