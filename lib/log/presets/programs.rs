//! The programs that may write the words of rules.

use std::collections::HashMap;

use regex_syntax::hir::{Hir, HirKind};

use crate::search::Search;
use crate::sieve::parsed;

/// Names of programs remembered at once. A log has few; beyond this all are forgotten.
const MAX_NAMES: usize = 500;
/// More names than this are not a few.
const MAX_FEW: usize = 8;
/// A longer name of a program, in bytes, is none.
const MAX_NAME: usize = 128;

/// Patterns for the names of programs, and the answers so far.
#[derive(Debug, Default)]
pub(super) struct Programs {
    patterns: Vec<(String, Search)>,
    /// For each pattern, whether a rule about failures has it.
    of_failures: Vec<bool>,
    /// For each name, the number of its answer; `None` if no pattern matches it.
    known: HashMap<Box<[u8]>, Option<usize>>,
    /// Different answers: whether the pattern of each number matches a name.
    answers: Vec<Box<[bool]>>,
    /// The last name and the number of its answer: most lines are by the same few programs.
    last: (Vec<u8>, Option<usize>),
}

impl Programs {
    /// The number of a pattern, which must match a whole name; added if it is new. `of_failures`:
    /// a rule about failures has it.
    pub(super) fn add(&mut self, pattern: &str, of_failures: bool) -> usize {
        let known = self.patterns.iter().position(|(p, _)| p == pattern);
        let number = known.unwrap_or_else(|| {
            let search = Search::new(&format!("^(?:{pattern})$"));
            self.patterns.push((pattern.into(), search));
            self.of_failures.push(false);
            self.patterns.len() - 1
        });
        self.of_failures[number] |= of_failures;
        number
    }

    /// Whether a program, by the number of its [`answer`](Self::answer), may write failures.
    pub(super) fn writes_failures(&self, number: usize) -> bool {
        let answer = self.answers[number].iter();
        answer.zip(&self.of_failures).any(|(a, b)| *a && *b)
    }

    /// All names of programs that may write failures; `None` if they are not a few.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let mut all = Vec::new();
        for (number, of_failures) in self.of_failures.iter().enumerate() {
            if *of_failures {
                all.extend(self.texts(number)?);
            }
        }
        all.sort();
        all.dedup();
        let few = (1..=MAX_FEW).contains(&all.len());
        few.then_some(all)
    }

    /// All names that a pattern matches; `None` if they are not a few.
    pub(super) fn texts(&self, number: usize) -> Option<Vec<String>> {
        texts(&parsed(&self.patterns[number].0).ok()?)
    }

    /// The number of the answer for a name; `None` if no pattern matches it.
    pub(super) fn number_of(&mut self, name: &[u8]) -> Option<usize> {
        if self.last.0 != name || name.is_empty() {
            self.last.1 = self.number(name);
            self.last.0.clear();
            self.last.0.extend_from_slice(name);
        }
        self.last.1
    }

    /// An answer: whether the pattern of each number matches the name.
    pub(super) fn answer(&self, number: usize) -> &[bool] {
        &self.answers[number]
    }

    /// The number of the answer for a name, worked out if it is not known.
    fn number(&mut self, name: &[u8]) -> Option<usize> {
        if let Some(number) = self.known.get(name) {
            return *number;
        }
        if name.len() > MAX_NAME {
            return None;
        }
        if self.known.len() >= MAX_NAMES {
            self.known.clear();
        }
        let patterns = self.patterns.iter_mut();
        let answer = patterns.map(|(_, search)| search.is_match(name) == Ok(true));
        let answer: Box<[bool]> = answer.collect();
        let number = answer.contains(&true).then(|| {
            let same = self.answers.iter().position(|a| *a == answer);
            same.unwrap_or_else(|| {
                self.answers.push(answer);
                self.answers.len() - 1
            })
        });
        self.known.insert(name.into(), number);
        number
    }
}

/// All texts that `hir` matches; `None` if they are not a few.
fn texts(hir: &Hir) -> Option<Vec<String>> {
    let all = match hir.kind() {
        HirKind::Empty => vec![String::new()],
        HirKind::Literal(text) => vec![String::from_utf8(text.0.to_vec()).ok()?],
        HirKind::Capture(group) => texts(&group.sub)?,
        HirKind::Repetition(repeat) if repeat.max == Some(1) && repeat.min == 0 => {
            let mut all = texts(&repeat.sub)?;
            all.push(String::new());
            all
        }
        HirKind::Alternation(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(texts).collect();
            parts?.concat()
        }
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for part in parts {
                let part = texts(part)?;
                let mut longer = Vec::new();
                for text in &all {
                    longer.extend(part.iter().map(|p| format!("{text}{p}")));
                }
                if longer.len() > MAX_FEW {
                    return None;
                }
                all = longer;
            }
            all
        }
        _ => return None,
    };
    (all.len() <= MAX_FEW).then_some(all)
}
