//! Which of many patterns a line can match at all, told by the literals that each of them requires.
//!
//! Most lines hold no literal of any pattern: they are passed over at the speed of a search for a few words,
//! however many patterns there are.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, StartKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// A pattern that needs one of more literals than this is taken as one that needs none.
const MAX_CHOICE: usize = 40;
/// Shorter literals are everywhere and tell nothing.
const MIN_LENGTH: usize = 3;

/// Patterns by their number, found by their literals.
#[derive(Debug)]
pub struct Sieve {
    literals: Vec<Vec<u8>>,
    /// Finds all literals of a line.
    all: AhoCorasick,
    /// The patterns that a literal stands for.
    owners: Vec<Vec<u16>>,
    /// Patterns that require no literal.
    always: Vec<u16>,
}

impl Sieve {
    /// Takes for each pattern, in order, a choice of literals of which every match has one; an empty choice is none.
    pub fn new(choices: &[Vec<Vec<u8>>]) -> Result<Sieve, String> {
        let mut literals: Vec<&[u8]> = Vec::new();
        let mut owners: Vec<Vec<u16>> = Vec::new();
        let mut always = Vec::new();
        for (number, choice) in choices.iter().enumerate() {
            let number = u16::try_from(number).map_err(|_| "too many patterns")?;
            if choice.is_empty() {
                always.push(number);
            }
            for literal in choice {
                match literals.iter().position(|l| l == literal) {
                    Some(i) => owners[i].push(number),
                    None => {
                        literals.push(literal);
                        owners.push(vec![number]);
                    }
                }
            }
        }
        let all = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&literals)
            .map_err(|e| e.to_string())?;
        Ok(Sieve {
            literals: literals.into_iter().map(<[u8]>::to_vec).collect(),
            all,
            owners,
            always,
        })
    }

    /// Of these a line must hold one to match any pattern; `None` where a pattern requires none.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.always.is_empty().then_some(&self.literals)
    }

    /// Puts the numbers of the patterns that `line` may match into `numbers`, in order.
    pub fn candidates(&self, line: &[u8], numbers: &mut Vec<u16>) {
        numbers.clear();
        numbers.extend_from_slice(&self.always);
        let mut last = usize::MAX;
        for found in self.all.find_overlapping_iter(line) {
            let literal = found.pattern().as_usize();
            // The same word many times over in a long line is looked up once.
            if literal != last {
                numbers.extend_from_slice(&self.owners[literal]);
                last = literal;
                if numbers.len() > 4 * (self.always.len() + self.owners.len()) {
                    numbers.sort_unstable();
                    numbers.dedup();
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
    }
}

/// The literals of which every match of `pattern` has one; empty where there are none that tell much.
///
/// `pattern` is in the syntax of `regex::bytes` without Unicode; the error says why it is none.
pub fn required(pattern: &str) -> Result<Vec<Vec<u8>>, String> {
    let hir = ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .build()
        .parse(pattern)
        .map_err(|e| explain(&e))?;
    Ok(choice(&hir).unwrap_or_default())
}

/// The same choice for a text out of which something may have been cut between two bytes that are no part of a word:
/// of each literal the longest piece that can't be torn apart so.
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

/// One of these stands in all that `hir` matches.
fn choice(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut best = match hir.kind() {
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Capture(capture) => choice(&capture.sub)?,
        HirKind::Repetition(repeat) if repeat.min > 0 => choice(&repeat.sub)?,
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(choice)
            .max_by_key(|choice| worth(choice))?,
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(choice(part)?);
            }
            all
        }
        _ => return None,
    };
    best.sort();
    best.dedup();
    let tells = best.iter().all(|l| l.len() >= MIN_LENGTH) && best.len() <= MAX_CHOICE;
    tells.then_some(best)
}

/// A longer shortest literal is rarer; of equal ones the smaller choice.
fn worth(choice: &[Vec<u8>]) -> (usize, std::cmp::Reverse<usize>) {
    let shortest = choice.iter().map(Vec::len).min().unwrap_or(0);
    (shortest, std::cmp::Reverse(choice.len()))
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
            (r"[aA]uthentication (?:failure|error)", "uthentication "),
            (r"(?:ab|cde)x", ""),
            (r"(?i)failed", ""),
            (r"(abc)+d*", "abc"),
            (r"\d+", ""),
        ] {
            let found = required(pattern).expect("a good pattern");
            let found: Vec<_> = found.iter().map(|l| String::from_utf8_lossy(l)).collect();
            assert_eq!(found.join(" "), expected, "{pattern}");
        }
        assert!(required("(").is_err());
    }

    #[test]
    fn what_a_cut_leaves_whole() {
        let literal = b"[]LOGIN FAILED: \"x\" - [] ".to_vec();
        assert_eq!(untorn(&[literal]), [b"]LOGIN FAILED:"]);
        assert!(untorn(&[b"long enough".to_vec(), b" - [] ".to_vec()]).is_empty());
    }

    #[test]
    fn lines() {
        let patterns = ["Failed for", "for|from", "Failed"];
        let choices: Vec<_> = patterns
            .map(|p| required(p).expect("a good pattern"))
            .into();
        let sieve = Sieve::new(&choices).expect("a sieve");
        let mut numbers = Vec::new();
        for (line, expected) in [
            ("Failed for x", &[0, 1, 2][..]),
            ("it Failed", &[2]),
            ("a from a from", &[1]),
            ("nothing", &[]),
        ] {
            sieve.candidates(line.as_bytes(), &mut numbers);
            assert_eq!(numbers, expected, "{line}");
        }
        assert_eq!(sieve.literals().map(<[_]>::len), Some(4));
    }
}
