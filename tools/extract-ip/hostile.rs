//! Whether the log's remote party could choose the address that a pattern names: tries to build a line that shows it.

pub mod filter;

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

/// What became of the attempts to build such a line.
#[derive(Debug)]
pub enum Attempt {
    Found(Hostile),
    NoneFound,
    /// They could not even begin, for this reason.
    Untried(&'static str),
}

/// What a line that matches is made of.
#[derive(Clone)]
enum Part {
    Text(Vec<u8>),
    /// Text of any length, as a user's name is, with an example.
    Wild(Vec<u8>),
    Address,
}

/// Tries what the pattern leaves open: the text of `.*` and the like, and what stands before or after a match.
pub fn hostile(pattern: &mut Pattern) -> Attempt {
    let mut parts = Vec::new();
    let mut example = Example {
        is_address: is_mark,
        choose: &mut |_| None,
        content: None,
    };
    example.flatten(pattern.hir(), &mut parts);
    attempt(parts, |line| pattern.takes(line, VICTIM, OWN))
}

/// `takes`: whether [`VICTIM`] is taken for the address of a line that may also be one of [`OWN`].
fn attempt(mut parts: Vec<Part>, mut takes: impl FnMut(&[u8]) -> bool) -> Attempt {
    part_from_address(&mut parts);
    let address = |part: &Part| matches!(part, Part::Address);
    let Some(address) = parts.iter().position(address) else {
        return Attempt::Untried("it names no address");
    };
    let genuine = |parts: &[Part]| text(parts, OWN);
    let wild = (0..parts.len()).filter(|i| matches!(parts[*i], Part::Wild(_)));
    let mut wild: Vec<usize> = wild.collect();
    // What stands far before the address is most often the writer's own.
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
                        return Attempt::Found(Hostile { line, written });
                    }
                }
            }
        }
    }
    Attempt::NoneFound
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

/// Makes an example of what a pattern matches.
struct Example<'a> {
    is_address: fn(&Hir) -> bool,
    /// Chooses one of so many ways; `None` leaves it open: what has an address is taken, what may be left out is.
    choose: &'a mut dyn FnMut(usize) -> Option<usize>,
    /// What stands in place of the group of that name.
    content: Option<Vec<Part>>,
}

impl Example<'_> {
    fn flatten(&mut self, hir: &Hir, parts: &mut Vec<Part>) {
        if (self.is_address)(hir) {
            return parts.push(Part::Address);
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => parts.push(Part::Text(literal.0.to_vec())),
            HirKind::Class(class) => {
                let kinds: [&[u8]; 3] = [b"xa1", b" 1x", b"1 x"];
                let kind = (self.choose)(kinds.len()).unwrap_or(0);
                parts.push(Part::Text(one_of(class, kinds[kind])));
            }
            HirKind::Capture(group) => match self.content.as_mut() {
                Some(content) if group.name.as_deref() == Some("content") => parts.append(content),
                _ => self.flatten(&group.sub, parts),
            },
            HirKind::Concat(all) => all.iter().for_each(|part| self.flatten(part, parts)),
            HirKind::Alternation(all) => {
                let chosen = match (self.choose)(all.len()) {
                    Some(chosen) => all.get(chosen),
                    None => all.iter().find(|part| needs_tag(part)).or(all.first()),
                };
                chosen
                    .into_iter()
                    .for_each(|part| self.flatten(part, parts));
            }
            HirKind::Repetition(repetition) => {
                let mut sub = Vec::new();
                self.flatten(&repetition.sub, &mut sub);
                let has_address = sub.iter().any(|part| matches!(part, Part::Address));
                let (min, max) = (repetition.min as usize, repetition.max);
                if max == Some(1) && (self.choose)(2) == Some(1) || has_address {
                    parts.append(&mut sub);
                } else if max == Some(repetition.min) || max == Some(1) || is_blank(&repetition.sub)
                {
                    parts.push(Part::Text(text(&sub, b"").repeat(min)));
                } else {
                    let least = (self.choose)(3) == Some(1);
                    let count = if least { min } else { min.max(1) };
                    parts.push(Part::Wild(text(&sub, b"").repeat(count)));
                }
            }
        }
    }
}

/// Whether this is white space, which is nobody's text.
fn is_blank(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().all(u8::is_ascii_whitespace),
        HirKind::Class(class) => one_of(class, b"").iter().all(u8::is_ascii_whitespace),
        _ => false,
    }
}

/// A character of the class: the first one of these that it has, else any.
fn one_of(class: &Class, first: &[u8]) -> Vec<u8> {
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
    first
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
            let found = match hostile(&mut compiled) {
                Attempt::Found(hostile) => String::from_utf8_lossy(&hostile.line).into_owned(),
                Attempt::NoneFound => "-".into(),
                Attempt::Untried(why) => why.into(),
            };
            assert_eq!(found, expected, "{pattern}");
        }
    }
}
