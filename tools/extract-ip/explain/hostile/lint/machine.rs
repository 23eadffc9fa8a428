//! The search for a pattern in a line, byte by byte: a deterministic automaton that is made as it
//! runs.
//!
//! A state is the list of threads in the order of preference, as the engines have it: the first
//! that matches wins, and those behind it end.

use std::collections::HashMap;

use regex_syntax::hir::Look;

use super::nfa::{Meaning, Nfa, State, TooLarge};
use super::parts::Parts;

/// The result of a search so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Nothing,
    /// A match that names no address.
    Match,
    /// A match that names the address of the remote party.
    Own,
    /// A match that names somebody else's.
    Victim,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Thread {
    state: usize,
    found: Found,
    /// The bytes of an address that are not read yet.
    waits: usize,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    threads: Vec<Thread>,
    /// The byte before; `None` at the beginning.
    before: Option<Kind>,
    /// The best match so far.
    best: Found,
}

/// Whether a byte is part of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Word,
    Other,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Kind {
        match byte.is_ascii_alphanumeric() || byte == b'_' {
            true => Kind::Word,
            false => Kind::Other,
        }
    }
}

/// More states than this are too many.
const MAX_STATES: usize = 20_000;
/// More threads in all states than this are too many.
const MAX_THREADS: usize = 1_000_000;

/// The search for a pattern.
pub(super) struct Machine {
    pub(super) nfa: Nfa,
    keys: Vec<Key>,
    numbers: HashMap<Key, usize>,
    steps: HashMap<(usize, u8), usize>,
    threads: usize,
}

impl Machine {
    pub(super) fn new(parts: &Parts) -> Result<Machine, TooLarge> {
        let nfa = Nfa::new(parts, Meaning::Search)?;
        let start = Thread {
            state: nfa.start,
            found: Found::Match,
            waits: 0,
        };
        let mut machine = Machine {
            nfa,
            keys: Vec::new(),
            numbers: HashMap::new(),
            steps: HashMap::new(),
            threads: 0,
        };
        machine.number(Key {
            threads: vec![start],
            before: None,
            best: Found::Nothing,
        });
        Ok(machine)
    }

    /// The first state.
    pub(super) fn start(&self) -> usize {
        0
    }

    /// Whether it has become too large.
    pub(super) fn is_too_large(&self) -> bool {
        self.keys.len() > MAX_STATES || self.threads > MAX_THREADS
    }

    fn number(&mut self, key: Key) -> usize {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        self.threads += key.threads.len();
        self.keys.push(key.clone());
        self.numbers.insert(key, self.keys.len() - 1);
        self.keys.len() - 1
    }

    /// The state behind a byte.
    pub(super) fn step(&mut self, state: usize, byte: u8) -> usize {
        if let Some(next) = self.steps.get(&(state, byte)) {
            return *next;
        }
        let next = self.go_on(&self.keys[state], byte, None);
        let next = self.number(next);
        self.steps.insert((state, byte), next);
        next
    }

    /// The state behind an address, written so: that of `found`, or a text like others.
    pub(super) fn step_address(
        &mut self,
        state: usize,
        found: Option<Found>,
        text: &[u8],
    ) -> usize {
        let mut key = self.keys[state].clone();
        for (i, byte) in text.iter().enumerate() {
            let address = found.filter(|_| i == 0).map(|found| (found, text.len()));
            key = self.go_on(&key, *byte, address);
        }
        self.number(key)
    }

    /// The result of a line that ends here.
    pub(super) fn end(&self, state: usize) -> Found {
        let key = &self.keys[state];
        self.close(key, None).1
    }

    fn go_on(&self, key: &Key, byte: u8, address: Option<(Found, usize)>) -> Key {
        let (threads, best) = self.close(key, Some(byte));
        let next = threads.into_iter().filter_map(|thread| {
            if thread.waits > 0 {
                let waits = thread.waits - 1;
                return Some(Thread { waits, ..thread });
            }
            match (&self.nfa.states[thread.state], address) {
                (State::Byte { set, next, .. }, _) if self.nfa.sets[*set][usize::from(byte)] => {
                    Some(Thread {
                        state: *next,
                        ..thread
                    })
                }
                (State::Address(next), Some((found, length))) => Some(Thread {
                    state: *next,
                    found: match thread.found {
                        Found::Match => found,
                        first => first,
                    },
                    waits: length - 1,
                }),
                _ => None,
            }
        });
        Key {
            threads: next.collect(),
            before: Some(Kind::of(byte)),
            best,
        }
    }

    /// The threads that wait for a byte, in their order, and the best match so far.
    fn close(&self, key: &Key, next: Option<u8>) -> (Vec<Thread>, Found) {
        let next = next.map(Kind::of);
        let mut seen = vec![false; self.nfa.states.len()];
        let mut out = Vec::new();
        let mut stack: Vec<Thread> = key.threads.iter().rev().copied().collect();
        while let Some(thread) = stack.pop() {
            if thread.waits > 0 {
                out.push(thread);
                continue;
            }
            if std::mem::replace(&mut seen[thread.state], true) {
                continue;
            }
            let to = |state: &usize| Thread {
                state: *state,
                ..thread
            };
            match &self.nfa.states[thread.state] {
                State::Byte { .. } | State::Free(_) | State::Address(_) => out.push(thread),
                State::Split(branches) => stack.extend(branches.iter().rev().map(to)),
                State::Look(look, state) => {
                    if holds(*look, key.before, next) {
                        stack.push(to(state));
                    }
                }
                State::Match => return (out, thread.found),
            }
        }
        (out, key.best)
    }
}

/// Whether an assertion holds between two bytes; none is the end of the line.
pub(super) fn holds(look: Look, before: Option<Kind>, next: Option<Kind>) -> bool {
    let (left, right) = (before == Some(Kind::Word), next == Some(Kind::Word));
    match look {
        Look::Start | Look::StartLF | Look::StartCRLF => before.is_none(),
        Look::End | Look::EndLF | Look::EndCRLF => next.is_none(),
        Look::WordAscii | Look::WordUnicode => left != right,
        Look::WordAsciiNegate | Look::WordUnicodeNegate => left == right,
        Look::WordStartAscii | Look::WordStartUnicode => !left && right,
        Look::WordEndAscii | Look::WordEndUnicode => left && !right,
        Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !left,
        Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !right,
    }
}
