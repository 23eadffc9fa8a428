//! Attempts to build a line by which the remote party chooses the address.

use std::ops::Range;

use super::example::{Part, text};

/// The remote party's own address, which the log's writer puts where the pattern expects it.
pub(super) const OWN: &[u8] = b"203.0.113.9";
/// The address of somebody else.
pub(super) const VICTIM: &[u8] = b"192.0.2.1";

/// A line by which the owner of [`OWN`] has [`VICTIM`] banned.
#[derive(Debug)]
pub(crate) struct Hostile {
    pub(crate) line: Vec<u8>,
    /// The parts that the remote party wrote.
    pub(crate) written: Vec<Range<usize>>,
}

/// The result of the attempts to build such a line.
#[derive(Debug)]
pub(crate) enum Attempt {
    Found(Hostile),
    /// No line, though these were tried.
    NoneFound(String),
    /// There was no attempt, for this reason.
    Untried(&'static str),
}

/// Tries lines until one is found. `takes` says whether [`VICTIM`] is taken for the address of a
/// line that may also be one of [`OWN`].
pub(super) fn attempt(mut parts: Vec<Part>, mut takes: impl FnMut(&[u8]) -> bool) -> Attempt {
    part_from_address(&mut parts);
    let address = |part: &Part| matches!(part, Part::Address);
    let Some(address) = parts.iter().position(address) else {
        return Attempt::Untried("it names no address");
    };
    let genuine = |parts: &[Part]| text(parts, OWN);
    let wild = (0..parts.len()).filter(|i| matches!(parts[*i], Part::Wild(_)));
    let mut wild: Vec<usize> = wild.collect();
    // A text far from the address is most often the writer's own.
    wild.sort_by_key(|i| i.abs_diff(address));
    let wild = wild.into_iter().map(|i| (i, i + 1, ["x", "x ", ""]));
    let ends = [parts.len(), 0].map(|i| (i, i, ["", " ", "x "]));
    for (before, after, lefts) in wild.chain(ends) {
        let (before, after) = (genuine(&parts[..before]), genuine(&parts[after..]));
        // The nearest imitation first: as much of the pattern as has to be there.
        for start in (0..=address).rev() {
            for end in address + 1..=parts.len() {
                let imitation = text(&parts[start..end], VICTIM);
                for (left, right) in lefts
                    .iter()
                    .flat_map(|left| ["", " ", " x"].map(|right| (left, right)))
                {
                    let written = [left.as_bytes(), &imitation, right.as_bytes()].concat();
                    let line = [&before, &written[..], &after].concat();
                    if takes(&line) {
                        let written = before.len()..before.len() + written.len();
                        let written = vec![written];
                        return Attempt::Found(Hostile { line, written });
                    }
                }
            }
        }
    }
    let shown = genuine(&parts);
    let shown = String::from_utf8_lossy(&shown);
    Attempt::NoneFound(format!("parts of it in its free texts, in: {shown}"))
}

/// Puts a blank between the address and an `x` next to it, which would make it no address.
fn part_from_address(parts: &mut [Part]) {
    for i in 1..parts.len() {
        match &mut parts[i - 1..=i] {
            [Part::Wild(text), Part::Address] if text == b"x" => text.push(b' '),
            [Part::Address, Part::Wild(text)] if text == b"x" => text.insert(0, b' '),
            _ => {}
        }
    }
}
