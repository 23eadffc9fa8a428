//! What stands ahead of a node.

use memchr::memmem::Finder;
use regex_syntax::hir::Look;

use super::Builder;
use crate::walk::bytes::Bytes;
use crate::walk::go::literal_at;
use crate::walk::{Id, Node};

impl Builder {
    pub(super) fn starts_at(&self, node: Id) -> Bytes {
        self.starts[usize::from(node)]
    }

    /// The bytes with which what this node leads to may begin.
    pub(super) fn starts(&self, node: &Node) -> Bytes {
        match *node {
            Node::Literal { text, .. } => {
                let first = self.text(text).first();
                first.map_or(Bytes::ALL, |b| Bytes::one(*b))
            }
            Node::One { set, .. } => self.sets[usize::from(set)].bytes,
            Node::Many {
                set, least, next, ..
            }
            | Node::Caught {
                set, least, next, ..
            } => {
                let bytes = self.sets[usize::from(set)].bytes;
                if least > 0 {
                    bytes
                } else {
                    bytes.or(self.starts_at(next))
                }
            }
            Node::Either { first, second, .. } => self.starts_at(first).or(self.starts_at(second)),
            Node::If { yes, no, .. } => self.starts_at(yes).or(self.starts_at(no)),
            Node::Look { look, next } => match look {
                // It holds where no byte follows.
                Look::End => Bytes::NONE,
                Look::EndLF => self.starts_at(next).and(Bytes::one(b'\n')),
                _ => self.starts_at(next),
            },
            Node::Close { .. } => Bytes::one(b'\n'),
            Node::Octets { .. } => Bytes::digits(),
            Node::Save { next, .. } | Node::Around { next, .. } | Node::Needs { next, .. } => {
                self.starts_at(next)
            }
            Node::Same { .. } | Node::Done => Bytes::ALL,
        }
    }

    pub(super) fn seconds_at(&self, node: Id) -> Bytes {
        self.seconds[usize::from(node)]
    }

    /// The bytes that may follow the first one.
    pub(super) fn seconds(&self, node: &Node) -> Bytes {
        match *node {
            Node::Literal { text, next } => match self.text(text) {
                [_, second, ..] => Bytes::one(*second),
                _ => self.starts_at(next),
            },
            Node::One { next, .. } => self.starts_at(next),
            Node::Many {
                set, least, next, ..
            }
            | Node::Caught {
                set, least, next, ..
            } => {
                let bytes = self.sets[usize::from(set)].bytes;
                let more = bytes.or(self.starts_at(next));
                match least {
                    0 => more.or(self.seconds_at(next)),
                    _ => more,
                }
            }
            Node::Either { first, second, .. } => {
                self.seconds_at(first).or(self.seconds_at(second))
            }
            Node::If { yes, no, .. } => self.seconds_at(yes).or(self.seconds_at(no)),
            Node::Save { next, .. }
            | Node::Look { next, .. }
            | Node::Around { next, .. }
            | Node::Needs { next, .. } => self.seconds_at(next),
            Node::Octets { .. } => Bytes::digits().or(Bytes::one(b'.')),
            Node::Close { .. } | Node::Same { .. } | Node::Done => Bytes::ALL,
        }
    }

    pub(super) fn condition_at(&self, node: Id) -> Option<Id> {
        self.conditions[usize::from(node)]
    }

    /// The first condition behind this node, if every way meets it; where it is one itself, its own number.
    pub(super) fn condition(&self, node: &Node) -> Option<Id> {
        match *node {
            Node::If { .. } => Some(self.nodes.len() as Id),
            Node::Either { first, second, .. } => {
                let condition = self.condition_at(first);
                condition.filter(|c| self.condition_at(second) == Some(*c))
            }
            Node::Literal { next, .. }
            | Node::One { next, .. }
            | Node::Many { next, .. }
            | Node::Save { next, .. }
            | Node::Look { next, .. }
            | Node::Caught { next, .. }
            | Node::Octets { next }
            | Node::Close { next }
            | Node::Around { next, .. }
            | Node::Needs { next, .. }
            | Node::Same { next, .. } => self.condition_at(next),
            Node::Done => None,
        }
    }

    /// Behind the end of a group: where a condition on it follows on every way, what that then asks for must be there. Without it
    /// all ways up to the condition would be tried in vain.
    pub(super) fn needs(&mut self, of: u16, next: Id) -> Option<Id> {
        let condition = self.condition_at(next).map(|c| self.nodes[usize::from(c)]);
        match condition {
            Some(Node::If { group, yes, .. }) if group == of => {
                let Some(text) = literal_at(&self.nodes, yes) else {
                    return Some(next);
                };
                let finder = Finder::new(self.text(text)).into_owned();
                self.needed.push(finder);
                let text = (self.needed.len() - 1) as Id;
                self.push(Node::Needs { text, next })
            }
            _ => Some(next),
        }
    }
}
