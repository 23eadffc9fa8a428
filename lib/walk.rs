//! Groups of a match, found by walking the pattern.
//!
//! An automaton tells quickly whether a line matches, but where its groups stand it tells slowly. Patterns of log lines are mostly
//! literal text, which a walk with ways back takes in long steps. It has a budget linear in the text's length; where that does not
//! suffice, or for a pattern that can't be walked, the caller asks the automaton.
//!
//! What the syntax of `regex` can't say may be said by groups of certain names, each with a number to make it unlike others:
//! `_1_ahead`, `_1_notahead`, `_1_behind`, `_1_notbehind` (what stands around), `_1_same_NAME` (what the group NAME holds, once more),
//! and `_1_if_NAME` with `_2_yes` and `_3_no` in it (the one if the group NAME took part, else the other).

use memchr::memmem::Finder;
use regex_syntax::hir::Look;

mod build;
mod bytes;
mod go;
#[cfg(test)]
mod tests;

use self::bytes::{Bytes, Set};

/// A pattern that comes to more nodes is not walked.
const MAX_NODES: usize = 20_000;
/// Units of work for a text of no length, and for each of its bytes.
const BUDGET: (usize, usize) = (2_000, 8);

/// A pattern as a graph.
#[derive(Debug)]
pub struct Walker {
    nodes: Vec<Node>,
    /// For each node, with which bytes a text may go on from which a way leads to the end; it may also end there.
    starts: Vec<Bytes>,
    /// For each node, the first condition that every way from it meets.
    conditions: Vec<Option<usize>>,
    sets: Vec<Set>,
    first: usize,
    /// The text that every match begins with, if there is one.
    prefix: Option<Finder<'static>>,
    slots: usize,
    /// The groups that have names, by their numbers.
    names: Vec<(usize, String)>,
    /// Whether every match begins at the text's beginning.
    anchored: bool,
    /// Units of work for a text, beside those for each of its bytes.
    budget: usize,
}

#[derive(Debug)]
enum Node {
    Literal {
        text: Box<[u8]>,
        /// Where in it the byte stands that is found least elsewhere.
        rare: usize,
        next: usize,
    },
    One {
        set: usize,
        next: usize,
    },
    /// As many bytes of a set as there are, or as few as will do.
    Many {
        set: usize,
        /// None where this text begins.
        until: Option<Box<Finder<'static>>>,
        least: usize,
        most: usize,
        greedy: bool,
        /// What follows can't begin with a byte of the set: it stands behind all of them or nowhere.
        alone: bool,
        next: usize,
    },
    /// The first way, and if that leads nowhere the second.
    Either {
        first: usize,
        second: usize,
    },
    Save {
        slot: usize,
        next: usize,
    },
    Look {
        look: Look,
        next: usize,
    },
    /// Whether a way leads from `first` to the end of what is looked for, `back` bytes before this place.
    Around {
        first: usize,
        back: usize,
        negated: bool,
        next: usize,
    },
    /// By the one way if the group took part, else by the other.
    If {
        group: usize,
        yes: usize,
        no: usize,
    },
    /// Only where this text stands somewhere in the rest.
    Needs {
        text: Box<Finder<'static>>,
        next: usize,
    },
    /// What the group holds, once more.
    Same {
        group: usize,
        next: usize,
    },
    Done,
}

/// A way back.
#[derive(Debug)]
enum Back {
    To {
        node: usize,
        at: usize,
    },
    /// Any place from `low` to `high`, the last one first if it is greedy.
    Any {
        node: usize,
        low: usize,
        high: usize,
        greedy: bool,
    },
    Slot {
        slot: usize,
        was: Option<usize>,
    },
}

/// What a walk needs, to be used again.
#[derive(Debug, Default)]
pub struct Walk {
    slots: Vec<Option<usize>>,
    backs: Vec<Back>,
}

impl Walk {
    /// Where group `number` stands, after a walk that arrived; 0 is the whole match.
    pub fn group(&self, number: usize) -> Option<(usize, usize)> {
        let slot = |n| self.slots.get(n).copied().flatten();
        slot(2 * number).zip(slot(2 * number + 1))
    }

    /// Goes back to where `base` ways back were there, what was noted since is forgotten.
    fn undo(&mut self, base: usize) {
        while self.backs.len() > base {
            if let Some(Back::Slot { slot, was }) = self.backs.pop() {
                self.slots[slot] = was;
            }
        }
    }
}

impl Walker {
    /// Gives it this budget, for a pattern that only a walk can tell.
    pub fn with_budget(mut self, budget: usize) -> Walker {
        self.budget = budget;
        self
    }

    /// Whether every match begins at the text's beginning.
    pub fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// The groups that have names, by their numbers.
    pub fn names(&self) -> &[(usize, String)] {
        &self.names
    }

    /// Walks `text` from `start`: whether a match begins there, its groups in `walk`. `None`: the budget did not suffice.
    pub fn walk(&self, text: &[u8], start: usize, walk: &mut Walk) -> Option<bool> {
        let mut budget = self.budget + BUDGET.1 * text.len();
        self.walk_from(text, start, walk, &mut budget)
    }

    /// Looks for the first match in `text`, as [`walk`](Self::walk) does; `None` also where it is not known where one may begin.
    pub fn search(&self, text: &[u8], walk: &mut Walk) -> Option<bool> {
        let mut budget = self.budget + BUDGET.1 * text.len();
        if self.anchored {
            return self.walk_from(text, 0, walk, &mut budget);
        }
        let prefix = self.prefix.as_ref()?;
        for start in prefix.find_iter(text) {
            if self.walk_from(text, start, walk, &mut budget)? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn walk_from(
        &self,
        text: &[u8],
        start: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<bool> {
        walk.slots.clear();
        walk.slots.resize(self.slots, None);
        walk.backs.clear();
        let end = self.go(text, self.first, start, walk, budget)?;
        if let Some(end) = end {
            walk.slots[0] = Some(start);
            walk.slots[1] = Some(end);
        }
        Some(end.is_some())
    }
}
