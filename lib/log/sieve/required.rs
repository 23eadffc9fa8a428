//! The literals that a pattern requires.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The literals of a choice, at most; a larger choice counts as none.
const MAX_CHOICE: usize = 40;
/// The texts, and the bytes of a class, that are tried one by one, at most.
const MAX_TEXTS: usize = 16;
const MAX_BYTES: usize = 4;
/// Words that are in every log.
const COMMON: [&[u8]; 8] = [
    b"by", b"for", b"from", b"in", b"port", b"the", b"to", b"user",
];
/// The length of a literal, at least; a shorter one is in every line.
pub(super) const MIN_LENGTH: usize = 3;

/// Parses a pattern in the syntax of `regex::bytes` without Unicode. The error is the parser's
/// message.
pub fn parsed(pattern: &str) -> Result<Hir, String> {
    let mut parser = ParserBuilder::new().utf8(false).unicode(false).build();
    parser.parse(pattern).map_err(|e| explain(&e))
}

/// The literals of which every match of `pattern` has one; empty where there are none rare enough.
pub fn required(pattern: &Hir) -> Vec<Vec<u8>> {
    choice(pattern).unwrap_or_default()
}

/// The rarest text that every match has behind its beginning, if there is one.
pub fn behind(pattern: &Hir) -> Option<&[u8]> {
    let HirKind::Concat(parts) = pattern.kind() else {
        return None;
    };
    let texts = parts.iter().filter_map(|part| match part.kind() {
        HirKind::Literal(literal) => Some(&*literal.0),
        _ => None,
    });
    let at_its_beginning = |part: &&Hir| matches!(part.kind(), HirKind::Look(_));
    let first = parts.iter().find(|part| !at_its_beginning(part));
    let begins = first.is_some_and(|part| matches!(part.kind(), HirKind::Literal(_)));
    let best = texts
        .skip(usize::from(begins))
        .max_by_key(|text| rare_bytes(text));
    best.filter(|text| rare_bytes(text) >= MIN_LENGTH)
}

/// The same choice for a text with an insertion between two bytes that are no part of a word: of
/// each literal the longest piece that no such insertion splits.
pub fn untorn(choice: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let longest = |literal: &Vec<u8>| {
        let pieces = literal.chunk_by(|a, b| word(*a) || word(*b));
        pieces.max_by_key(|p| p.len()).unwrap_or(&[]).to_vec()
    };
    let pieces: Vec<_> = choice.iter().map(longest).collect();
    if pieces.iter().all(|p| p.len() >= MIN_LENGTH) {
        pieces
    } else {
        Vec::new()
    }
}

/// The parser's message without its drawing of the place.
fn explain(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(e) => e.kind().to_string(),
        regex_syntax::Error::Translate(e) => e.kind().to_string(),
        other => other.to_string(),
    }
}

/// Literals of which every match of `hir` has one.
fn choice(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Capture(capture) => choice(&capture.sub),
        HirKind::Repetition(repeat) if repeat.min > 0 => choice(&repeat.sub),
        HirKind::Concat(parts) => {
            let mut all: Vec<_> = parts.iter().filter_map(choice).collect();
            // Adjacent parts that are short texts make longer ones together.
            let mut texts = vec![Vec::new()];
            for part in parts {
                let exact = texts_of(part);
                let longer = pairs(&texts, &exact);
                if (1..=MAX_TEXTS).contains(&longer.len()) {
                    texts = longer;
                } else {
                    all.extend(usable(texts));
                    let begins = (1..=MAX_TEXTS).contains(&exact.len());
                    texts = if begins { exact } else { vec![Vec::new()] };
                }
            }
            all.extend(usable(texts));
            all.into_iter().max_by_key(|choice| rank(choice))
        }
        HirKind::Alternation(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(choice).collect();
            usable(parts?.concat())
        }
        _ => usable(texts_of(hir)),
    }
}

/// The choice, sorted, if all of it is long enough.
fn usable(mut choice: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    choice.sort();
    choice.dedup();
    let usable = choice.iter().all(|l| l.len() >= MIN_LENGTH) && choice.len() <= MAX_CHOICE;
    (usable && !choice.is_empty()).then_some(choice)
}

