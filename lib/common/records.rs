//! Records in: from the lines of an input, or from addresses given as operands.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::Path;
use std::time::Instant;

use crate::address::Address;
use crate::complain::{self, Fault};
use crate::hints::no_address;
use crate::input::{Event, Input};
use crate::lists::{self, Line};
use crate::output::Output;
use crate::record::Record;

/// A batch has at most this many records, or this many bytes of fields.
const BATCH: usize = 20_000;
const BATCH_BYTES: usize = 8 << 20;

/// Where a tool gets its records. A line or operand that is none is reported and skipped here.
///
/// Lines may be those of a published list (see [`lists`]). A line that means several networks is
/// read as several records.
pub struct Records {
    source: Source,
    /// The networks of the last line that are not handed out yet.
    rest: std::vec::IntoIter<Address>,
}

enum Source {
    /// Each operand is an address, a network or a range.
    Operands(std::vec::IntoIter<OsString>),
    /// Each line is a record, or a line of a list.
    Lines(Box<Input>),
}

/// The next thing that the records have for their reader; see [`Event`].
#[derive(Debug)]
pub enum Item {
    /// One record.
    Record(Record),
    /// No record is there just now. The next call waits.
    Idle,
    /// All operands are read.
    End,
}

impl Records {
    /// The addresses or networks themselves; if there are none, the records of standard input.
    pub fn of_addresses(operands: Vec<OsString>) -> Self {
        if operands.is_empty() || operands == ["-"] {
            return Self::of_files(vec![]);
        }
        Self::of(Source::Operands(operands.into_iter()))
    }

    /// The records in these files; none, or `-`, is standard input.
    pub fn of_files(operands: Vec<OsString>) -> Self {
        Self::of(Source::Lines(Box::new(Input::new(operands))))
    }

    fn of(source: Source) -> Self {
        Records {
            source,
            rest: vec![].into_iter(),
        }
    }

    /// Opens all files now, so that the tool can give up the right to; see
    /// [`Input::open_all`].
    pub fn open_all(&mut self) {
        if let Source::Lines(input) = &mut self.source {
            input.open_all();
        }
    }

    /// The next record; with a deadline, [`Item::Idle`] comes again when that passes.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Item, Fault> {
        loop {
            if let Some(address) = self.rest.next() {
                return Ok(Item::Record(Record::new(address)));
            }
            let wrong = match &mut self.source {
                Source::Operands(operands) => {
                    let Some(operand) = operands.next() else {
                        return Ok(Item::End);
                    };
                    match lists::networks(operand.as_encoded_bytes()) {
                        Some(networks) => {
                            self.rest = networks.into_iter();
                            continue;
                        }
                        None => no_operand(&operand),
                    }
                }
                Source::Lines(input) => match input.next(deadline)? {
                    Event::Idle => return Ok(Item::Idle),
                    Event::End => return Ok(Item::End),
                    Event::Data(line) => match lists::parse(line) {
                        Ok(Line::Record(record)) => return Ok(Item::Record(record)),
                        Ok(Line::Blank) => continue,
                        Ok(Line::Form(form)) => {
                            self.rest = form.banned.into_iter();
                            match form.doubt {
                                Some(doubt) => format!("{doubt} Only the first address is taken"),
                                None => continue,
                            }
                        }
                        Err(text) => no_address(text),
                    },
                },
            };
            self.complain(wrong);
        }
    }

    /// The next records, as many as are there without a wait, and at least one was read.
    ///
    /// `output` is flushed first, so the results of the last batch are out before the next begins.
    /// Each record goes through `accept`, while [`complain`](Self::complain) can still tell its
    /// place: the error is reported, and the record is not in the batch. If no other is there, the
    /// batch is empty: what `accept` goes by may be another before the next one comes.
    ///
    /// `None` is the end: all is read; or the reader of an [enduring](Output::enduring) output has
    /// gone and no record is there just now. With a deadline, an empty batch comes when it passes.
    pub fn next_batch<T>(
        &mut self,
        output: &mut Output,
        deadline: Option<Instant>,
        mut accept: impl FnMut(Record) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, Fault> {
        output.flush()?;
        // Without a reader nothing is waited for.
        let deadline = match output.reader_gone() {
            true => Some(Instant::now()),
            false => deadline,
        };
        let mut batch = Vec::new();
        let (mut bytes, mut refused) = (0, 0);
        while batch.len() + refused < BATCH && bytes < BATCH_BYTES {
            match self.next(deadline)? {
                Item::Record(record) => {
                    bytes += record.fields_text().len();
                    match accept(record) {
                        Ok(accepted) => batch.push(accepted),
                        Err(why) => {
                            refused += 1;
                            self.complain(why);
                        }
                    }
                }
                _ if !batch.is_empty() || refused > 0 => break,
                Item::End => return Ok(None),
                Item::Idle if output.reader_gone() => return Ok(None),
                Item::Idle if deadline.is_some_and(|d| Instant::now() >= d) => break,
                Item::Idle => {}
            }
        }
        Ok(Some(batch))
    }

    /// Reports a fault of the last record.
    pub fn complain(&self, what: impl Display) {
        match &self.source {
            Source::Operands(_) => complain::bad_line("operand", what),
            Source::Lines(input) => complain::bad_line(input.place(), what),
        }
    }
}

/// The complaint about an operand that is no address.
fn no_operand(operand: &OsStr) -> String {
    let complaint = no_address(operand.as_encoded_bytes());
    let hint = match Path::new(operand).is_file() {
        true => "; records in a file are standard input: <FILE",
        false => "",
    };
    complaint + hint
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch is empty at a deadline, or if all its records are refused; the end comes again and
    /// again.
    #[test]
    fn batches() {
        let operands = ["203.0.113.7", "foo", "203.0.113.8", "203.0.113.9"];
        let mut records = Records::of_addresses(operands.map(OsString::from).to_vec());
        let mut output = Output::enduring(false);
        let accept = |record: Record| match record.address.to_string() {
            refused if refused.ends_with('8') => Err(refused),
            accepted => Ok(accepted),
        };
        let batch = records.next_batch(&mut output, None, accept).unwrap();
        assert_eq!(batch.unwrap(), ["203.0.113.7", "203.0.113.9"]);
        for _ in 0..2 {
            assert_eq!(records.next_batch(&mut output, None, accept).unwrap(), None);
        }
        let mut records = Records::of_addresses(vec!["203.0.113.8".into(); 3]);
        let batch = records.next_batch(&mut output, None, accept).unwrap();
        assert_eq!(batch.unwrap().len(), 0);
        assert_eq!(records.next_batch(&mut output, None, accept).unwrap(), None);
    }

    #[test]
    fn a_batch_has_a_bound() {
        let operands = vec![OsString::from("203.0.113.7"); BATCH + 1];
        let mut records = Records::of_addresses(operands);
        let mut output = Output::enduring(false);
        let mut lengths = Vec::new();
        while let Some(batch) = records.next_batch(&mut output, None, Ok).unwrap() {
            lengths.push(batch.len());
        }
        assert_eq!(lengths, [BATCH, 1]);
    }
}
