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
use memchr::{memchr, memrchr};
use regex_syntax::hir::Look;

mod build;
#[cfg(test)]
mod tests;

/// A pattern that comes to more nodes is not walked.
const MAX_NODES: usize = 20_000;
/// Units of work for a text of no length, and for each of its bytes.
const BUDGET: (usize, usize) = (2_000, 8);

/// A pattern as a graph.
#[derive(Debug)]
pub struct Walker {
    nodes: Vec<Node>,
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

#[derive(Debug, PartialEq)]
struct Set {
    has: [bool; 256],
    /// The only byte that is not in it.
    but: Option<u8>,
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
        least: usize,
        most: usize,
        greedy: bool,
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

    /// Goes from a node to the end: where in the text that is reached, if it is. The ways back that were there before stay.
    fn go(
        &self,
        text: &[u8],
        first: usize,
        start: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<Option<usize>> {
        let base = walk.backs.len();
        let (mut node, mut at) = (first, start);
        loop {
            *budget = budget.checked_sub(1)?;
            let on = match &self.nodes[node] {
                Node::Literal {
                    text: literal,
                    next,
                    ..
                } => {
                    // Most fail at once, and the first byte tells.
                    let there = text.get(at) == literal.first();
                    (there && text[at..].starts_with(literal)).then(|| {
                        at += literal.len();
                        *next
                    })
                }
                Node::One { set, next } => match text.get(at) {
                    Some(b) if self.sets[*set].has[usize::from(*b)] => {
                        at += 1;
                        Some(*next)
                    }
                    _ => None,
                },
                Node::Many {
                    set,
                    least,
                    most,
                    greedy,
                    next,
                } => {
                    let set = &self.sets[*set];
                    let rest = &text[at..];
                    let rest = &rest[..rest.len().min(*most)];
                    let run = match set.but {
                        Some(end) => memchr(end, rest),
                        None => rest.iter().position(|b| !set.has[usize::from(*b)]),
                    };
                    let run = run.unwrap_or(rest.len());
                    *budget = budget.checked_sub(run / 4)?;
                    if run >= *least {
                        walk.backs.push(Back::Any {
                            node: *next,
                            low: at + least,
                            high: at + run,
                            greedy: *greedy,
                        });
                    }
                    // The place to go on from is chosen by what follows.
                    None
                }
                Node::Either { first, second } => {
                    walk.backs.push(Back::To { node: *second, at });
                    Some(*first)
                }
                Node::Save { slot, next } => {
                    let was = walk.slots[*slot].replace(at);
                    walk.backs.push(Back::Slot { slot: *slot, was });
                    Some(*next)
                }
                Node::Look { look, next } => holds(*look, text, at).then_some(*next),
                Node::Around {
                    first,
                    back,
                    negated,
                    next,
                } => {
                    let found = match at.checked_sub(*back) {
                        Some(from) => {
                            let mark = walk.backs.len();
                            let found = self.go(text, *first, from, walk, budget)?;
                            walk.undo(mark);
                            found.is_some()
                        }
                        None => false,
                    };
                    (found != *negated).then_some(*next)
                }
                Node::If { group, yes, no } => {
                    let took_part = walk.group(*group).is_some();
                    Some(if took_part { *yes } else { *no })
                }
                Node::Same { group, next } => match walk.group(*group) {
                    Some((from, to)) if text[at..].starts_with(&text[from..to]) => {
                        *budget = budget.checked_sub((to - from) / 16)?;
                        at += to - from;
                        Some(*next)
                    }
                    _ => None,
                },
                Node::Done => return Some(Some(at)),
            };
            if let Some(on) = on {
                node = on;
                continue;
            }
            loop {
                if walk.backs.len() == base {
                    return Some(None);
                }
                let Some(back) = walk.backs.pop() else {
                    return Some(None);
                };
                match back {
                    Back::Slot { slot, was } => walk.slots[slot] = was,
                    Back::To {
                        node: to,
                        at: place,
                    } => {
                        (node, at) = (to, place);
                        break;
                    }
                    Back::Any {
                        node: to,
                        low,
                        high,
                        greedy,
                    } => {
                        let place = self.worth_a_try(to, text, low, high, greedy);
                        let passed = match place {
                            Some(place) if greedy => high - place,
                            Some(place) => place - low,
                            None => high - low,
                        };
                        *budget = budget.checked_sub(passed / 16)?;
                        let Some(place) = place else { continue };
                        if place != if greedy { low } else { high } {
                            let (low, high) = if greedy {
                                (low, place - 1)
                            } else {
                                (place + 1, high)
                            };
                            walk.backs.push(Back::Any {
                                node: to,
                                low,
                                high,
                                greedy,
                            });
                        }
                        (node, at) = (to, place);
                        break;
                    }
                }
            }
        }
    }

    /// The literal that must stand where `node` is reached, and where its rarest byte is.
    fn literal_at(&self, mut node: usize) -> Option<(&[u8], usize)> {
        while let Node::Save { next, .. } = &self.nodes[node] {
            node = *next;
        }
        match &self.nodes[node] {
            Node::Literal { text, rare, .. } => Some((text, *rare)),
            _ => None,
        }
    }

    /// The place from `low` to `high`, the last or the first, from which to go on to `node`; where a literal is to
    /// follow, only one where its rarest byte stands as it should.
    fn worth_a_try(
        &self,
        node: usize,
        text: &[u8],
        low: usize,
        high: usize,
        last: bool,
    ) -> Option<usize> {
        let Some((literal, rare)) = self.literal_at(node) else {
            return Some(if last { high } else { low });
        };
        let places = text.get(low + rare..text.len().min(high + rare + 1))?;
        let found = if last {
            memrchr(literal[rare], places)
        } else {
            memchr(literal[rare], places)
        };
        found.map(|i| low + i)
    }
}

fn holds(look: Look, text: &[u8], at: usize) -> bool {
    let word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = at.checked_sub(1).and_then(|i| text.get(i));
    let after = text.get(at);
    match look {
        Look::Start => at == 0,
        Look::End => at == text.len(),
        Look::StartLF => before.is_none_or(|b| *b == b'\n'),
        Look::EndLF => after.is_none_or(|b| *b == b'\n'),
        Look::WordAscii => word(before) != word(after),
        Look::WordAsciiNegate => word(before) == word(after),
        Look::WordStartHalfAscii => !word(before),
        Look::WordEndHalfAscii => !word(after),
        _ => false,
    }
}
