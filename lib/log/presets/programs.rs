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
    /// For each name, whether the pattern of each number matches it.
    known: HashMap<Box<[u8]>, Box<[bool]>>,
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
        if !self.known.contains_key(name) {
            if name.len() > MAX_NAME {
                return None;
            }
            if self.known.len() >= MAX_NAMES {
                self.known.clear();
            }
            let patterns = self.patterns.iter_mut();
            let all = patterns.map(|(_, search)| search.is_match(name) == Ok(true));
            let mut all: Box<[bool]> = all.collect();
            if !all.contains(&true) {
                all = Box::default();
            }
            self.known.insert(name.into(), all);
        }
        let all = self.known.get(name).filter(|all| !all.is_empty())?;
        Some(all)
    }
}
