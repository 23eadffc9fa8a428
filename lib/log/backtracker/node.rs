//! The nodes of a pattern's graph.

use regex_syntax::hir::Look;

/// The number of a node, a set or a text.
pub(super) type Id = u16;

/// No upper bound of a repetition.
pub(super) const ANY: u16 = u16::MAX;

/// One step of a pattern. Many patterns are tried in turn, so a node is small: the processor's
/// cache then holds them all.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    /// A literal text.
    Literal { text: Text, next: Id },
    /// One byte of a set.
    Class { set: Id, next: Id },
    /// A run of bytes of a set; `then` is the set of bytes that the next node may begin with.
    Repeat {
        set: Id,
        least: u16,
        most: u16,
        greed: Greed,
        then: Id,
        next: Id,
    },
    /// A capture group around a possessive [`Node::Repeat`] without an upper bound.
    CaptureRun {
        set: Id,
        least: u16,
        slot: u16,
        next: Id,
    },
    /// The first three numbers of a dotted quad, each with the point behind it.
    ThreeOctets { next: Id },
    /// The first branch, and if that fails the second; `row` is its row in the branch table.
    Split { first: Id, second: Id, row: u32 },
    /// Notes the position in a slot.
    Save { slot: u16, next: Id },
    /// An assertion such as `\b`.
    Assertion { look: Look, next: Id },
    /// The end of the text, or a newline that ends it and is taken: Python's `$`.
    LineEnd { next: Id },
    /// A look-around whose pattern begins at `first`, `back` bytes before this position.
    LookAround {
        first: Id,
        back: u16,
        negated: bool,
        next: Id,
    },
    /// `yes` if the group took part in the match, else `no`.
    Conditional { group: u16, yes: Id, no: Id },
    /// Fails unless the rest contains this text.
    Contains { text: Id, next: Id },
    /// The text of the group, once more.
    BackReference { group: u16, next: Id },
    /// The pattern's end.
    Match,
}

/// The place of a literal among all texts of a pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) start: u32,
    pub(super) length: u16,
    /// Offset of the byte that is rarest in logs.
    pub(super) rare: u16,
}

/// How a repetition chooses its length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Greed {
    /// As long as it can be, and no other: the next node can't begin with a byte of the set.
    Possessive,
    /// The longest first.
    Greedy,
    /// The shortest first.
    Lazy,
}

/// The literal that must stand at a position where `node` is reached.
pub(super) fn literal_at(nodes: &[Node], mut node: Id) -> Option<Text> {
    loop {
        match nodes[usize::from(node)] {
            Node::Save { next, .. } | Node::Contains { next, .. } => node = next,
            Node::Literal { text, .. } => return Some(text),
            _ => return None,
        }
    }
}
