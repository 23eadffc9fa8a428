//! A graph of nodes that grows from its end, and the bytes that may stand at each node.

use memchr::memmem::Finder;
use regex_syntax::hir::Look;

use crate::backtracker::bytes::{ByteSet, RunSet};
use crate::backtracker::node::{Id, Node, Text, literal_at};

/// A graph of more nodes is too large.
const MAX_NODES: usize = 20_000;

/// A graph that grows from its end.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// For each node, the bytes that a match from it may begin with, unless it is empty.
    pub(super) starts: Vec<ByteSet>,
    /// For each node, the bytes that may follow the first one.
    pub(super) seconds: Vec<ByteSet>,
    /// For each node, the first conditional that every path from it meets.
    pub(super) conditions: Vec<Option<Id>>,
    pub(super) sets: Vec<RunSet>,
    /// All literals, one behind the other.
    pub(super) texts: Vec<u8>,
    pub(super) needed: Vec<Finder<'static>>,
}

impl Graph {
    /// A graph of the pattern's end alone.
    pub(super) fn new() -> Graph {
        Graph {
            nodes: vec![Node::Match],
            starts: vec![ByteSet::ALL],
            seconds: vec![ByteSet::ALL],
            conditions: vec![None],
            sets: Vec::new(),
            texts: Vec::new(),
            needed: Vec::new(),
        }
    }

    /// Adds a node; `None` if the graph is too large.
    pub(super) fn push(&mut self, node: Node) -> Option<Id> {
        self.starts.push(self.starts(&node));
        self.seconds.push(self.seconds(&node));
        self.conditions.push(self.condition(&node));
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        (number < MAX_NODES).then_some(number as Id)
    }

    /// The bytes of a literal.
    pub(super) fn text(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        &self.texts[start..start + usize::from(text.length)]
    }

    /// The number of a set of bytes of which a run ends where `until` begins; added if it is new.
    pub(super) fn set(&mut self, bytes: ByteSet, until: Option<&[u8]>) -> Option<Id> {
        let known = self.sets.iter().position(|set| {
            let its = set.until.as_ref().map(|finder| finder.needle());
            set.bytes == bytes && its == until
        });
        let number = known.unwrap_or_else(|| {
            self.sets.push(RunSet::new(bytes, until));
            self.sets.len() - 1
        });
        Id::try_from(number).ok()
    }

    pub(super) fn starts_at(&self, node: Id) -> ByteSet {
        self.starts[usize::from(node)]
    }

    /// The bytes that a match from this node may begin with.
    pub(super) fn starts(&self, node: &Node) -> ByteSet {
        match *node {
            Node::Literal { text, .. } => {
                let first = self.text(text).first();
                first.map_or(ByteSet::ALL, |b| ByteSet::one(*b))
            }
            Node::Class { set, .. } => self.sets[usize::from(set)].bytes,
            Node::Repeat {
                set, least, next, ..
            }
            | Node::CaptureRun {
                set, least, next, ..
            } => {
                let bytes = self.sets[usize::from(set)].bytes;
                if least > 0 {
                    bytes
                } else {
                    bytes.or(self.starts_at(next))
                }
            }
            Node::Split { first, second, .. } => self.starts_at(first).or(self.starts_at(second)),
            Node::Conditional { yes, no, .. } => self.starts_at(yes).or(self.starts_at(no)),
            Node::Assertion { look, next } => match look {
                // It holds where no byte follows.
                Look::End => ByteSet::NONE,
                Look::EndLF => self.starts_at(next).and(ByteSet::one(b'\n')),
                _ => self.starts_at(next),
            },
            Node::LineEnd { .. } => ByteSet::one(b'\n'),
            Node::ThreeOctets { .. } => ByteSet::digits(),
            Node::Save { next, .. }
            | Node::LookAround { next, .. }
            | Node::Contains { next, .. } => self.starts_at(next),
            Node::BackReference { .. } | Node::Match => ByteSet::ALL,
        }
    }

    pub(super) fn seconds_at(&self, node: Id) -> ByteSet {
        self.seconds[usize::from(node)]
    }

