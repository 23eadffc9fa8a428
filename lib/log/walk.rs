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
mod forks;
mod go;
mod recall;
#[cfg(test)]
mod tests;

pub use self::bytes::Bytes;
use self::bytes::Set;
use self::forks::Forks;
pub use self::recall::Recall;

/// Units of work for a text of no length, and for each of its bytes.
const BUDGET: (usize, usize) = (2_000, 8);

/// A node's number, or that of what it refers to.
type Id = u16;

/// A pattern as a graph. Many are walked in turn, so they are kept small: what is asked for again is near at hand then.
#[derive(Debug)]
pub struct Walker {
    nodes: Vec<Node>,
    forks: Forks,
    sets: Vec<Set>,
    /// All literals, one behind the other.
    texts: Vec<u8>,
    needed: Vec<Finder<'static>>,
    first: Id,
    /// The bytes that a match may begin with, if it begins with one.
    starts: Bytes,
    /// Where all that is left of a line is taken, if that is the pattern's end; and the first slot of the group that it is.
    tail: Option<(Id, u16)>,
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

#[derive(Clone, Copy, Debug)]
enum Node {
    Literal {
        text: Text,
        next: Id,
    },
    One {
        set: Id,
        next: Id,
    },
    /// As many bytes of a set as there are, or as few as will do.
    Many {
        set: Id,
        least: u16,
        most: u16,
        taken: Taken,
        /// The bytes that what follows may begin with.
        then: Id,
        next: Id,
    },
    /// A group that is all the bytes of a set that stand here, as in [`Taken::All`].
    Caught {
        set: Id,
        least: u16,
        slot: u16,
        next: Id,
    },
    /// The first three numbers of a dotted quad, with their points.
    Octets {
        next: Id,
    },
    /// The first way, and if that leads nowhere the second.
    Either {
        first: Id,
        second: Id,
        /// Its row in [`Forks`].
        row: u32,
    },
    Save {
        slot: u16,
        next: Id,
    },
    Look {
        look: Look,
        next: Id,
    },
    /// At the text's end, or before a newline that ends it, which is taken then: what `$` is written as.
    Close {
        next: Id,
    },
    /// Whether a way leads from `first` to the end of what is looked for, `back` bytes before this place.
    Around {
        first: Id,
        back: u16,
        negated: bool,
        next: Id,
    },
    /// By the one way if the group took part, else by the other.
    If {
        group: u16,
        yes: Id,
        no: Id,
    },
    /// Only where this text stands somewhere in the rest.
    Needs {
        text: Id,
        next: Id,
    },
    /// What the group holds, once more.
    Same {
        group: u16,
        next: Id,
    },
    Done,
}

/// Where in the texts a literal stands.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: u32,
    length: u16,
    /// Where in it the byte stands that is found least elsewhere.
    rare: u16,
}

/// How many of the bytes that could be taken are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Taken {
    /// All: what follows can't begin with one of them.
    All,
    /// As many as will do.
    Most,
    /// As few as will do.
    Least,
}

/// No bound.
const ANY: u16 = u16::MAX;

/// A way back.
#[derive(Debug)]
enum Back {
    To { node: Id, at: u32 },
    Any(Places),
    Slot { slot: u16, was: u32 },
}

/// Places from which a way goes on to a node, where one of the bytes of `then` stands: any from `low` to `high`.
#[derive(Clone, Copy, Debug)]
struct Places {
    node: Id,
    then: Id,
    low: u32,
    high: u32,
    /// The last one first.
    greedy: bool,
}

/// The value of a slot whose group did not take part.
const UNSET: u32 = u32::MAX;

/// What a walk needs, to be used again.
#[derive(Debug, Default)]
pub struct Walk {
    slots: Vec<u32>,
    backs: Vec<Back>,
    /// How far a walk looked that noted it.
    looked_at: usize,
}

impl Walk {
    /// Where group `number` stands, after a walk that arrived; 0 is the whole match.
    pub fn group(&self, number: usize) -> Option<(usize, usize)> {
        let slot = |n| self.slots.get(n).copied().filter(|at| *at != UNSET);
        let (start, end) = slot(2 * number).zip(slot(2 * number + 1))?;
        Some((start as usize, end as usize))
    }

    #[inline]
    fn save(&mut self, slot: u16, at: usize) {
        let place = &mut self.slots[usize::from(slot)];
        let was = std::mem::replace(place, at as u32);
        // Where no way leads back, nobody asks what it was.
        if !self.backs.is_empty() {
            self.backs.push(Back::Slot { slot, was });
        }
    }

    /// Goes back to where `base` ways back were there, what was noted since is forgotten.
    fn undo(&mut self, base: usize) {
        while self.backs.len() > base {
            if let Some(Back::Slot { slot, was }) = self.backs.pop() {
                self.slots[usize::from(slot)] = was;
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
        self.walk_from::<false>(text, start, walk, &mut budget)
    }

    /// Walks `text` from its beginning, and notes in `walk` how far it looked.
    pub fn walk_and_look(&self, text: &[u8], walk: &mut Walk) -> Option<bool> {
        let mut budget = self.budget + BUDGET.1 * text.len();
        walk.looked_at = 0;
        self.walk_from::<true>(text, 0, walk, &mut budget)
    }

    /// Looks for the first match in `text`, as [`walk`](Self::walk) does; `None` also where it is not known where one may begin.
    pub fn search(&self, text: &[u8], walk: &mut Walk) -> Option<bool> {
        let mut budget = self.budget + BUDGET.1 * text.len();
        if self.anchored {
            return self.walk_from::<false>(text, 0, walk, &mut budget);
        }
        let prefix = self.prefix.as_ref()?;
        for start in prefix.find_iter(text) {
            if self.walk_from::<false>(text, start, walk, &mut budget)? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Looks for the first match in `text` that begins at `from` or later, wherever that is. `None`: the budget did not suffice.
    pub fn search_from(&self, text: &[u8], from: usize, walk: &mut Walk) -> Option<bool> {
        let mut budget = self.budget + BUDGET.1 * text.len();
        let last = if self.anchored { from } else { text.len() };
        for start in from..=last {
            let begins = text.get(start).is_none_or(|b| self.starts.has(*b));
            if begins && self.walk_from::<false>(text, start, walk, &mut budget)? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn walk_from<const LOOKS: bool>(
        &self,
        text: &[u8],
        start: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<bool> {
        if text.len() >= UNSET as usize {
            return None;
        }
        if self.anchored && start > 0 {
            return Some(false);
        }
        walk.slots.clear();
        walk.slots.resize(self.slots, UNSET);
        walk.backs.clear();
        let end = self.go::<LOOKS>(text, self.first, start, walk, budget)?;
        if let Some(end) = end {
            walk.slots[0] = start as u32;
            walk.slots[1] = end as u32;
        }
        Some(end.is_some())
    }
}
