//! Matches remembered for all texts that a pattern can't tell apart.
//!
//! Lines of one program begin alike but for a number. Bytes that the pattern never tells apart are
//! one class. Where a text has the same classes as an earlier text, up to the last byte that the
//! backtracker looked at, the groups are in the same places. This holds for a pattern that ends in
//! a group of all that is left, as a filter's prefix does: the end of that group differs, but the
//! backtracker looks at no byte of it.

use memchr::memchr;
use regex_syntax::hir::Look;

use super::branches::classes;
use super::bytes::{ByteSet, RunSet};
use super::cache::Cache;
use super::node::Node;
use super::program::Backtracker;

/// No earlier text goes on with this class.
const UNKNOWN: u16 = 0;
/// The entry is a result; its number is in the other bits.
const FOUND: u16 = 1 << 15;

/// More results are not remembered.
const MAX_RESULTS: usize = 1000;

/// A result for which the backtracker looked at more bytes is not remembered.
const MAX_LENGTH: usize = 100;

/// A tree of byte classes; a path from the root leads to a result. Its size is at most 64 KiB.
#[derive(Debug)]
pub struct Memo {
    classes: Vec<u8>,
    columns: usize,
    /// For each inner node a row of the places of its children, by class.
    tree: Vec<u16>,
    /// The slots of each result.
    results: Vec<Box<[u32]>>,
    /// The slot where the last group begins.
    slot: usize,
    full: bool,
}

impl Memo {
    /// `None` for a pattern that ends otherwise, or that has a look-around.
    pub fn new(backtracker: &Backtracker) -> Option<Memo> {
        let mut sets = vec![ByteSet::one(b'\n'), ByteSet::digits(), ByteSet::word()];
        sets.extend(backtracker.sets.iter().map(|set| set.bytes));
        sets.extend(backtracker.texts.iter().map(|byte| ByteSet::one(*byte)));
        for node in &backtracker.nodes {
            match node {
                Node::LookAround { .. } | Node::Contains { .. } | Node::BackReference { .. } => {
                    return None;
                }
                Node::Assertion { look, .. } if *look == Look::End || *look == Look::EndLF => {
                    return None;
                }
                _ => {}
            }
        }
        let until = |set: &RunSet| set.until.is_some();
        let slot = backtracker.tail.map(|(_, slot)| usize::from(slot))?;
        if !backtracker.anchored || backtracker.sets.iter().any(until) {
            return None;
        }
        let (classes, examples) = classes(&sets);
        let columns = examples.len();
        Some(Memo {
            classes,
            columns,
            tree: vec![UNKNOWN; columns],
            results: Vec::new(),
            slot,
            full: false,
        })
    }

    /// Whether the match in `text` is known; if so, its groups are put into `cache`.
    pub fn find(&self, text: &[u8], cache: &mut Cache) -> bool {
        let Some(line) = one_line(text) else {
            return false;
        };
        let mut row = 0;
        for byte in line {
            let class = self.classes[usize::from(*byte)];
            match self.tree[row + usize::from(class)] {
                UNKNOWN => return false,
                child if child & FOUND == 0 => row = usize::from(child),
                result => {
                    let slots = &self.results[usize::from(result & !FOUND)];
                    cache.slots.clear();
                    cache.slots.extend(slots);
                    cache.slots[1] = text.len() as u32;
                    cache.slots[self.slot + 1] = line.len() as u32;
                    return true;
                }
            }
        }
        false
    }

    /// Whether the last result could not be added.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Memory used, in bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        let results = self.results.iter().map(|slots| size_of_val(&**slots));
        size_of_val(self.tree.as_slice()) + results.sum::<usize>()
    }

    /// Remembers the match in `text`, whose groups and reach are in `cache`.
    pub fn note(&mut self, text: &[u8], cache: &Cache) {
        let Some(line) = one_line(text) else { return };
        // The last group is not empty.
        let looked_at = cache.looked_at.max(cache.slots[self.slot] as usize + 1);
        let Some((last, path)) = line.get(..looked_at).and_then(<[u8]>::split_last) else {
            return;
        };
        if path.len() > MAX_LENGTH {
            return;
        }
        let size = self.tree.len() + path.len() * self.columns;
        self.full = size > usize::from(FOUND) || self.results.len() >= MAX_RESULTS;
        if self.full {
            return;
        }
        let mut row = 0;
        for byte in path {
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
        self.tree[place] = self.results.len() as u16 | FOUND;
        self.results.push(cache.slots.as_slice().into());
    }
}

/// A text that is one line, without its newline.
fn one_line(text: &[u8]) -> Option<&[u8]> {
    let line = text.strip_suffix(b"\n")?;
    memchr(b'\n', line).is_none().then_some(line)
}
