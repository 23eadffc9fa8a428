//! The judgement of a filter about a line.

use super::group::{Group, Groups, IDENTITY};
use pipeban::address::Address;

/// The judgement of a filter about a line.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// The line is no failure.
    Nothing,
    /// A failure by this address.
    Address {
        /// The client.
        address: Address,
        /// The number of the `failregex`, counted from 1.
        pattern: usize,
    },
    /// A failure, but the text in the address's place is none: a host's name, most often.
    Name {
        /// The text in the address's place.
        text: Vec<u8>,
        /// The number of the `failregex`, counted from 1.
        pattern: usize,
    },
    /// A pattern would take too many steps to decide.
    TooManySteps {
        /// The number of the `failregex`, counted from 1; 0 is any other pattern.
        pattern: usize,
    },
}

impl Verdict {
    /// A failure by the client that these groups identify.
    pub(super) fn of(found: &Groups, pattern: usize) -> Verdict {
        let Some(text) = IDENTITY.iter().find_map(|g| found.get(*g)) else {
            return Verdict::Nothing;
        };
        let parsed = match found.get(Group::Cidr) {
            Some(length) => Address::parse(&[text, b"/", length].concat()),
            None => Address::parse(text),
        };
        match parsed {
            Some(address) => Verdict::Address { address, pattern },
            None => Verdict::Name {
                text: text.to_vec(),
                pattern,
            },
        }
    }
}
