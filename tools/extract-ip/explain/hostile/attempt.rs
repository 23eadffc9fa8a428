//! The result of the attempt to build a line by which the remote party chooses the address.

use std::ops::Range;

/// The remote party's own address, which the log's writer puts where the pattern expects it.
pub(super) const OWN: &[u8] = b"203.0.113.9";
/// The address of somebody else.
pub(super) const VICTIM: &[u8] = b"192.0.2.1";

/// A line by which the owner of [`OWN`] has [`VICTIM`] banned.
#[derive(Debug)]
pub(crate) struct Hostile {
    pub(crate) line: Vec<u8>,
    /// The parts that the remote party wrote.
    pub(crate) written: Vec<Range<usize>>,
}

/// The result of the attempts to build such a line.
#[derive(Debug)]
pub(crate) enum Attempt {
    Found(Hostile),
    /// No line, though these were tried.
    NoneFound(String),
    /// There was no attempt, for this reason.
    Untried(&'static str),
}
