//! Which lines count, and which of their addresses.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memrchr};
use pipeban::complain::Fault;
use pipeban::masks;
use pipeban_log::finder::{self, Found};
use pipeban_log::sieve::AnyOf;

use crate::hostile::Attempt;
use crate::keep::Keep;
use crate::{Arguments, Pattern, pick, ready};

/// Says whether a line counts, and perhaps which address in it.
pub trait Matcher: Send {
    /// `None` if the line does not match.
    fn judge(&mut self, line: &[u8]) -> Option<Verdict<'_>>;

    /// Texts of which every line that matches has one in it; `None` where none are known.
    fn literals(&self) -> Option<Vec<&[u8]>> {
        None
    }

    /// Lines come that hold one of those texts: a search for them may be left out.
    fn expect_sifted(&mut self) {}

    /// Whether every match names an address.
    fn names_address(&self) -> bool;

    /// For a person: the pattern that matches a line, and where.
    fn span(&mut self, line: &[u8]) -> Option<(String, Range<usize>)>;

    /// For a person: each pattern that names an address, and a line by which the remote party would name another's.
    fn hostile(&mut self) -> Vec<(String, Attempt)>;
}

/// A line matches.
pub struct Verdict<'a> {
    /// The address that is meant, in the line; `None` if the matcher leaves that open.
    pub found: Option<Found>,
    /// The name of what matched, for the record.
    pub rule: Option<&'a str>,
}

/// An address to print.
pub struct Choice<'a> {
    /// What it was found in: the line or a part of it.
    pub text: &'a [u8],
    /// Where that begins in the line.
    pub offset: usize,
    pub found: &'a Found,
    pub rule: Option<&'a str>,
}

/// Which addresses of those that stand there.
#[derive(Clone, Copy, PartialEq)]
pub enum Pick {
    All,
    First,
    Last,
}

pub struct Chooser {
    /// The first that matches a line decides; none at all: every line counts.
    pub matchers: Vec<Box<dyn Matcher>>,
    pub exclude: Vec<Pattern>,
    pub field: Option<usize>,
    pub pick: Pick,
    pub keep: Arc<Keep>,
    /// Finds lines that may match.
    literals: Option<AnyOf>,
}

impl Chooser {
    pub fn new(arguments: &Arguments, keep: Arc<Keep>) -> Result<Self, Fault> {
        let patterns = |flag, texts: &[String]| {
            let compiled = texts.iter().map(|text| Pattern::new(text));
            let compiled = compiled.collect::<Result<Vec<_>, _>>();
            compiled.map_err(|e| Fault::new(flag, e))
        };
        let mut matchers: Vec<Box<dyn Matcher>> = Vec::new();
        for mut pattern in patterns("--regex", &arguments.regex)? {
            if arguments.regex.len() > 1 {
                pattern.name_rule();
            }
            matchers.push(Box::new(pattern));
        }
        let explains = arguments.explain;
        if !arguments.preset.is_empty() {
            matchers.push(Box::new(ready::presets(&arguments.preset, explains)?));
        }
        for filter in &arguments.filter {
            matchers.push(Box::new(ready::filter(filter, explains)?));
        }
        let named = !matchers.is_empty() && matchers.iter().all(|m| m.names_address());
        if named && arguments.field.is_some() {
            let what = "the patterns name the address already";
            return Err(Fault::new("--field", what));
        }
        let pick = match (arguments.first, arguments.last || arguments.field.is_some()) {
            (true, _) => Pick::First,
            (false, true) => Pick::Last,
            (false, false) => Pick::All,
        };
        let literals = matchers
            .iter()
            .map(|m| m.literals())
            .collect::<Option<Vec<_>>>();
        let literals = literals.and_then(|literals| AnyOf::new(&literals.concat()));
        let every_line = explains
            || arguments.time
            || arguments.time_format.is_some()
            || arguments.timezone.is_some();
        if let ([matcher], false) = (matchers.as_mut_slice(), every_line) {
            matcher.expect_sifted();
        }
        Ok(Chooser {
            literals,
            exclude: patterns("--exclude", &arguments.exclude)?,
            field: arguments.field.map(|n| n.get()),
            matchers,
            pick,
            keep,
        })
    }

    /// Whether what is printed of a line hangs on nothing but where its addresses stand.
    pub fn takes_every_line(&self) -> bool {
        self.matchers.is_empty() && self.exclude.is_empty()
    }

