//! Parts of patterns that become one node, and questions about a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::backtracker::bytes::ByteSet;

/// The first number of a dotted quad, if these parts are one.
pub(super) fn quad(parts: &[Hir]) -> Option<&Hir> {
    let [first, others] = parts else { return None };
    let octet = |hir: &Hir| match hir.kind() {
        HirKind::Repetition(repeat) => {
            let digits = match repeat.sub.kind() {
                HirKind::Class(class) => ByteSet::of(class) == Some(ByteSet::digits()),
                _ => false,
            };
            digits && repeat.greedy && (repeat.min, repeat.max) == (1, Some(3))
        }
        _ => false,
    };
    let HirKind::Repetition(three) = others.kind() else {
        return None;
    };
    let HirKind::Concat(dotted) = three.sub.kind() else {
        return None;
    };
    let [dot, number] = dotted.as_slice() else {
        return None;
    };
    let dotted = matches!(dot.kind(), HirKind::Literal(text) if *text.0 == *b".") && octet(number);
    let three = (three.min, three.max) == (3, Some(3));
    (octet(first) && dotted && three).then_some(first)
}

/// `\n?`
pub(super) fn is_last_newline(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(repeat) => {
            let once = repeat.min == 0 && repeat.max == Some(1) && repeat.greedy;
            once && matches!(repeat.sub.kind(), HirKind::Literal(text) if *text.0 == *b"\n")
        }
        _ => false,
    }
}

/// A rough rank of bytes by frequency in logs; higher is more frequent.
pub(super) fn frequency(byte: u8) -> u8 {
    match byte {
        b' ' | b'e' => 6,
        b'a'..=b'z' => 5,
        b'0'..=b'9' => 4,
        b'.' | b':' | b'-' => 3,
        b'A'..=b'Z' | b'!'..=b'~' => 2,
        0..0x80 => 1,
        _ => 0,
    }
}

/// The class that `hir` is. In `(?:(?! from ).)` also the text that must not begin at its byte.
pub(super) fn one_byte(hir: &Hir) -> Option<(&Class, Option<&[u8]>)> {
    match hir.kind() {
        HirKind::Class(class) => Some((class, None)),
        HirKind::Concat(parts) => match parts.as_slice() {
            [around, byte] => match (around.kind(), byte.kind()) {
                (HirKind::Capture(around), HirKind::Class(class)) => {
                    let named = around.name.as_deref()?.ends_with("_notahead");
                    match around.sub.kind() {
                        HirKind::Literal(text) if named => Some((class, Some(&text.0))),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The named groups of a pattern, without those whose names make them something else.
pub(super) fn names(hir: &Hir) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut open = vec![hir];
    while let Some(hir) = open.pop() {
        if let HirKind::Capture(capture) = hir.kind()
            && let Some(name) = capture.name.as_deref().filter(|n| !n.starts_with('_'))
        {
            names.push((capture.index as usize, name.to_string()));
        }
        open.extend(hir.kind().subs());
    }
    names.sort();
    names.dedup();
    names
}
