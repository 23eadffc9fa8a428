//! What a walk found, remembered for all texts that it can't tell apart.
//!
//! Lines of one program begin alike but for a number: a walk over such a beginning takes the same way again and again. Bytes that
//! a pattern never tells apart are of one class, so where a text's classes are those of a text before, up to where the walk looked
//! at that, the groups are found in the same places. It works for patterns that end in a group of all that is left, as a
//! filter's prefix does: the end is in another place, but looks at no byte.

use memchr::memchr;
use regex_syntax::hir::Look;

use super::bytes::Bytes;
use super::forks::classes;
use super::go::{OCTETS, literal_at};
use super::{ANY, Id, Node, Text, Walk, Walker};

/// No text was met that goes on so.
const UNKNOWN: u16 = 0;
/// What is remembered ends here, with the finding of the number in the other bits.
const FOUND: u16 = 1 << 15;

/// So much is remembered, and no more: what is met then is walked, as it was before.
const MAX_FINDINGS: usize = 1000;

/// Nor is what a walk found that looked at more bytes than these.
const MAX_LENGTH: usize = 100;

/// A tree of classes, in which a way from the root leads to what was found. It has 64 KiB at most.
#[derive(Debug)]
pub struct Recall {
    classes: Vec<u8>,
    columns: usize,
    /// For each inner node a row of the places of those that follow, by their class.
    tree: Vec<u16>,
    /// The slots of each finding.
    findings: Vec<Box<[u32]>>,
    /// The slot where the last group begins.
    slot: usize,
    full: bool,
}

impl Recall {
    /// `None` for a pattern that has another end, or that looks around.
    pub fn new(walker: &Walker) -> Option<Recall> {
        let mut sets = vec![Bytes::one(b'\n'), Bytes::digits(), Bytes::word()];
        sets.extend(walker.sets.iter().map(|set| set.bytes));
        sets.extend(walker.texts.iter().map(|byte| Bytes::one(*byte)));
        for node in &walker.nodes {
            match node {
                Node::Around { .. } | Node::Needs { .. } | Node::Same { .. } => return None,
                Node::Look { look, .. } if *look == Look::End || *look == Look::EndLF => {
                    return None;
                }
                _ => {}
            }
        }
        let until = |set: &super::Set| set.until.is_some();
        let slot = walker.tail.map(|(_, slot)| usize::from(slot))?;
        if !walker.anchored || walker.sets.iter().any(until) {
            return None;
        }
        let (classes, examples) = classes(&sets);
        let columns = examples.len();
        Some(Recall {
            classes,
            columns,
            tree: vec![UNKNOWN; columns],
            findings: Vec::new(),
            slot,
            full: false,
        })
    }

    /// Whether it is known what a walk finds in `text`; `walk` has it then.
    pub fn find(&self, text: &[u8], walk: &mut Walk) -> bool {
        let Some(line) = one_line(text) else {
            return false;
        };
        let mut row = 0;
        for byte in line {
            let class = self.classes[usize::from(*byte)];
            match self.tree[row + usize::from(class)] {
                UNKNOWN => return false,
                way if way & FOUND == 0 => row = usize::from(way),
                way => {
                    walk.slots.clear();
                    walk.slots.extend(&self.findings[usize::from(way & !FOUND)]);
                    walk.slots[1] = text.len() as u32;
                    walk.slots[self.slot + 1] = line.len() as u32;
                    return true;
                }
            }
        }
        false
    }

    /// Whether there was no room for what was found last.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes that it has.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let findings = self.findings.iter().map(|slots| size_of_val(&**slots));
        size_of_val(self.tree.as_slice()) + findings.sum::<usize>()
    }

    /// Remembers what a walk found in `text`.
    pub fn note(&mut self, text: &[u8], walk: &Walk) {
        let Some(line) = one_line(text) else { return };
        // The last group is not empty.
        let looked_at = walk.looked_at.max(walk.slots[self.slot] as usize + 1);
        let Some((last, way)) = line.get(..looked_at).and_then(<[u8]>::split_last) else {
            return;
        };
        if way.len() > MAX_LENGTH {
            return;
        }
        let room = self.tree.len() + way.len() * self.columns;
        self.full = room > usize::from(FOUND) || self.findings.len() >= MAX_FINDINGS;
        if self.full {
            return;
        }
        let mut row = 0;
        for byte in way {
            let place = row + usize::from(self.classes[usize::from(*byte)]);
            if self.tree[place] == UNKNOWN {
                self.tree[place] = self.tree.len() as u16;
                self.tree.resize(self.tree.len() + self.columns, UNKNOWN);
            }
            row = match self.tree[place] {
                row if row & FOUND == 0 => usize::from(row),
                _ => return,
            };
        }
        let place = row + usize::from(self.classes[usize::from(*last)]);
        self.tree[place] = self.findings.len() as u16 | FOUND;
        self.findings.push(walk.slots.as_slice().into());
    }
}

impl Walker {
    /// Notes how far a step from this node looks, at most.
    pub(super) fn look(&self, text: &[u8], node: Id, at: usize, walk: &mut Walk) {
        let length = |text: Text| usize::from(text.length);
        let after = |set: u16, most: usize, next: Id| {
            let run = self.sets[usize::from(set)].run(&text[at..], most);
            let literal = literal_at(&self.nodes, next).map_or(0, length);
            at + run + 1 + literal
        };
        let upto = match self.nodes[usize::from(node)] {
            Node::Caught { .. } if self.tail.is_some_and(|(tail, _)| tail == node) => {
                // All that is left is taken, if there is anything.
                if at + 1 < text.len() { 0 } else { text.len() }
            }
            Node::Many {
                set, most, next, ..
            } => {
                // No farther than the step itself, whose work the budget bounds.
                let most = if most == ANY { usize::MAX } else { most.into() };
                after(set, most, next)
            }
            Node::Caught { set, next, .. } => after(set, usize::MAX, next),
            Node::Literal { text, .. } => at + length(text),
            Node::Either { .. } => at + 2,
            Node::One { .. } | Node::Look { .. } => at + 1,
            Node::Octets { .. } => at + OCTETS,
            _ => 0,
        };
        walk.looked_at = walk.looked_at.max(upto);
    }
}

/// A text that is one line, without its newline.
fn one_line(text: &[u8]) -> Option<&[u8]> {
    let line = text.strip_suffix(b"\n")?;
    memchr(b'\n', line).is_none().then_some(line)
}

/// The node with which a pattern ends whose last group is all that is left of a line, and that group's first slot.
pub(super) fn tail(nodes: &[Node], sets: &[super::Set]) -> Option<(Id, u16)> {
    let closes = |next: Id| matches!(nodes[usize::from(next)], Node::Close { next } if matches!(nodes[usize::from(next)], Node::Done));
    let rest = |set: Id| sets[usize::from(set)].bytes == Bytes::ALL.without(b'\n');
    let mut tails = (0..).zip(nodes).filter_map(|(number, node)| match *node {
        Node::Caught {
            set,
            least: 1,
            slot,
            next,
        } if closes(next) && rest(set) => Some((number, slot)),
        _ => None,
    });
    let ends = nodes
        .iter()
        .filter(|node| matches!(node, Node::Close { .. }));
    tails
        .next()
        .filter(|_| ends.count() == 1 && tails.next().is_none())
}
