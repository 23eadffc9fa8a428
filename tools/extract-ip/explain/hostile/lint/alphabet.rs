//! The bytes that a pattern tells apart, one for each kind.

use pipeban_log::finder;

use super::super::attempt::VICTIM;
use super::machine::Kind;
use super::parts::Bytes;

/// The place before or behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Edge {
    /// An address may be here.
    Good,
    /// It may, or it may not, by the text farther away.
    Loose,
    Bad,
    /// An address ends here.
    Address,
}

/// The bytes that a pattern tells apart.
pub(super) struct Alphabet {
    /// One byte of each kind.
    pub(super) bytes: Vec<u8>,
    before: [Edge; 256],
    behind: [Edge; 256],
}

impl Alphabet {
    /// That of patterns with these sets.
    pub(super) fn new<'a>(sets: impl Iterator<Item = &'a Bytes>) -> Alphabet {
        let all: [u8; 256] = std::array::from_fn(|i| u8::try_from(i).unwrap_or_default());
        let before = all.map(|byte| edge(|near| [near, &[byte], VICTIM].concat()));
        let behind = all.map(|byte| edge(|near| [VICTIM, &[byte], near].concat()));
        let sets: Vec<&Bytes> = sets.collect();
        let kind = |byte: u8| {
            let i = usize::from(byte);
            let members = sets.iter().map(|set| set[i]);
            (
                members.collect::<Vec<_>>(),
                Kind::of(byte),
                before[i],
                behind[i],
            )
        };
        // Readable bytes first. A newline ends the line, and the mark's own byte is in no line.
        let order = b"x 1\"'".iter().copied().chain(b'!'..=b'~').chain(all);
        let order = order.filter(|b| !matches!(b, b'\n' | 0xfe | 0xff));
        let (mut bytes, mut kinds) = (Vec::new(), Vec::new());
        for byte in order {
            let kind = kind(byte);
            if !kinds.contains(&kind) {
                kinds.push(kind);
                bytes.push(byte);
            }
        }
        Alphabet {
            bytes,
            before,
            behind,
        }
    }

    /// The place behind a byte that stands at this one, if it may; and whether it may hide the
    /// address before.
    pub(super) fn behind(&self, edge: Edge, byte: u8) -> (Option<Edge>, bool) {
        let i = usize::from(byte);
        match (edge, self.behind[i]) {
            (Edge::Address, Edge::Bad) => (None, false),
            (Edge::Address, Edge::Loose) => (Some(self.before[i]), true),
            _ => (Some(self.before[i]), false),
        }
    }
}

/// Whether the finder sees an address beside a byte, whatever is farther away.
fn edge(text: impl Fn(&[u8]) -> Vec<u8>) -> Edge {
    let near = [&b""[..], b" ", b"x", b"1"];
    let sees = |near: &&&[u8]| {
        let text = text(near);
        let mut sees = false;
        finder::find_all(&text, |found| {
            sees |= text[found.range] == *VICTIM;
        });
        sees
    };
    match near.iter().filter(sees).count() {
        0 => Edge::Bad,
        count if count == near.len() => Edge::Good,
        _ => Edge::Loose,
    }
}