/// All texts that `hir` matches; none if there are too many.
fn texts_of(hir: &Hir) -> Vec<Vec<u8>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Capture(capture) => texts_of(&capture.sub),
        HirKind::Class(Class::Bytes(class)) => {
            let bytes = class.iter().flat_map(|r| r.start()..=r.end());
            let bytes: Vec<_> = bytes.take(MAX_BYTES + 1).map(|b| vec![b]).collect();
            if bytes.len() > MAX_BYTES {
                return Vec::new();
            }
            bytes
        }
        HirKind::Concat(parts) => parts.iter().fold(vec![Vec::new()], |texts, part| {
            let longer = pairs(&texts, &texts_of(part));
            if longer.len() > MAX_TEXTS {
                return Vec::new();
            }
            longer
        }),
        HirKind::Alternation(parts) => {
            let parts: Vec<_> = parts.iter().map(texts_of).collect();
            if parts.iter().any(Vec::is_empty) {
                return Vec::new();
            }
            parts.concat()
        }
        _ => Vec::new(),
    }
}

/// Each text of `before`, followed by each of `after`.
fn pairs(before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let with = |b: &Vec<u8>| {
        after
            .iter()
            .map(|a| [&b[..], a].concat())
            .collect::<Vec<_>>()
    };
    before.iter().flat_map(with).collect()
}

/// A rank of choices: the rarer in its shortest literal, then the longer, then the smaller one.
fn rank(choice: &[Vec<u8>]) -> (usize, usize, std::cmp::Reverse<usize>) {
    let least = choice.iter().map(|l| rare_bytes(l)).min().unwrap_or(0);
    let shortest = choice.iter().map(Vec::len).min().unwrap_or(0);
    (least, shortest, std::cmp::Reverse(choice.len()))
}

/// The bytes of a literal in words that are not in every log.
fn rare_bytes(literal: &[u8]) -> usize {
    let words = literal.split(|b| *b == b' ');
    let rare = words.filter(|word| !COMMON.contains(word));
    rare.map(<[u8]>::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_a_pattern() {
        for (pattern, expected) in [
            (
                r"^\S+ Failed password for .* from \d+",
                " Failed password for ",
            ),
            (r"(?:from|rhost=)(\d+)", "from rhost="),
            (r"(?:from)?(\d+) port", " port"),
            (
                r"[aA]uthentication (?:failure|error) x",
                "Authentication error x Authentication failure x \
                 authentication error x authentication failure x",
            ),
            (
                r"^[iI](?:x|nvalid) user .* from \d",
                "Invalid user  Ix user  invalid user  ix user ",
            ),
            (r"(?:ab|cde)x", "abx cdex"),
            (r"(?:ab|c)x*", ""),
            (r"(?i)at\d+", ""),
            (r"(?i)fad\d+", "FAD FAd FaD Fad fAD fAd faD fad"),
            (r"(abc)+d*", "abc"),
            (r"\d+", ""),
        ] {
            let found = required(&parsed(pattern).expect("a good pattern"));
            let found: Vec<_> = found.iter().map(|l| String::from_utf8_lossy(l)).collect();
            assert_eq!(found.join(" "), expected, "{pattern}");
        }
        assert!(parsed("(").is_err());
    }

    #[test]
    fn texts_behind_the_beginning() {
        for (pattern, expected) in [
            (
                r"^disconnect from (\d+):\s*3: .*: Auth fail$",
                Some(": Auth fail"),
            ),
            (r"^Failed for (.*) from \d+", None),
            (r"^(?:a|b) locked (?:away)?", Some(" locked ")),
            (r"^locked", None),
            ("locked|x", None),
        ] {
            let hir = parsed(pattern).expect("a good pattern");
            assert_eq!(behind(&hir), expected.map(str::as_bytes), "{pattern}");
        }
    }

    #[test]
    fn pieces_that_no_insertion_splits() {
        let literal = b"[]LOGIN FAILED: \"x\" - [] ".to_vec();
        assert_eq!(untorn(&[literal]), [b"]LOGIN FAILED:"]);
        assert!(untorn(&[b"long enough".to_vec(), b" - [] ".to_vec()]).is_empty());
    }
}
