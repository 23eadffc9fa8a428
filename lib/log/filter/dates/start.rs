//! Where a pattern that stands at a text's beginning ends, told by an automaton.
//!
//! A time stamp is short, and every byte of it is one of a few: an automaton is twice as quick at that as a walk.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

#[derive(Debug)]
pub(super) struct Start {
    automaton: DFA,
    cache: Cache,
}

impl Start {
    /// A pattern in the syntax of `regex::bytes` without Unicode; the error says why it is none.
    pub(super) fn new(pattern: &str) -> Result<Start, String> {
        let automaton = DFA::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(regex_automata::nfa::thompson::Config::new().utf8(false))
            .build(pattern)
            .map_err(|e| e.to_string())?;
        let cache = automaton.create_cache();
        Ok(Start { automaton, cache })
    }

    /// Where a match ends that begins where `text` does.
    pub(super) fn end(&mut self, text: &[u8]) -> Option<usize> {
        let input = Input::new(text).anchored(Anchored::Yes);
        // It gives up on bytes that it was told to, and was told none.
        let found = self.automaton.try_search_fwd(&mut self.cache, &input);
        Some(found.ok()??.offset())
    }
}
