//! The shapes of objects that were read before.
//!
//! A service writes its objects in few shapes: the text between the values (keys, colons, brackets)
//! is the same again and again. So it is remembered, as a tree, and where a line goes on with the
//! same text only its values are read. Such a line is one whole object with the same keys at the
//! same places as the one that was remembered. Any other line is read from its beginning, by the
//! walk, and its shape is remembered in turn.

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
use pipeban::masks;

use super::scan::{Walk, end_of_plain, end_of_string, hits};
use super::value::{Kind, Place};

/// A longer text is several nodes, in bytes.
const WIDEST: usize = 32;
/// Nodes, at most: a remote party may send other keys with each line.
const MOST: usize = 2048;
/// After this number of lines it is judged whether shapes pay.
const TRIED: u32 = 1024;
/// Where they do not, they are not tried in this number of lines.
const PAUSE: u32 = 16 * TRIED;
/// The number of no node.
const NONE: u32 = u32::MAX;

/// The shapes of objects that were read before.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes {
    nodes: Vec<Node>,
    tried: u32,
    hits: u32,
    pause: u32,
}

/// A text between two values, and the value behind it.
#[derive(Clone, Debug)]
struct Node {
    text: [u8; WIDEST],
    length: usize,
    slot: Slot,
    /// The number of the value's path, if it is asked for.
    path: Option<usize>,
    /// The first node behind the value.
    inside: u32,
    /// The next node that may stand in place of this one.
    other: u32,
}

/// The part of an object that follows a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    /// More text.
    Nothing,
    /// A string, whose first quote is in the text before.
    Text,
    /// A number, `true`, `false` or `null`.
    Plain,
    /// The end of the line.
    End,
}

impl Shapes {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Shapes::default();
    }

    /// Notes the places in a line whose shape is known; answers whether it is.
    #[inline]
    pub(super) fn read(&mut self, line: &[u8], found: &mut [Option<Place>]) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        if self.tried == TRIED {
            if self.hits < TRIED / 2 {
                self.clear();
                self.pause = PAUSE;
                return false;
            }
            (self.tried, self.hits) = (0, 0);
        }
        self.tried += 1;
        let is_known = self.follow(line, found);
        self.hits += u32::from(is_known);
        is_known
    }

    #[inline]
    fn follow(&self, line: &[u8], found: &mut [Option<Place>]) -> bool {
        #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
        if masks::has_avx2() {
            // SAFETY: the processor has the features that the function is compiled for.
            return unsafe { self.follow_by_avx2(line, found) };
        }
        self.follow_with(line, found, hits)
    }

    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn follow_by_avx2(&self, line: &[u8], found: &mut [Option<Place>]) -> bool {
        let hits = |chunk: &[u8; 32]| u64::from(masks::avx2::either(chunk, b'"', b'\\'));
        self.follow_with(line, found, hits)
    }

    #[inline(always)]
    fn follow_with(
        &self,
        line: &[u8],
        found: &mut [Option<Place>],
        hits: impl Fn(&[u8; 32]) -> u64,
    ) -> bool {
        let (mut at, mut number) = (0, 0);
        loop {
            let Some(node) = self.nodes.get(number as usize) else {
                return false;
            };
            let Some((end, kind)) = node.read(line, at, &hits) else {
                number = node.other;
                continue;
            };
            if let Some(path) = node.path {
                found[path] = Some(node.place(at, end, kind));
            }
            if node.slot == Slot::End {
                return true;
            }
            (at, number) = (end, node.inside);
        }
    }

    /// Remembers the shape of a line that is one whole object, with the places of the values that
    /// are asked for. One of them that is itself an object or an array is not remembered.
    pub(super) fn learn(&mut self, line: &[u8], found: &[Option<Place>]) {
        let is_nested = |place: &Place| matches!(place.kind, Kind::Array | Kind::Object);
        if self.pause > 0 || self.nodes.len() >= MOST || found.iter().flatten().any(is_nested) {
            return;
        }
        let mut walk = Walk::new(line, 0);
        let (mut from, mut last) = (0, NONE);
        while let Some(byte) = line.get(walk.at) {
            let start = walk.at;
            let slot = match byte {
                b'"' => {
                    if walk.string().is_err() {
                        return;
                    }
                    let end = walk.at;
                    let is_key = walk.blanks() == Some(b':');
                    walk.at = end;
                    if is_key {
                        continue;
                    }
                    Slot::Text
                }
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => match end_of_plain(line, start) {
                    Some(end) => {
                        walk.at = end;
                        Slot::Plain
                    }
                    None => return,
                },
                _ => {
                    walk.at += 1;
                    continue;
                }
            };
            let start = start + usize::from(slot == Slot::Text);
            let is_here = |place: &Option<Place>| place.is_some_and(|place| place.start == start);
            let path = found.iter().position(is_here);
            last = self.add(last, &line[from..start], slot, path);
            from = walk.at;
        }
        self.add(last, &line[from..], Slot::End, None);
    }

    /// The node of a text and a value behind another; it is made where there is none.
    fn add(&mut self, last: u32, text: &[u8], slot: Slot, path: Option<usize>) -> u32 {
        if let Some((first, rest)) = text.split_at_checked(WIDEST)
            && !rest.is_empty()
        {
            let last = self.add_one(last, first, Slot::Nothing, None);
            return self.add(last, rest, slot, path);
        }
        self.add_one(last, text, slot, path)
    }

    fn add_one(&mut self, last: u32, text: &[u8], slot: Slot, path: Option<usize>) -> u32 {
        let mut node = Node::new(text, slot, path);
        let first = match last {
            NONE if self.nodes.is_empty() => NONE,
            NONE => 0,
            last => self.nodes[last as usize].inside,
        };
        let (mut number, mut before) = (first, NONE);
        while let Some(known) = self.nodes.get(number as usize) {
            if known.is_same(&node) {
                return number;
            }
            (before, number) = (number, known.other);
        }
        let new = self.nodes.len() as u32;
        // A number is looked for last: its text may be the beginning of another.
        match (before, last) {
            (NONE, NONE) => {}
            (NONE, last) => self.nodes[last as usize].inside = new,
            (before, _) => self.nodes[before as usize].other = new,
        }
        node.other = NONE;
        self.nodes.push(node);
        new
    }
}

