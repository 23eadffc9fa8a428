//! The verdict about a line that matches.

use std::ops::Range;

use pipeban_log::finder::Found;
use pipeban_log::stamp::StampFormat;

/// The verdict about a line that matches.
pub(crate) struct Verdict<'a> {
    /// The address that is meant, in the line; `None` if the matcher does not say.
    pub(crate) found: Option<Found>,
    /// The name of the pattern, for the record.
    pub(crate) rule: Option<&'a str>,
    /// Whether the line tells of a login that went well, and not of a failure.
    pub(crate) success: bool,
    /// The number of events.
    pub(crate) count: u32,
    /// Texts of groups that were asked for, by their number there.
    pub(crate) fields: Vec<(usize, Vec<u8>)>,
    /// The time stamp in the line, where the matcher found one in a way of its own.
    pub(crate) stamp: Option<Range<usize>>,
    /// Its form, where that is known.
    pub(crate) format: Option<&'a StampFormat>,
}
