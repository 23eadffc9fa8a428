//! A table of the branches that a byte leaves open: one look, however many splits follow each
//! other.

use super::bytes::ByteSet;
use super::node::{Id, Node};

/// No branch goes on.
const NOWHERE: u16 = u16::MAX;
/// Both branches of the split with this number may go on.
const BOTH: u16 = 1 << 15;
const BOTH_OPEN: u8 = 3;

/// For each split a row with an entry for each class of bytes. A last class is the text's end.
#[derive(Debug, Default)]
pub(super) struct Branches {
    classes: Vec<u8>,
    columns: usize,
    entries: Vec<u16>,
    /// By the byte behind that: bits for the first and the second branch that are still open.
    open: Vec<u8>,
}

/// Where a run goes on at a split.
pub(super) enum Branch {
    Nowhere,
    To(Id),
    /// At this split both branches are open.
    Both(Id),
}

impl Branches {
    /// Gives each split of `nodes` its row.
    ///
    /// There are fewer than 2^15 nodes (the graph's bound). `starts` has the bytes that a match
    /// from each node may begin with, `seconds` those that may follow.
    pub(super) fn new(nodes: &mut [Node], starts: &[ByteSet], seconds: &[ByteSet]) -> Branches {
        let mut sets = Vec::new();
        let mut rows = 0u32;
        for node in nodes.iter_mut() {
            if let Node::Split { first, second, row } = node {
                *row = rows;
                rows += 1;
                let (first, second) = (usize::from(*first), usize::from(*second));
                sets.extend([starts[first], starts[second]]);
                sets.extend([seconds[first], seconds[second]]);
            }
        }
        let (classes, examples) = classes(&sets);
        let columns = examples.len() + 1;
        let mut entries = vec![NOWHERE; rows as usize * columns];
        let mut open = vec![BOTH_OPEN; entries.len()];
        for (number, node) in nodes.iter_mut().enumerate() {
            if let Node::Split { row, .. } = node {
                *row *= columns as u32;
                // At the end no byte tells.
                entries[*row as usize + columns - 1] = number as u16 | BOTH;
            }
        }
        for (number, node) in nodes.iter().enumerate() {
            if let Node::Split { first, second, row } = *node {
                for (column, byte) in examples.iter().enumerate() {
                    let place = row as usize + column;
                    entries[place] = entry(nodes, starts, number, *byte);
                    let is_open = |branch: Id| seconds[usize::from(branch)].has(*byte);
                    open[place] = u8::from(is_open(first)) | u8::from(is_open(second)) << 1;
                }
            }
        }
        Branches {
            classes,
            columns,
            entries,
            open,
        }
    }

    /// Where to go on from the split with this row, before `byte` or at the text's end.
    #[inline]
    pub(super) fn branch(&self, row: u32, byte: Option<&u8>) -> Branch {
        match self.entries[row as usize + self.column(byte)] {
            NOWHERE => Branch::Nowhere,
            node if node & BOTH == 0 => Branch::To(node),
            node => Branch::Both(node & !BOTH),
        }
    }

    /// Whether the first and the second branch of the split with this row are open, where `byte`
    /// is the one after the next.
    #[inline]
    pub(super) fn open(&self, row: u32, byte: Option<&u8>) -> (bool, bool) {
        let open = self.open[row as usize + self.column(byte)];
        (open & 1 != 0, open & 2 != 0)
    }

    #[inline]
    fn column(&self, byte: Option<&u8>) -> usize {
        match byte {
            Some(byte) => usize::from(self.classes[usize::from(*byte)]),
            None => self.columns - 1,
        }
    }
}

/// Puts bytes that no set tells apart into one class; also a byte of each class.
pub(super) fn classes(sets: &[ByteSet]) -> (Vec<u8>, Vec<u8>) {
    let mut classes = vec![0u8; 256];
    let mut examples = vec![0u8];
    let mut known = Vec::new();
    for set in sets {
        if known.contains(&set) {
            continue;
        }
        known.push(set);
        // The bytes of a class that differ from its first one become a new class.
        let mut parted = vec![None; examples.len()];
        for byte in 0..=u8::MAX {
            let class = usize::from(classes[usize::from(byte)]);
            if set.has(byte) != set.has(examples[class]) {
                let new = parted[class].get_or_insert_with(|| {
                    examples.push(byte);
                    (examples.len() - 1) as u8
                });
                classes[usize::from(byte)] = *new;
            }
        }
    }
    (classes, examples)
}

fn entry(nodes: &[Node], starts: &[ByteSet], mut node: usize, byte: u8) -> u16 {
    while let Node::Split { first, second, .. } = nodes[node] {
        let (first, second) = (usize::from(first), usize::from(second));
        match (starts[first].has(byte), starts[second].has(byte)) {
            (true, true) => return node as u16 | BOTH,
            (true, false) => node = first,
            (false, true) => node = second,
            (false, false) => return NOWHERE,
        }
    }
    node as u16
}
