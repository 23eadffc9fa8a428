//! Whether the log's remote party could choose the address that a pattern names: tries to build a line that shows it.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::pattern::{Pattern, is_mark, needs_tag};

/// The remote party's own address, which the log's writer puts where the pattern expects it, and another's.
const OWN: &[u8] = b"203.0.113.9";
const VICTIM: &[u8] = b"192.0.2.1";

/// A line by which the owner of [`OWN`] has [`VICTIM`] banned.
#[derive(Debug)]
pub struct Hostile {
    pub line: Vec<u8>,
    /// What of it the remote party wrote.
    pub written: std::ops::Range<usize>,
}

/// What a line that matches is made of.
enum Part {
    Text(Vec<u8>),
    /// Text of any length, as a user's name is, with an example.
    Wild(Vec<u8>),
    Address,
}

/// Tries what the pattern leaves open: the text of `.*` and the like, and what stands before or after a match.
pub fn hostile(pattern: &mut Pattern) -> Option<Hostile> {
    let mut parts = Vec::new();
    flatten(pattern.hir(), &mut parts);
    part_from_address(&mut parts);
    let address = parts
        .iter()
        .position(|part| matches!(part, Part::Address))?;
    let genuine = |parts: &[Part]| text(parts, OWN);
    let wild = (0..parts.len()).filter(|i| matches!(parts[*i], Part::Wild(_)));
    let wild = wild.map(|i| (i, i + 1, ["x", "x ", ""]));
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
                    if pattern.takes(&line, VICTIM, OWN) {
                        let written = before.len()..before.len() + written.len();
                        return Some(Hostile { line, written });
                    }
                }
            }
        }
    }
    None
}

/// An `x` that touches the address would make it none, so a blank goes between where the pattern allows one.
fn part_from_address(parts: &mut [Part]) {
    for i in 1..parts.len() {
        match &mut parts[i - 1..=i] {
            [Part::Wild(text), Part::Address] if text == b"x" => text.push(b' '),
            [Part::Address, Part::Wild(text)] if text == b"x" => text.insert(0, b' '),
            _ => {}
        }
    }
}

fn text(parts: &[Part], address: &[u8]) -> Vec<u8> {
    let texts = parts.iter().map(|part| match part {
        Part::Text(text) | Part::Wild(text) => text,
        Part::Address => address,
    });
    texts.flat_map(<[u8]>::iter).copied().collect()
}

fn flatten(hir: &Hir, parts: &mut Vec<Part>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(_) if is_mark(hir) => parts.push(Part::Address),
        HirKind::Literal(literal) => parts.push(Part::Text(literal.0.to_vec())),
        HirKind::Class(class) => parts.push(Part::Text(example(class))),
        HirKind::Capture(group) => flatten(&group.sub, parts),
        HirKind::Concat(all) => all.iter().for_each(|part| flatten(part, parts)),
        HirKind::Alternation(all) => {
            let chosen = all.iter().find(|part| needs_tag(part)).or(all.first());
            chosen.into_iter().for_each(|part| flatten(part, parts));
        }
        HirKind::Repetition(repetition) => {
            let mut sub = Vec::new();
            flatten(&repetition.sub, &mut sub);
            let has_address = sub.iter().any(|part| matches!(part, Part::Address));
            if has_address {
                parts.append(&mut sub);
            } else if repetition.max == Some(repetition.min) || repetition.max == Some(1) {
                parts.push(Part::Text(text(&sub, b"").repeat(repetition.min as usize)));
            } else {
                parts.push(Part::Wild(
                    text(&sub, b"").repeat(repetition.min.max(1) as usize),
                ));
            }
        }
    }
}

/// A character of the class: a letter if it has one.
fn example(class: &Class) -> Vec<u8> {
    let has = |byte: &u8| match class {
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .any(|r| (r.start()..=r.end()).contains(&char::from(*byte))),
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .any(|r| (r.start()..=r.end()).contains(byte)),
    };
    let ascii = (b'!'..0x7f).chain([b' ', b'\t']);
    b"xa1"
        .iter()
        .copied()
        .chain(ascii)
        .find(has)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naive_and_anchored() {
        for (pattern, expected) in [
            (
                "user .* from <IP>",
                "user x from 203.0.113.9 from 192.0.2.1",
            ),
            ("user .*? from <IP>$", "-"),
            (
                "^user .*? from <IP>",
                "user x from 192.0.2.1 from 203.0.113.9",
            ),
            (
                "^user .* from <IP> port",
                "user x from 203.0.113.9 port from 192.0.2.1 port",
            ),
            (r"^user .* from <IP> port \d+$", "-"),
            (r"^user \S+ from <IP>", "-"),
            (r"^user .*<IP> .*$", "user x 203.0.113.9 x 192.0.2.1 "),
            ("rhost=<IP>", "rhost=192.0.2.1 rhost=203.0.113.9"),
            ("rhost=<IP>$", "-"),
            ("<IP>", "192.0.2.1 203.0.113.9"),
            (
                r"^\w{3} +\d+ [\d:]+ \S+ sshd\[\d+\]: Failed password for .* from <IP> port \d+ ssh2$",
                "-",
            ),
        ] {
            let mut compiled = Pattern::new(pattern).expect("a row of this test");
            let found = hostile(&mut compiled).map(|h| h.line);
            let found = found.map_or("-".into(), |line| {
                String::from_utf8_lossy(&line).into_owned()
            });
            assert_eq!(found, expected, "{pattern}");
        }
    }
}
