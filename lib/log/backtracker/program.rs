//! A pattern compiled for the backtracker.

use memchr::memmem::Finder;

use super::branches::Branches;
use super::bytes::{ByteSet, RunSet};
use super::node::{Id, Node, Text};

/// Steps for a text of no length.
pub(super) const BUDGET: usize = 2_000;
/// Further steps for each byte of a text.
const BUDGET_PER_BYTE: usize = 8;

/// A pattern as a graph of nodes.
#[derive(Debug)]
pub struct Backtracker {
    pub(super) nodes: Vec<Node>,
    pub(super) branches: Branches,
    pub(super) sets: Vec<RunSet>,
    /// All literals, one behind the other.
    pub(super) texts: Vec<u8>,
    pub(super) needed: Vec<Finder<'static>>,
    pub(super) first: Id,
    /// The bytes that a match may begin with, if it is not empty.
    pub(super) starts: ByteSet,
    /// The node that takes all that is left of a line, if the pattern ends with such a group; and
    /// the first slot of that group.
    pub(super) tail: Option<(Id, u16)>,
    /// The text that every match begins with, if there is one.
    pub(super) prefix: Option<Finder<'static>>,
    pub(super) slots: usize,
    /// The named groups, by number.
    pub(super) names: Vec<(usize, String)>,
    /// Whether a match can begin only at the text's beginning.
    pub(super) anchored: bool,
    /// Steps for a text of no length.
    pub(super) budget: usize,
}

impl Backtracker {
    /// Sets the steps allowed for a text of no length, for a pattern that no automaton can match.
    pub fn with_budget(mut self, budget: usize) -> Backtracker {
        self.budget = budget;
        self
    }

    /// Whether a match can begin only at the text's beginning.
    pub fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// The named groups, by number.
    pub fn names(&self) -> &[(usize, String)] {
        &self.names
    }

    /// The bytes of a literal.
    pub(super) fn literal(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        &self.texts[start..start + usize::from(text.length)]
    }

    /// The steps allowed for this text.
    pub(super) fn budget_for(&self, text: &[u8]) -> usize {
        self.budget + BUDGET_PER_BYTE * text.len()
    }
}