impl Node {
    fn new(text: &[u8], slot: Slot, path: Option<usize>) -> Node {
        let mut padded = [0; WIDEST];
        padded[..text.len()].copy_from_slice(text);
        Node {
            text: padded,
            length: text.len(),
            slot,
            path,
            inside: NONE,
            other: NONE,
        }
    }

    fn is_same(&self, other: &Node) -> bool {
        let is_text = self.text == other.text && self.length == other.length;
        is_text && self.slot == other.slot
    }

    /// The end of the value behind this text at a place in a line, with its last quote, and its
    /// kind; `None` where another text or value stands.
    #[inline(always)]
    fn read(
        &self,
        line: &[u8],
        at: usize,
        hits: impl Fn(&[u8; 32]) -> u64,
    ) -> Option<(usize, Kind)> {
        let end = at + self.length;
        if !is_equal(line.get(at..end)?, self.text.get(..self.length)?) {
            return None;
        }
        let at = end;
        match self.slot {
            Slot::Text => end_of_string(line, at, hits).map(|(end, is_escaped)| match is_escaped {
                true => (end, Kind::Escaped),
                false => (end, Kind::Text),
            }),
            Slot::Plain => Some((end_of_plain(line, at)?, Kind::Plain)),
            Slot::Nothing => Some((at, Kind::Plain)),
            Slot::End => (at == line.len()).then_some((at, Kind::Plain)),
        }
    }

    /// The place of a value of this node, which was read at `at`.
    fn place(&self, at: usize, end: usize, kind: Kind) -> Place {
        let start = at + self.length;
        let end = end - usize::from(kind != Kind::Plain);
        Place { kind, start, end }
    }
}

/// Whether two texts of one length are equal. Those of 4 to 32 bytes are compared by their first
/// and their last bytes, which may overlap.
#[inline(always)]
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    fn by_ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
        one.first_chunk::<N>() == other.first_chunk() && one.last_chunk::<N>() == other.last_chunk()
    }
    match one.len() {
        1 => one[0] == other[0],
        4..=7 => by_ends::<4>(one, other),
        8..=15 => by_ends::<8>(one, other),
        16..=32 => by_ends::<16>(one, other),
        _ => one == other,
    }
}
