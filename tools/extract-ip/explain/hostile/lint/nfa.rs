//! A pattern as a nondeterministic automaton, in one of two meanings.

use regex_syntax::hir::{Hir, HirKind, Look};

use super::parts::{Bytes, Parts, bytes, is_escape_aware, is_run, sample};

/// More states are too many.
const MAX_STATES: usize = 3000;

/// A state.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// One of these bytes; `holds_address`: or an address, all of whose bytes are among them.
    Byte {
        set: usize,
        holds_address: bool,
        next: usize,
    },
    /// Any byte of a text that the remote party writes, or an address.
    Free(usize),
    /// The address that the pattern names.
    Address(usize),
    /// The first of these that goes on, in this order.
    Split(Vec<usize>),
    Look(Look, usize),
    Match,
}

/// The meaning of a pattern.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// The lines in which it is found.
    Search,
    /// The lines that the service writes, where a remote party chooses each run of free text.
    Service,
}

/// An automaton. It begins at state `start`.
pub(super) struct Nfa {
    pub(super) states: Vec<State>,
    pub(super) sets: Vec<Bytes>,
    pub(super) start: usize,
    /// Whether a count was too large, and a smaller one stands for it.
    pub(super) is_capped: bool,
}

/// The pattern has too many states.
#[derive(Debug)]
pub(super) struct TooLarge;

/// Builds automata.
struct Builder<'a> {
    nfa: Nfa,
    meaning: Meaning,
    is_address: fn(&Hir) -> bool,
    parts: &'a Parts,
    /// Counts beyond this are taken for this.
    cap: u32,
}

impl Nfa {
    /// The automaton of a pattern that may begin and end anywhere in a line. Large counts are made
    /// smaller where there would be too many states.
    pub(super) fn new(parts: &Parts, meaning: Meaning) -> Result<Nfa, TooLarge> {
        let build = |cap| {
            let mut builder = Builder {
                nfa: Nfa {
                    states: Vec::new(),
                    sets: Vec::new(),
                    start: 0,
                    is_capped: false,
                },
                meaning,
                is_address: parts.is_address,
                parts,
                cap,
            };
            builder.whole()?;
            Ok(builder.nfa)
        };
        let mut nfa = Err(TooLarge);
        for cap in [u32::MAX, 64, 16, 4] {
            nfa = build(cap);
            if nfa.is_ok() {
                break;
            }
        }
        nfa
    }

    fn push(&mut self, state: State) -> Result<usize, TooLarge> {
        if self.states.len() >= MAX_STATES {
            return Err(TooLarge);
        }
        self.states.push(state);
        Ok(self.states.len() - 1)
    }

    fn set(&mut self, set: Bytes) -> usize {
        let known = self.sets.iter().position(|s| *s == set);
        known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        })
    }
}

impl Builder<'_> {
    /// The pattern between texts of any kind. Automata are built from their end.
    fn whole(&mut self) -> Result<(), TooLarge> {
        let mut next = self.nfa.push(State::Match)?;
        if self.meaning == Meaning::Service {
            next = self.free(next, false)?;
        }
        for (i, item) in self.parts.items.iter().enumerate().rev() {
            let is_fixed = self.meaning == Meaning::Service && i < self.parts.head;
            next = match item.kind() {
                HirKind::Look(_) => self.build(item, next, false)?,
                // One head is as good as another: nothing there is the remote party's.
                _ if is_fixed => self.build(&Hir::literal(sample(item)), next, false)?,
                _ => self.build(item, next, false)?,
            };
        }
        self.nfa.start = match self.meaning {
            Meaning::Service => self.free(next, false)?,
            Meaning::Search => {
                let any = self.nfa.set([true; 256]);
                let split = self.nfa.push(State::Split(Vec::new()))?;
                let byte = self.byte(any, false, split)?;
                self.nfa.states[split] = State::Split(vec![next, byte]);
                split
            }
        };
        Ok(())
    }

    fn byte(&mut self, set: usize, holds_address: bool, next: usize) -> Result<usize, TooLarge> {
        self.nfa.push(State::Byte {
            set,
            holds_address,
            next,
        })
    }

    /// A run of free text.
    fn free(&mut self, next: usize, not_empty: bool) -> Result<usize, TooLarge> {
        let split = self.nfa.push(State::Split(Vec::new()))?;
        let free = self.nfa.push(State::Free(split))?;
        self.nfa.states[split] = State::Split(vec![next, free]);
        Ok(if not_empty { free } else { split })
    }

    /// `in_run`: a part of a text that the service escapes.
    fn build(&mut self, hir: &Hir, next: usize, in_run: bool) -> Result<usize, TooLarge> {
        if (self.is_address)(hir) {
            return self.nfa.push(State::Address(next));
        }
        match hir.kind() {
            HirKind::Empty => Ok(next),
            HirKind::Look(look) => self.nfa.push(State::Look(*look, next)),
            HirKind::Literal(literal) => {
                let mut next = next;
                for byte in literal.0.iter().rev() {
                    let mut set = [false; 256];
                    set[usize::from(*byte)] = true;
                    let set = self.nfa.set(set);
                    next = self.byte(set, false, next)?;
                }
                Ok(next)
            }
            HirKind::Class(class) => {
                let set = self.nfa.set(bytes(class));
                self.byte(set, in_run, next)
            }
            HirKind::Capture(group) => self.build(&group.sub, next, in_run),
            HirKind::Concat(all) => {
                let parts = all.iter().rev();
                parts
                    .into_iter()
                    .try_fold(next, |next, part| self.build(part, next, in_run))
            }
            HirKind::Alternation(all) => {
                let branches = all.iter().map(|part| self.build(part, next, in_run));
                let branches = branches.collect::<Result<Vec<_>, _>>()?;
                self.nfa.push(State::Split(branches))
            }
            HirKind::Repetition(repetition) => {
                let (sub, greedy) = (&*repetition.sub, repetition.greedy);
                let is_free = self.meaning == Meaning::Service;
                if is_free && !in_run && is_run(repetition) {
                    return self.free(next, repetition.min > 0);
                }
                let in_run = in_run || is_free && is_escape_aware(sub);
                let min = self.count(repetition.min);
                let max = repetition.max.map(|max| self.count(max));
                self.repeat(sub, (min, max), greedy, next, in_run)
            }
        }
    }

    fn count(&mut self, count: u32) -> u32 {
        self.nfa.is_capped |= count > self.cap;
        count.min(self.cap)
    }

    fn repeat(
        &mut self,
        sub: &Hir,
        (min, max): (u32, Option<u32>),
        greedy: bool,
        next: usize,
        in_run: bool,
    ) -> Result<usize, TooLarge> {
        let split = |one, next| match greedy {
            true => State::Split(vec![one, next]),
            false => State::Split(vec![next, one]),
        };
        let mut at = next;
        match max {
            Some(max) => {
                for _ in min..max {
                    let one = self.build(sub, at, in_run)?;
                    at = self.nfa.push(split(one, next))?;
                }
            }
            None => {
                let again = self.nfa.push(State::Split(Vec::new()))?;
                let one = self.build(sub, again, in_run)?;
                self.nfa.states[again] = split(one, next);
                at = again;
            }
        }
        for _ in 0..min {
            at = self.build(sub, at, in_run)?;
        }
        Ok(at)
    }
}
