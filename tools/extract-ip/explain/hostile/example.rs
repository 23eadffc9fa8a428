//! An example of a line that a pattern matches.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::matcher::needs_tag;

/// A part of a line that matches.
#[derive(Clone)]
pub(super) enum Part {
    Text(Vec<u8>),
    /// A free text, such as a user's name, with an example.
    Wild(Vec<u8>),
    Address,
}

/// The text of these parts with this address.
pub(super) fn text(parts: &[Part], address: &[u8]) -> Vec<u8> {
    let texts = parts.iter().map(|part| match part {
        Part::Text(text) | Part::Wild(text) => text,
        Part::Address => address,
    });
    texts.flat_map(<[u8]>::iter).copied().collect()
}

/// Makes an example of a text that a pattern matches.
pub(super) struct Example<'a> {
    pub(super) is_address: fn(&Hir) -> bool,
    /// Chooses one of this many branches. `None` prefers a branch with an address, and leaves an
    /// optional part out.
    pub(super) choose: &'a mut dyn FnMut(usize) -> Option<usize>,
    /// The parts that replace the group `content`.
    pub(super) content: Option<Vec<Part>>,
}

impl Example<'_> {
    /// Appends the parts of an example to `parts`.
    pub(super) fn flatten(&mut self, hir: &Hir, parts: &mut Vec<Part>) {
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

/// Whether this is white space, which nobody writes as a name.
fn is_blank(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().all(u8::is_ascii_whitespace),
        HirKind::Class(class) => one_of(class, b"").iter().all(u8::is_ascii_whitespace),
        _ => false,
    }
}

/// A character of the class: the first of these that it has, else any.
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
