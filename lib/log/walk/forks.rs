//! Where a walk goes on at a fork, by the byte that stands there: looked up, however many forks stand one behind the other.

use super::bytes::Bytes;
use super::{Id, Node};

/// No way goes on.
const NOWHERE: u16 = u16::MAX;
/// Both ways of the fork with this number may go on.
const BOTH: u16 = 1 << 15;
const BOTH_OPEN: u8 = 3;

/// For each fork a row, in it for each class of bytes where to go on. A last class is that of the text's end.
#[derive(Debug, Default)]
pub(super) struct Forks {
    classes: Vec<u8>,
    columns: usize,
    ways: Vec<u16>,
    /// By the byte behind that, which ways are open still: bits for the first and the second.
    open: Vec<u8>,
}

/// Where to go on.
pub(super) enum Way {
    Nowhere,
    To(Id),
    /// At this fork both ways are open.
    Both(Id),
}

impl Forks {
    /// Gives each fork of `nodes` its row; there are fewer than 2^15 nodes (see `build`), `starts` has the bytes that each may begin with, and
    /// `seconds` those that may follow.
    pub(super) fn new(nodes: &mut [Node], starts: &[Bytes], seconds: &[Bytes]) -> Forks {
        let mut sets = Vec::new();
        let mut rows = 0u32;
        for node in nodes.iter_mut() {
            if let Node::Either { first, second, row } = node {
                *row = rows;
                rows += 1;
                let (first, second) = (usize::from(*first), usize::from(*second));
                sets.extend([starts[first], starts[second]]);
                sets.extend([seconds[first], seconds[second]]);
            }
        }
        let (classes, examples) = classes(&sets);
        let columns = examples.len() + 1;
        let mut ways = vec![NOWHERE; rows as usize * columns];
        let mut open = vec![BOTH_OPEN; ways.len()];
        for (number, node) in nodes.iter_mut().enumerate() {
            if let Node::Either { row, .. } = node {
                *row *= columns as u32;
                // At the end no byte tells.
                ways[*row as usize + columns - 1] = number as u16 | BOTH;
            }
        }
        for (number, node) in nodes.iter().enumerate() {
            if let Node::Either { first, second, row } = *node {
                for (column, byte) in examples.iter().enumerate() {
                    let place = row as usize + column;
                    ways[place] = way(nodes, starts, number, *byte);
                    let is_open = |way: Id| seconds[usize::from(way)].has(*byte);
                    open[place] = u8::from(is_open(first)) | u8::from(is_open(second)) << 1;
                }
            }
        }
        Forks {
            classes,
            columns,
            ways,
            open,
        }
    }

    /// Where to go on from the fork with this row, where `byte` or nothing stands.
    #[inline]
    pub(super) fn way(&self, row: u32, byte: Option<&u8>) -> Way {
        match self.ways[row as usize + self.column(byte)] {
            NOWHERE => Way::Nowhere,
            way if way & BOTH == 0 => Way::To(way),
            way => Way::Both(way & !BOTH),
        }
    }

    /// Whether the first and the second way of the fork with this row are open where `byte` stands one further.
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
pub(super) fn classes(sets: &[Bytes]) -> (Vec<u8>, Vec<u8>) {
    let mut classes = vec![0u8; 256];
    let mut examples = vec![0u8];
    let mut known = Vec::new();
    for set in sets {
        if known.contains(&set) {
            continue;
        }
        known.push(set);
        // Of each class the bytes that are not as its first one make a new class.
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

fn way(nodes: &[Node], starts: &[Bytes], mut node: usize, byte: u8) -> u16 {
    while let Node::Either { first, second, .. } = nodes[node] {
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