    /// The bytes that may follow the first one.
    pub(super) fn seconds(&self, node: &Node) -> ByteSet {
        match *node {
            Node::Literal { text, next } => match self.text(text) {
                [_, second, ..] => ByteSet::one(*second),
                _ => self.starts_at(next),
            },
            Node::Class { next, .. } => self.starts_at(next),
            Node::Repeat {
                set, least, next, ..
            }
            | Node::CaptureRun {
                set, least, next, ..
            } => {
                let bytes = self.sets[usize::from(set)].bytes;
                let more = bytes.or(self.starts_at(next));
                match least {
                    0 => more.or(self.seconds_at(next)),
                    _ => more,
                }
            }
            Node::Split { first, second, .. } => self.seconds_at(first).or(self.seconds_at(second)),
            Node::Conditional { yes, no, .. } => self.seconds_at(yes).or(self.seconds_at(no)),
            Node::Save { next, .. }
            | Node::Assertion { next, .. }
            | Node::LookAround { next, .. }
            | Node::Contains { next, .. } => self.seconds_at(next),
            Node::ThreeOctets { .. } => ByteSet::digits().or(ByteSet::one(b'.')),
            Node::LineEnd { .. } | Node::BackReference { .. } | Node::Match => ByteSet::ALL,
        }
    }

    pub(super) fn condition_at(&self, node: Id) -> Option<Id> {
        self.conditions[usize::from(node)]
    }

    /// The first conditional that every path from this node meets, if there is one; a conditional's
    /// own number for itself.
    pub(super) fn condition(&self, node: &Node) -> Option<Id> {
        match *node {
            Node::Conditional { .. } => Some(self.nodes.len() as Id),
            Node::Split { first, second, .. } => {
                let condition = self.condition_at(first);
                condition.filter(|c| self.condition_at(second) == Some(*c))
            }
            Node::Literal { next, .. }
            | Node::Class { next, .. }
            | Node::Repeat { next, .. }
            | Node::Save { next, .. }
            | Node::Assertion { next, .. }
            | Node::CaptureRun { next, .. }
            | Node::ThreeOctets { next }
            | Node::LineEnd { next }
            | Node::LookAround { next, .. }
            | Node::Contains { next, .. }
            | Node::BackReference { next, .. } => self.condition_at(next),
            Node::Match => None,
        }
    }

    /// Adds a check behind the end of a group: where a conditional on the group follows on every
    /// path, the text that its first branch begins with must stand somewhere. Without the check
    /// every path up to the conditional would be tried in vain.
    pub(super) fn needs(&mut self, of: u16, next: Id) -> Option<Id> {
        let condition = self.condition_at(next).map(|c| self.nodes[usize::from(c)]);
        match condition {
            Some(Node::Conditional { group, yes, .. }) if group == of => {
                let Some(text) = literal_at(&self.nodes, yes) else {
                    return Some(next);
                };
                let finder = Finder::new(self.text(text)).into_owned();
                self.needed.push(finder);
                let text = (self.needed.len() - 1) as Id;
                self.push(Node::Contains { text, next })
            }
            _ => Some(next),
        }
    }

    /// The node of the last group, if that takes all that is left of a line and ends the pattern;
    /// and the first slot of that group.
    pub(super) fn tail(&self) -> Option<(Id, u16)> {
        let node = |id: Id| &self.nodes[usize::from(id)];
        let ends_line = |next: Id| match node(next) {
            Node::LineEnd { next } => matches!(node(*next), Node::Match),
            _ => false,
        };
        let rest = ByteSet::ALL.without(b'\n');
        let is_rest = |set: Id| self.sets[usize::from(set)].bytes == rest;
        let tail = |(number, node): (Id, &Node)| match *node {
            Node::CaptureRun {
                set,
                least: 1,
                slot,
                next,
            } if ends_line(next) && is_rest(set) => Some((number, slot)),
            _ => None,
        };
        let mut tails = (0..).zip(&self.nodes).filter_map(tail);
        let is_end = |node: &&Node| matches!(node, Node::LineEnd { .. });
        let ends = self.nodes.iter().filter(is_end).count();
        let first = tails.next().filter(|_| ends == 1)?;
        tails.next().is_none().then_some(first)
    }
}
