//! Groups of a match, found by walking the pattern.
//!
//! An automaton tells quickly whether a line matches, but where its groups stand it tells slowly. Patterns of log lines are mostly
//! literal text, which a walk with ways back takes in long steps. It has a budget linear in the text's length; where that does not
//! suffice, or for a pattern that can't be walked, the caller asks the automaton.
//!
//! What the syntax of `regex` can't say may be said by groups of certain names, each with a number to make it unlike others:
//! `_1_ahead`, `_1_notahead`, `_1_behind`, `_1_notbehind` (what stands around), `_1_same_NAME` (what the group NAME holds, once more),
//! and `_1_if_NAME` with `_2_yes` and `_3_no` in it (the one if the group NAME took part, else the other).

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
    sets: Vec<[bool; 256]>,
    first: usize,
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
    /// Any place from `low` to `high`, the last one first or the first one first.
    Last {
        node: usize,
        low: usize,
        high: usize,
    },
    First {
        node: usize,
        low: usize,
        high: usize,
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
        walk.slots.clear();
        walk.slots.resize(self.slots, None);
        walk.backs.clear();
        let mut budget = self.budget + BUDGET.1 * text.len();
        let end = self.go(text, self.first, start, walk, &mut budget)?;
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
                } => {
                    // Most fail at once, and the first byte tells.
                    let there = text.get(at) == literal.first();
                    (there && text[at..].starts_with(literal)).then(|| {
                        at += literal.len();
                        *next
                    })
                }
                Node::One { set, next } => match text.get(at) {
                    Some(b) if self.sets[*set][usize::from(*b)] => {
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
                    let run = rest.iter().position(|b| !set[usize::from(*b)]);
                    let run = run.unwrap_or(rest.len());
                    *budget = budget.checked_sub(run / 4)?;
                    if run >= *least {
                        let (node, low, high) = (*next, at + least, at + run);
                        walk.backs.push(match greedy {
                            true => Back::Last { node, low, high },
                            false => Back::First { node, low, high },
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
                    Back::Last {
                        node: to,
                        low,
                        high,
                    } => {
                        // A literal that follows tells which places are worth a try.
                        let place = match &self.nodes[to] {
                            Node::Literal { text: literal, .. } => {
                                let end = (high + 1).min(text.len());
                                memrchr(literal[0], &text[low.min(end)..end]).map(|i| low + i)
                            }
                            _ => Some(high),
                        };
                        *budget = budget.checked_sub((high - place.unwrap_or(low)) / 16)?;
                        let Some(place) = place else { continue };
                        if place > low {
                            let high = place - 1;
                            walk.backs.push(Back::Last {
                                node: to,
                                low,
                                high,
                            });
                        }
                        (node, at) = (to, place);
                        break;
                    }
                    Back::First {
                        node: to,
                        low,
                        high,
                    } => {
                        let place = match &self.nodes[to] {
                            Node::Literal { text: literal, .. } => {
                                let end = (high + 1).min(text.len());
                                memchr(literal[0], &text[low.min(end)..end]).map(|i| low + i)
                            }
                            _ => Some(low),
                        };
                        *budget = budget.checked_sub((place.unwrap_or(high) - low) / 16)?;
                        let Some(place) = place else { continue };
                        if place < high {
                            let low = place + 1;
                            walk.backs.push(Back::First {
                                node: to,
                                low,
                                high,
                            });
                        }
                        (node, at) = (to, place);
                        break;
                    }
                }
            }
        }
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