    /// Calls `give` for each address of a block that is to be printed, if every line is taken.
    pub fn choose_all(&self, block: &[u8], mut give: impl FnMut(&Found)) {
        if self.pick == Pick::All {
            finder::find_all(block, |found| {
                if self.keep.keeps(&found.address) {
                    give(&found);
                }
            });
        } else {
            let first = self.pick == Pick::First;
            pick::one_of_each_line(block, self.field, first, &self.keep, give);
        }
    }

    /// A search for lines that may count; `None` where any may.
    pub fn literals(&self) -> Option<AnyOf> {
        self.literals.clone()
    }

    /// Calls `give` for each address of a line that is to be printed.
    pub fn choose(&mut self, line: &[u8], mut give: impl FnMut(Choice)) {
        let mut verdict = None;
        if !self.matchers.is_empty() {
            verdict = self.matchers.iter_mut().find_map(|m| m.judge(line));
            if verdict.is_none() {
                return;
            }
        }
        if self.exclude.iter_mut().any(|e| e.judge(line).is_some()) {
            return;
        }
        let rule = verdict.as_ref().and_then(|v| v.rule);
        if let Some(found) = verdict.as_ref().and_then(|v| v.found.as_ref()) {
            if self.keep.keeps(&found.address) {
                let (text, offset) = (line, 0);
                give(Choice {
                    text,
                    offset,
                    found,
                    rule,
                });
            }
            return;
        }
        let range = self.field.map_or(0..line.len(), |n| field(line, n));
        let (text, offset) = (&line[range.clone()], range.start);
        let mut one = None;
        let keep = &self.keep;
        finder::find_all(text, |found| match self.pick {
            _ if !keep.keeps(&found.address) => {}
            Pick::All => give(Choice {
                text,
                offset,
                found: &found,
                rule,
            }),
            Pick::First => _ = one.get_or_insert(found),
            Pick::Last => one = Some(found),
        });
        if let Some(found) = &one {
            give(Choice {
                text,
                offset,
                found,
                rule,
            });
        }
    }
}

/// The lines of a block without their ends; those alone that hold one of `literals`.
pub fn lines<'a>(block: &'a [u8], literals: Option<&AnyOf>) -> impl Iterator<Item = &'a [u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= block.len() {
            return None;
        }
        if let Some(literals) = literals {
            let hit = literals.find(block, at)?;
            at += memrchr(b'\n', &block[at..hit]).map_or(0, |i| i + 1);
        }
        let length = memchr(b'\n', &block[at..]).unwrap_or(block.len() - at);
        let line = &block[at..at + length];
        at += length + 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// The `n`th field of a line, counted from 1, split at white space; empty if there is none.
pub fn field(line: &[u8], n: usize) -> Range<usize> {
    let (mut base, mut left) = (0, n);
    let mut after_blank = 1;
    let mut start = None;
    masks::blanks(line, |blanks, _| {
        let mut starts = !blanks & (blanks << 1 | after_blank);
        after_blank = blanks >> 63;
        let count = starts.count_ones() as usize;
        if count >= left {
            for _ in 1..left {
                starts &= starts - 1;
            }
            start = Some(base + starts.trailing_zeros() as usize);
        }
        left = left.saturating_sub(count);
        base += 64;
        start.is_none()
    });
    let Some(start) = start else { return 0..0 };
    let length = line[start..].iter().position(u8::is_ascii_whitespace);
    start..length.map_or(line.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let long = format!("{} x{} last", "a ".repeat(100), "b".repeat(200));
        for (line, n, expected) in [
            ("a b c", 1, "a"),
            ("a b c", 3, "c"),
            ("a b c", 4, ""),
            (" \t a\x0c \tb\r", 2, "b"),
            ("", 1, ""),
            ("   ", 1, ""),
            (&long, 100, "a"),
            (&long, 102, "last"),
            (&long, 103, ""),
        ] {
            assert_eq!(
                &line.as_bytes()[field(line.as_bytes(), n)],
                expected.as_bytes(),
                "{n} of {line:?}"
            );
        }
        // As the standard library splits, wherever a chunk ends.
        let line: Vec<u8> = (0..400u32)
            .map(|i| b"ab \t"[(i * i / 7 % 11 % 4) as usize])
            .collect();
        let split = line
            .split(u8::is_ascii_whitespace)
            .filter(|f| !f.is_empty());
        for (i, expected) in split.enumerate() {
            assert_eq!(&line[field(&line, i + 1)], expected);
        }
    }
}
