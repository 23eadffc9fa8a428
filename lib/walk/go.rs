//! The walk itself.

use memchr::{memchr, memrchr};
use regex_syntax::hir::Look;

use super::{Back, Node, Walk, Walker};

impl Walker {
    /// Goes from a node to the end: where in the text that is reached, if it is. The ways back that were there before stay.
    pub(super) fn go(
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
                    Some(b) if self.sets[*set].has(*b) => {
                        at += 1;
                        Some(*next)
                    }
                    _ => None,
                },
                Node::Many {
                    set,
                    until,
                    least,
                    most,
                    greedy,
                    alone,
                    next,
                } => {
                    let rest = &text[at..];
                    let mut run = self.sets[*set].run(&rest[..rest.len().min(*most)]);
                    if let Some(until) = until {
                        let end = rest.len().min(run + until.needle().len() - 1);
                        run = until.find(&rest[..end]).unwrap_or(run);
                    }
                    *budget = budget.checked_sub(run / 4)?;
                    if run < *least {
                        None
                    } else if *alone {
                        at += run;
                        Some(*next)
                    } else {
                        walk.backs.push(Back::Any {
                            node: *next,
                            low: at + least,
                            high: at + run,
                            greedy: *greedy,
                        });
                        // The place to go on from is chosen by what follows.
                        None
                    }
                }
                Node::Either { first, second } => match text.get(at) {
                    Some(b) if !self.starts[*first].has(*b) => {
                        self.starts[*second].has(*b).then_some(*second)
                    }
                    Some(b) if !self.starts[*second].has(*b) => Some(*first),
                    _ => {
                        walk.backs.push(Back::To { node: *second, at });
                        Some(*first)
                    }
                },
                Node::Save { slot, next } => {
                    let was = walk.slots[*slot].replace(at);
                    // Where no way leads back, nobody asks what it was.
                    if !walk.backs.is_empty() {
                        walk.backs.push(Back::Slot { slot: *slot, was });
                    }
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
                        Some(from) => self.around(text, *first, from, walk, budget)?,
                        None => false,
                    };
                    (found != *negated).then_some(*next)
                }
                Node::If { group, yes, no } => {
                    let took_part = walk.group(*group).is_some();
                    Some(if took_part { *yes } else { *no })
                }
                Node::Needs { text: needed, next } => {
                    *budget = budget.checked_sub((text.len() - at) / 16)?;
                    needed.find(&text[at..]).map(|_| *next)
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
            match self.back(text, base, walk, budget)? {
                Some(place) => (node, at) = place,
                None => return Some(None),
            }
        }
    }

    /// Whether a way leads to the end from this node and place; what it notes is forgotten.
    fn around(
        &self,
        text: &[u8],
        first: usize,
        from: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<bool> {
        let mark = walk.backs.len();
        // A way back to nowhere, so that notes are undone.
        walk.backs.push(Back::To { node: 0, at: from });
        let found = self.go(text, first, from, walk, budget)?;
        walk.undo(mark);
        Some(found.is_some())
    }

    /// The node and place of the last way back that is worth a try, of those after the first `base`.
    fn back(
        &self,
        text: &[u8],
        base: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<Option<(usize, usize)>> {
        while walk.backs.len() > base {
            match walk.backs.pop() {
                None => break,
                Some(Back::Slot { slot, was }) => walk.slots[slot] = was,
                Some(Back::To { node, at }) => return Some(Some((node, at))),
                Some(Back::Any {
                    node,
                    low,
                    high,
                    greedy,
                }) => {
                    let place = self.worth_a_try(node, text, low, high, greedy);
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
                            node,
                            low,
                            high,
                            greedy,
                        });
                    }
                    return Some(Some((node, place)));
                }
            }
        }
        Some(None)
    }

    /// The literal that must stand where `node` is reached, and where its rarest byte is.
    pub(super) fn literal_at(&self, mut node: usize) -> Option<(&[u8], usize)> {
        while let Node::Save { next, .. } | Node::Needs { next, .. } = &self.nodes[node] {
            node = *next;
        }
        match &self.nodes[node] {
            Node::Literal { text, rare, .. } => Some((text, *rare)),
            _ => None,
        }
    }

    /// The place from `low` to `high`, the last or the first, from which to go on to `node`: one where its first byte stands as
    /// it should, or, where a literal is to follow, the rarest one of that.
    fn worth_a_try(
        &self,
        node: usize,
        text: &[u8],
        low: usize,
        high: usize,
        last: bool,
    ) -> Option<usize> {
        if let Some((literal, rare)) = self.literal_at(node) {
            let places = text.get(low + rare..text.len().min(high + rare + 1))?;
            let found = if last {
                memrchr(literal[rare], places)
            } else {
                memchr(literal[rare], places)
            };
            return found.map(|i| low + i);
        }
        let starts = &self.starts[node];
        // At the text's end no byte tells.
        let end = (high == text.len()).then_some(high);
        let places = &text[low..end.unwrap_or(high + 1)];
        let starts = |b: &u8| starts.has(*b);
        if last {
            end.or_else(|| places.iter().rposition(starts).map(|i| low + i))
        } else {
            places.iter().position(starts).map(|i| low + i).or(end)
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
