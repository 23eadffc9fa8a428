//! A pattern's match in a text, and where its groups stand: by a walk where that is quick, else by the automaton.

use std::cell::OnceCell;

use regex::bytes::{CaptureLocations, Regex, RegexBuilder};

use crate::walk::{Recall, Walk, Walker};

/// A compiled pattern's memory, in bytes.
const MAX_SIZE: usize = 32 << 20;

/// A pattern; what it needs is built when it is first needed.
#[derive(Debug)]
pub struct Search {
    pattern: String,
    unicode: bool,
    walker: Option<Walker>,
    walk: Walk,
    recall: Option<Recall>,
    automaton: OnceCell<(Regex, CaptureLocations)>,
    /// The last match was found by the walk.
    walked: bool,
}

impl Search {
    /// A pattern in the syntax of `regex::bytes` without Unicode, and with the groups that [`walk`](crate::walk) knows.
    pub fn new(pattern: &str) -> Search {
        let walker = Walker::new(pattern);
        Search {
            recall: walker.as_ref().and_then(Recall::new),
            walker,
            ..Search::unwalked(pattern, false)
        }
    }

    /// A pattern in the syntax of `regex::bytes`, with Unicode or without, that only the automaton tells.
    pub fn unwalked(pattern: &str, unicode: bool) -> Search {
        Search {
            pattern: pattern.into(),
            unicode,
            walker: None,
            walk: Walk::default(),
            recall: None,
            automaton: OnceCell::new(),
            walked: false,
        }
    }

    /// Compiles it now; the error says why it can't be.
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

    /// Whether the pattern matches in `text`, no matter where its groups are.
    pub fn is_match(&mut self, text: &[u8]) -> Result<bool, String> {
        if let Some(found) = self.search(text) {
            return Ok(found);
        }
        self.compile()?;
        let regex = self.automaton.get();
        Ok(regex.is_some_and(|(regex, _)| regex.is_match(text)))
    }

    /// Whether the pattern matches in `text`; [`group`](Self::group) tells where. The error says why it can't be compiled.
    pub fn find(&mut self, text: &[u8]) -> Result<bool, String> {
        self.walked = true;
        if let Some(found) = self.search(text) {
            return Ok(found);
        }
        self.compile()?;
        let Some((regex, locations)) = self.automaton.get_mut() else {
            return Ok(false);
        };
        if let Some(walker) = self.walker.as_ref().filter(|w| !w.is_anchored()) {
            let Some(found) = regex.find(text) else {
                return Ok(false);
            };
            if let Some(found) = walker.walk(text, found.start(), &mut self.walk) {
                return Ok(found);
            }
        }
        self.walked = false;
        Ok(regex.captures_read(locations, text).is_some())
    }

    fn search(&mut self, text: &[u8]) -> Option<bool> {
        let walker = self.walker.as_ref()?;
        let Some(recall) = &mut self.recall else {
            return walker.search(text, &mut self.walk);
        };
        if recall.find(text, &mut self.walk) {
            return Some(true);
        }
        if recall.is_full() {
            return walker.search(text, &mut self.walk);
        }
        let found = walker.walk_and_look(text, &mut self.walk);
        if found == Some(true) {
            recall.note(text, &self.walk);
        }
        found
    }

    /// Where group `number` of the last match stands, if it took part; 0 is the whole match.
    pub fn group(&self, number: usize) -> Option<(usize, usize)> {
        if self.walked {
            return self.walk.group(number);
        }
        self.automaton.get()?.1.get(number)
    }

    /// The groups that have names, by their numbers.
    pub fn names(&self) -> Result<Vec<(usize, String)>, String> {
        if let Some(walker) = &self.walker {
            return Ok(walker.names().to_vec());
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
        // A walk, a walk after the automaton, no walk at all, and a walk that the budget ends.
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
