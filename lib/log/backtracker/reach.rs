//! The bytes that a step looks at.

use super::cache::Cache;
use super::node::{ANY, Id, Node, Text, literal_at};
use super::program::Backtracker;

/// The bytes that three numbers of three digits have, each with its point.
const THREE_OCTETS: usize = 12;

impl Backtracker {
    /// Notes in `cache` the end of the bytes that a step from this node may look at.
    pub(super) fn note_reach(&self, text: &[u8], node: Id, at: usize, cache: &mut Cache) {
        let length = |text: Text| usize::from(text.length);
        let after = |set: u16, most: usize, next: Id| {
            let run = self.sets[usize::from(set)].run(&text[at..], most);
            let literal = literal_at(&self.nodes, next).map_or(0, length);
            at + run + 1 + literal
        };
        let end = match self.nodes[usize::from(node)] {
            Node::CaptureRun { .. } if self.tail.is_some_and(|(tail, _)| tail == node) => {
                // It takes all that is left, if there is anything.
                if at + 1 < text.len() { 0 } else { text.len() }
            }
            Node::Repeat {
                set, most, next, ..
            } => {
                // No farther than the step itself, whose work the budget bounds.
                let most = if most == ANY { usize::MAX } else { most.into() };
                after(set, most, next)
            }
            Node::CaptureRun { set, next, .. } => after(set, usize::MAX, next),
            Node::Literal { text, .. } => at + length(text),
            Node::Split { .. } => at + 2,
            Node::Class { .. } | Node::Assertion { .. } => at + 1,
            Node::ThreeOctets { .. } => at + THREE_OCTETS,
            _ => 0,
        };
        cache.looked_at = cache.looked_at.max(end);
    }
}
