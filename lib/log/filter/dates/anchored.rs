//! The end of a match at a text's beginning, found by an automaton.
//!
//! A time stamp is short and each of its bytes is one of a few: here an automaton is twice as fast
//! as the backtracker.

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::syntax;

/// A pattern bound to a text's beginning.
#[derive(Debug)]
pub(super) struct Anchored {
    automaton: DFA,
    cache: Cache,
}

impl Anchored {
    /// Takes a pattern in the syntax of `regex::bytes` without Unicode.
    pub(super) fn new(pattern: &str) -> Result<Anchored, String> {
        let automaton = DFA::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(regex_automata::nfa::thompson::Config::new().utf8(false))
            .build(pattern)
            .map_err(|e| e.to_string())?;
        let cache = automaton.create_cache();
        Ok(Anchored { automaton, cache })
    }

    /// The end of a match that begins where `text` does.
    pub(super) fn end(&mut self, text: &[u8]) -> Option<usize> {
        let input = Input::new(text).anchored(regex_automata::Anchored::Yes);
        // It gives up only at bytes that it was told to give up at: none.
        let found = self.automaton.try_search_fwd(&mut self.cache, &input);
        Some(found.ok()??.offset())
    }
}
