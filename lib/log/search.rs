//! A pattern's match in a text, and the places of its groups: by the backtracker where that is
//! quick, else by the automaton.

use std::cell::OnceCell;

use regex::bytes::{CaptureLocations, Regex, RegexBuilder};

use crate::backtracker::{Backtracker, Cache, Memo};

/// Memory of a compiled pattern, in bytes.
const MAX_SIZE: usize = 32 << 20;

/// A pattern. The automaton is built when it is first needed.
#[derive(Debug)]
pub struct Search {
    pattern: String,
    unicode: bool,
    backtracker: Option<Backtracker>,
    cache: Cache,
    memo: Option<Memo>,
    automaton: OnceCell<(Regex, CaptureLocations)>,
    /// Whether the groups of the last match are in the cache.
    in_cache: bool,
}

impl Search {
    /// A pattern in the syntax of `regex::bytes` without Unicode, and with the groups of
    /// [`backtracker`](crate::backtracker).
    pub fn new(pattern: &str) -> Search {
        let backtracker = Backtracker::new(pattern);
        Search {
            memo: backtracker.as_ref().and_then(Memo::new),
            backtracker,
            ..Search::by_automaton(pattern, false)
        }
    }

    /// A pattern in the syntax of `regex::bytes`, with Unicode or without, for the automaton only.
    pub fn by_automaton(pattern: &str, unicode: bool) -> Search {
        Search {
            pattern: pattern.into(),
            unicode,
            backtracker: None,
            cache: Cache::default(),
            memo: None,
            automaton: OnceCell::new(),
            in_cache: false,
        }
    }

    /// Compiles the automaton now. The error is the compiler's message.
    pub fn compile(&self) -> Result<(), String> {
        if self.automaton.get().is_none() {
            let regex = RegexBuilder::new(&self.pattern)
                .unicode(self.unicode)
                .size_limit(MAX_SIZE)
                .build()
                .map_err(|e| e.to_string())?;
            let locations = regex.capture_locations();
            let _ = self.automaton.set((regex, locations));
        }
        Ok(())
    }

    /// Whether the pattern matches in `text`; the places of its groups are not looked up.
    pub fn is_match(&mut self, text: &[u8]) -> Result<bool, String> {
        if let Some(found) = self.backtrack(text) {
            return Ok(found);
        }
        self.compile()?;
        let regex = self.automaton.get();
        Ok(regex.is_some_and(|(regex, _)| regex.is_match(text)))
    }

    /// Whether the pattern matches in `text`; [`group`](Self::group) then has the places of its
    /// groups. The error is the compiler's message.
    pub fn find(&mut self, text: &[u8]) -> Result<bool, String> {
        self.in_cache = true;
        if let Some(found) = self.backtrack(text) {
            return Ok(found);
        }
        self.compile()?;
        let Some((regex, locations)) = self.automaton.get_mut() else {
            return Ok(false);
        };
        if let Some(backtracker) = self.backtracker.as_ref().filter(|b| !b.is_anchored()) {
            let Some(found) = regex.find(text) else {
                return Ok(false);
            };
            if let Some(found) = backtracker.match_at(text, found.start(), &mut self.cache) {
                return Ok(found);
            }
        }
        self.in_cache = false;
        Ok(regex.captures_read(locations, text).is_some())
    }

    fn backtrack(&mut self, text: &[u8]) -> Option<bool> {
        let backtracker = self.backtracker.as_ref()?;
        let Some(memo) = &mut self.memo else {
            return backtracker.search(text, &mut self.cache);
        };
        if memo.find(text, &mut self.cache) {
            return Some(true);
        }
        if memo.is_full() {
            return backtracker.search(text, &mut self.cache);
        }
        let found = backtracker.match_and_note_reach(text, &mut self.cache);
        if found == Some(true) {
            memo.note(text, &self.cache);
        }
        found
    }

    /// The bytes of group `number` in the last match, if it took part; 0 is the whole match.
    pub fn group(&self, number: usize) -> Option<(usize, usize)> {
        if self.in_cache {
            return self.cache.group(number);
        }
        self.automaton.get()?.1.get(number)
    }

    /// The named groups, by number.
    pub fn names(&self) -> Result<Vec<(usize, String)>, String> {
        if let Some(backtracker) = &self.backtracker {
            return Ok(backtracker.names().to_vec());
        }
        self.compile()?;
        let regex = self.automaton.get().map(|(regex, _)| regex);
        let names = regex
            .into_iter()
            .flat_map(|r| r.capture_names().enumerate());
        Ok(names
            .filter_map(|(number, name)| Some((number, name?.to_string())))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_either_way() {
        // By the backtracker, by it after the automaton, by the automaton alone, and by the
        // automaton after the budget is spent.
        let hard = [b"ab".repeat(40), b"d7".to_vec()].concat();
        for (pattern, text, expected) in [
            (r"^a(?P<n>\d+)", &b"a12"[..], Some((1, 3))),
            (r"a(?P<n>\d+)", b"xa12", Some((2, 4))),
            (r"^(?:a*)*(?P<n>\d+)", b"aa12", Some((2, 4))),
            (r"^(?:ab|a|b|ba)+d(?P<n>\d)$", &hard, Some((81, 82))),
            (r"^(?:ab|a|b|ba)+c(?P<n>\d)$", &hard, None),
            (r"^b(?P<n>\d+)", b"a12", None),
        ] {
            let mut search = Search::new(pattern);
            let names = search.names().expect("a good pattern");
            assert_eq!(names, [(1, "n".to_string())]);
            let found = search.find(text).expect("a good pattern");
            assert_eq!(found, expected.is_some(), "{pattern}");
            assert_eq!(search.group(1).filter(|_| found), expected, "{pattern}");
        }
        assert!(Search::new("(").find(b"").is_err());
    }
}
