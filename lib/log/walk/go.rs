//! The walk itself.

use memchr::{memchr, memrchr};
use regex_syntax::hir::Look;

use super::forks::Way;
use super::{ANY, Back, Id, Node, Places, Taken, Text, Walk, Walker};

impl Walker {
    /// Goes from a node to the end: where in the text that is reached, if it is. The ways back that were there before stay.
    ///
    /// With `LOOKS`, the walk notes how far it looked.
    pub(super) fn go<const LOOKS: bool>(
        &self,
        text: &[u8],
        first: Id,
        start: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<Option<usize>> {
        let base = walk.backs.len();
        let (mut node, mut at) = (first, start);
        let mut left = *budget;
        loop {
            left = left.checked_sub(1)?;
            if LOOKS {
                self.look(text, node, at, walk);
            }
            let on = match self.nodes[usize::from(node)] {
                Node::Literal {
                    text: literal,
                    next,
                } => {
                    let literal = self.literal(literal);
                    begins(&text[at..], literal).then(|| {
                        at += literal.len();
                        next
                    })
                }
                Node::One { set, next } => match text.get(at) {
                    Some(b) if self.sets[usize::from(set)].has(*b) => {
                        at += 1;
                        Some(next)
                    }
                    _ => None,
                },
                Node::Many {
                    set,
                    least,
                    most,
                    taken,
                    then,
                    next,
                } => {
                    let most = if most == ANY { usize::MAX } else { most.into() };
                    let run = self.sets[usize::from(set)].run(&text[at..], most);
                    left = left.checked_sub(run / 4)?;
                    if run < least.into() {
                        None
                    } else if taken == Taken::All {
                        at += run;
                        Some(next)
                    } else {
                        let places = Places {
                            node: next,
                            then,
                            low: at as u32 + u32::from(least),
                            high: (at + run) as u32,
                            greedy: taken == Taken::Most,
                        };
                        let (place, passed) = self.any(text, places, walk);
                        left = left.checked_sub(passed)?;
                        place.map(|place| {
                            at = place;
                            next
                        })
                    }
                }
                Node::Caught {
                    set,
                    least,
                    slot,
                    next,
                } => {
                    let run = self.sets[usize::from(set)].run(&text[at..], usize::MAX);
                    left = left.checked_sub(run / 4)?;
                    (run >= least.into()).then(|| {
                        walk.save(slot, at);
                        at += run;
                        walk.save(slot + 1, at);
                        next
                    })
                }
                Node::Octets { next } => octets(&text[at..]).map(|length| {
                    at += length;
                    next
                }),
                Node::Either { row, .. } => match self.forks.way(row, text.get(at)) {
                    Way::Nowhere => None,
                    Way::To(node) => Some(node),
                    Way::Both(fork) => match self.nodes[usize::from(fork)] {
                        Node::Either { first, second, row } => {
                            match self.forks.open(row, text.get(at + 1)) {
                                (true, true) => {
                                    let at = at as u32;
                                    walk.backs.push(Back::To { node: second, at });
                                    Some(first)
                                }
                                (true, false) => Some(first),
                                (false, true) => Some(second),
                                (false, false) => None,
                            }
                        }
                        _ => None,
                    },
                },
                Node::Save { slot, next } => {
                    walk.save(slot, at);
                    Some(next)
                }
                Node::Look { look, next } => holds(look, text, at).then_some(next),
                Node::Close { next } => matches!(text[at..], [] | [b'\n']).then(|| {
                    at = text.len();
                    next
                }),
                Node::Around {
                    first,
                    back,
                    negated,
                    next,
                } => {
                    let found = match at.checked_sub(back.into()) {
                        Some(from) => self.around(text, first, from, walk, &mut left)?,
                        None => false,
                    };
                    (found != negated).then_some(next)
                }
                Node::If { group, yes, no } => {
                    let took_part = walk.group(group.into()).is_some();
                    Some(if took_part { yes } else { no })
                }
                Node::Needs { text: needed, next } => {
                    left = left.checked_sub((text.len() - at) / 16)?;
                    let needed = &self.needed[usize::from(needed)];
                    needed.find(&text[at..]).map(|_| next)
                }
                Node::Same { group, next } => match walk.group(group.into()) {
                    Some((from, to)) if text[at..].starts_with(&text[from..to]) => {
                        left = left.checked_sub((to - from) / 16)?;
                        at += to - from;
                        Some(next)
                    }
                    _ => None,
                },
                Node::Done => {
                    *budget = left;
                    return Some(Some(at));
                }
            };
            if let Some(on) = on {
                node = on;
                continue;
            }
            // The last way back that is worth a try.
            loop {
                if walk.backs.len() == base {
                    *budget = left;
                    return Some(None);
                }
                match walk.backs.pop() {
                    Some(Back::Slot { slot, was }) => walk.slots[usize::from(slot)] = was,
                    Some(Back::To {
                        node: on,
                        at: place,
                    }) => {
                        (node, at) = (on, place as usize);
                        break;
                    }
                    Some(Back::Any(places)) => {
                        let (place, passed) = self.any(text, places, walk);
                        left = left.checked_sub(passed)?;
                        if let Some(place) = place {
                            (node, at) = (places.node, place);
                            break;
                        }
                    }
                    None => return Some(None),
                }
            }
        }
    }

    /// Whether a way leads to the end from this node and place; what it notes is forgotten.
    fn around(
        &self,
        text: &[u8],
        first: Id,
        from: usize,
        walk: &mut Walk,
        budget: &mut usize,
    ) -> Option<bool> {
        let mark = walk.backs.len();
        // A way back to nowhere, so that notes are undone.
        let at = from as u32;
        walk.backs.push(Back::To { node: 0, at });
        let found = self.go::<false>(text, first, from, walk, budget)?;
        walk.undo(mark);
        Some(found.is_some())
    }

    fn literal(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        &self.texts[start..start + usize::from(text.length)]
    }

    /// The first of these places that is worth a try, and the work that it was to find it; the others are noted as a way back.
    fn any(&self, text: &[u8], places: Places, walk: &mut Walk) -> (Option<usize>, usize) {
        let place = self.worth_a_try(text, &places);
        let Places {
            low, high, greedy, ..
        } = places;
        let passed = match place {
            Some(place) if greedy => high - place,
            Some(place) => place - low,
            None => high - low,
        };
        if let Some(place) = place
            && place != if greedy { low } else { high }
        {
            let (low, high) = if greedy {
                (low, place - 1)
            } else {
                (place + 1, high)
            };
            walk.backs.push(Back::Any(Places {
                low,
                high,
                ..places
            }));
        }
        (place.map(|place| place as usize), passed as usize / 16)
    }

    /// The first of these places where what is to follow may begin: one where its first byte stands as it should, or,
    /// where a literal is to follow, the rarest one of that.
    fn worth_a_try(&self, text: &[u8], places: &Places) -> Option<u32> {
        let starts = &self.sets[usize::from(places.then)];
        let nearest = if places.greedy {
            places.high
        } else {
            places.low
        };
        let (low, high) = (places.low as usize, places.high as usize);
        let first = text.get(nearest as usize);
        if first.is_some_and(|b| starts.has(*b)) {
            return Some(nearest);
        }
        let on = |i: usize| (low + i) as u32;
        if let Some(literal) = literal_at(&self.nodes, places.node) {
            let rare = usize::from(literal.rare);
            let byte = self.literal(literal)[rare];
            let places_of = text.get(low + rare..text.len().min(high + rare + 1))?;
            let found = if places.greedy {
                memrchr(byte, places_of)
            } else {
                memchr(byte, places_of)
            };
            return found.map(on);
        }
        // At the text's end no byte tells.
        let end = (high == text.len()).then_some(places.high);
        let bytes = &text[low..if end.is_some() { high } else { high + 1 }];
        let starts = |b: &u8| starts.has(*b);
        if places.greedy {
            end.or_else(|| bytes.iter().rposition(starts).map(on))
        } else {
            bytes.iter().position(starts).map(on).or(end)
        }
    }
}

/// The literal that must stand where `node` is reached.
pub(super) fn literal_at(nodes: &[Node], mut node: Id) -> Option<Text> {
    loop {
        match nodes[usize::from(node)] {
            Node::Save { next, .. } | Node::Needs { next, .. } => node = next,
            Node::Literal { text, .. } => return Some(text),
            _ => return None,
        }
    }
}

/// Whether a text begins so; most texts do not, or with a few bytes, for which a call would be dear.
#[inline]
fn begins(text: &[u8], literal: &[u8]) -> bool {
    let Some(text) = text.get(..literal.len()) else {
        return false;
    };
    let (eights, rest) = literal.as_chunks::<8>();
    let (text_eights, text_rest) = text.as_chunks::<8>();
    let same = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
    eights.iter().zip(text_eights).all(same) && rest.iter().eq(text_rest)
}

/// No more bytes than these are looked at for three numbers of up to three digits, with their points.
pub(super) const OCTETS: usize = 12;

/// The length of three numbers of up to three digits, each with a point behind it.
fn octets(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for _ in 0..3 {
        let digits = text[at..].iter().take(3);
        let run = digits.take_while(|b| b.is_ascii_digit()).count();
        at += run + 1;
        if run == 0 || text.get(at - 1) != Some(&b'.') {
            return None;
        }
    }
    Some(at)
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
