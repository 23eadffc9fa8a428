//! A line whose judgement waits until lines before are known.

use pipeban::address::Address;

use super::tries::Sighting;

/// The attempt of the last line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attempt {
    /// By the rule of this number, by this address.
    By(usize, Address),
    /// Whether there is one depends on lines before.
    Waits,
    /// That line is not known.
    Unknown,
}

/// `last message repeated`, behind a line whose attempt waits.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    pub(super) count: u32,
    /// Whether it is of the host and file of the line before.
    pub(super) is_same: bool,
}

/// The last line, where it waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) again: Option<Again>,
    pub(super) sightings: Vec<Sighting>,
    pub(super) fields: Vec<Vec<(usize, Vec<u8>)>>,
    /// Whether a judgement depends on the last line before all.
    pub(super) depends: bool,
}

impl Waiting {
    /// Begins another line.
    pub(super) fn clear(&mut self) {
        self.again = None;
        self.sightings.clear();
        self.fields.clear();
    }
}
