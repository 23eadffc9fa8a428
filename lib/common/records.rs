//! Records in: from the lines of an input, or from addresses given as operands.

use std::ffi::OsString;
use std::time::Instant;

use crate::address::Address;
use crate::complain::{self, Fault};
use crate::input::{Event, Input};
use crate::record::Record;

/// Where a tool gets its records; what is not one is reported and skipped here.
pub enum Records {
    Operands(std::vec::IntoIter<OsString>),
    Lines(Box<Input>),
}

/// What comes next; see [`Event`].
#[derive(Debug)]
pub enum Item {
    Record(Record),
    /// Nothing more is there just now. The next call waits.
    Idle,
    End,
}

impl Records {
    /// The addresses or networks themselves; if there are none, the records of standard input.
    pub fn of_addresses(operands: Vec<OsString>) -> Self {
        if operands.is_empty() || operands == ["-"] {
            return Self::of_files(vec![]);
        }
        Records::Operands(operands.into_iter())
    }

    /// The records in these files; none, or `-`, is standard input.
    pub fn of_files(operands: Vec<OsString>) -> Self {
        Records::Lines(Box::new(Input::new(operands)))
    }

    /// The next record; with a deadline, [`Item::Idle`] comes again when that passes.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Item, Fault> {
        loop {
            let not_one = match self {
                Records::Operands(operands) => {
                    let Some(operand) = operands.next() else {
                        return Ok(Item::End);
                    };
                    match Address::parse(operand.as_encoded_bytes()) {
                        Some(address) => return Ok(Item::Record(Record::new(address))),
                        None => operand.to_string_lossy().into_owned(),
                    }
                }
                Records::Lines(input) => match input.next(deadline)? {
                    Event::Idle => return Ok(Item::Idle),
                    Event::End => return Ok(Item::End),
                    Event::Data(line) => match Record::parse(line) {
                        Ok(Some(record)) => return Ok(Item::Record(record)),
                        Ok(None) => continue,
                        Err(text) => {
                            String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned()
                        }
                    },
                },
            };
            self.complain(format_args!("not an address: \"{not_one}\""));
        }
    }

    /// Reports what is wrong with the last record.
    pub fn complain(&self, what: impl std::fmt::Display) {
        match self {
            Records::Operands(_) => complain::bad_line("operand", what),
            Records::Lines(input) => complain::bad_line(input.place(), what),
        }
    }
}
