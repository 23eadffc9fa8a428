//! The programs that may write the words of rules.

use std::collections::HashMap;

use crate::search::Search;

/// Names of programs remembered at once. A log has few; beyond this all are forgotten.
const MAX_NAMES: usize = 500;
/// A longer name of a program, in bytes, is none.
const MAX_NAME: usize = 128;

/// Patterns for the names of programs, and the answers so far.
#[derive(Debug, Default)]
pub(super) struct Programs {
    patterns: Vec<(String, Search)>,
    /// For each name, the number of its answer.
    known: HashMap<Box<[u8]>, usize>,
    /// For each known name, whether the pattern of each number matches it.
    answers: Vec<Box<[bool]>>,
    /// The last name and the number of its answer: most lines are by the same few programs.
    last: (Vec<u8>, usize),
}

impl Programs {
    /// The number of a pattern, which must match a whole name; added if it is new.
    pub(super) fn add(&mut self, pattern: &str) -> usize {
        let known = self.patterns.iter().position(|(p, _)| p == pattern);
        known.unwrap_or_else(|| {
            let search = Search::new(&format!("^(?:{pattern})$"));
            self.patterns.push((pattern.into(), search));
            self.patterns.len() - 1
        })
    }

    /// Whether the pattern of each number matches this name; `None` if no pattern does.
    pub(super) fn matching(&mut self, name: &[u8]) -> Option<&[bool]> {
        if self.last.0 != name || self.answers.is_empty() {
            self.last.1 = self.number(name)?;
            self.last.0.clear();
            self.last.0.extend_from_slice(name);
        }
        let answer = &self.answers[self.last.1];
        (!answer.is_empty()).then_some(answer)
    }

    /// The number of the answer for a name.
    fn number(&mut self, name: &[u8]) -> Option<usize> {
        if let Some(number) = self.known.get(name) {
            return Some(*number);
        }
        if name.len() > MAX_NAME {
            return None;
        }
        if self.known.len() >= MAX_NAMES {
            self.known.clear();
            self.answers.clear();
        }
        let patterns = self.patterns.iter_mut();
        let all = patterns.map(|(_, search)| search.is_match(name) == Ok(true));
        let all: Box<[bool]> = all.collect();
        let none = !all.contains(&true);
        self.answers.push(if none { Box::default() } else { all });
        let number = self.answers.len() - 1;
        self.known.insert(name.into(), number);
        Some(number)
    }
}
