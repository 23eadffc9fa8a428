//! A match of a rule.

use std::ops::Range;

use pipeban::address::Address;

/// A match, with ranges in the text.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) address: Option<(Address, Range<usize>)>,
    pub(super) session: Option<Range<usize>>,
    /// The number of attempts; 1 where the pattern has no group for it.
    pub(super) count: u32,
    pub(super) port: Option<u16>,
    /// Texts that were asked for, by their number there.
    pub(super) fields: Vec<(usize, Vec<u8>)>,
}

/// An address without the port that may follow: of a dotted quad, or of one in brackets.
pub(super) fn without_port(text: &[u8]) -> &[u8] {
    if let Some(rest) = text.strip_prefix(b"[") {
        return &rest[..memchr::memchr(b']', rest).unwrap_or(0)];
    }
    match memchr::memrchr(b':', text) {
        Some(at) if memchr::memrchr(b'.', &text[..at]).is_some() => &text[..at],
        _ => text,
    }
}
