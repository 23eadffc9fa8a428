//! The run of a backtracker over a text.

use memchr::{memchr, memrchr};
use regex_syntax::hir::Look;

use super::branches::Branch;
use super::cache::{Cache, Frame, Positions, UNSET};
use super::node::{ANY, Greed, Id, Node, literal_at};
use super::program::Backtracker;

impl Backtracker {
    /// Whether a match begins at `start`; its groups are put into `cache`. `None` where the budget
    /// did not suffice.
    pub fn match_at(&self, text: &[u8], start: usize, cache: &mut Cache) -> Option<bool> {
        let mut budget = self.budget_for(text);
        self.start::<false>(text, start, cache, &mut budget)
    }

    /// The same at the text's beginning; notes in `cache` the end of the bytes looked at.
    pub fn match_and_note_reach(&self, text: &[u8], cache: &mut Cache) -> Option<bool> {
        let mut budget = self.budget_for(text);
        cache.looked_at = 0;
        self.start::<true>(text, 0, cache, &mut budget)
    }

    /// Finds the first match, as [`match_at`](Self::match_at) does. `None` also where it is not
    /// known which text a match begins with.
    pub fn search(&self, text: &[u8], cache: &mut Cache) -> Option<bool> {
        let mut budget = self.budget_for(text);
        if self.anchored {
            return self.start::<false>(text, 0, cache, &mut budget);
        }
        let prefix = self.prefix.as_ref()?;
        for start in prefix.find_iter(text) {
            if self.start::<false>(text, start, cache, &mut budget)? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Finds the first match that begins at `from` or later. `None` where the budget did not
    /// suffice.
    pub fn search_from(&self, text: &[u8], from: usize, cache: &mut Cache) -> Option<bool> {
        let mut budget = self.budget_for(text);
        let last = if self.anchored { from } else { text.len() };
        for start in from..=last {
            let begins = text.get(start).is_none_or(|b| self.starts.has(*b));
            if begins && self.start::<false>(text, start, cache, &mut budget)? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn start<const NOTES_REACH: bool>(
        &self,
        text: &[u8],
        start: usize,
        cache: &mut Cache,
        budget: &mut usize,
    ) -> Option<bool> {
        if text.len() >= UNSET as usize {
            return None;
        }
        if self.anchored && start > 0 {
            return Some(false);
        }
        cache.slots.clear();
        cache.slots.resize(self.slots, UNSET);
        cache.frames.clear();
        let end = self.run::<NOTES_REACH>(text, self.first, start, cache, budget)?;
        if let Some(end) = end {
            cache.slots[0] = start as u32;
            cache.slots[1] = end as u32;
        }
        Some(end.is_some())
    }

    /// Runs from a node to the pattern's end: the position in the text there, if it is reached.
    /// The frames that were there before stay.
    fn run<const NOTES_REACH: bool>(
        &self,
        text: &[u8],
        first: Id,
        start: usize,
        cache: &mut Cache,
        budget: &mut usize,
    ) -> Option<Option<usize>> {
        let base = cache.frames.len();
        let (mut node, mut at) = (first, start);
        let mut left = *budget;
        loop {
            left = left.checked_sub(1)?;
            if NOTES_REACH {
                self.note_reach(text, node, at, cache);
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
                Node::Class { set, next } => match text.get(at) {
                    Some(b) if self.sets[usize::from(set)].has(*b) => {
                        at += 1;
                        Some(next)
                    }
                    _ => None,
                },
                Node::Repeat {
                    set,
                    least,
                    most,
                    greed,
                    then,
                    next,
                } => {
                    let most = if most == ANY { usize::MAX } else { most.into() };
                    let run = self.sets[usize::from(set)].run(&text[at..], most);
                    left = left.checked_sub(run / 4)?;
                    if run < least.into() {
                        None
                    } else if greed == Greed::Possessive {
                        at += run;
                        Some(next)
                    } else {
                        let positions = Positions {
                            node: next,
                            then,
                            low: at as u32 + u32::from(least),
                            high: (at + run) as u32,
                            greedy: greed == Greed::Greedy,
                        };
                        let (place, passed) = self.first_of(text, positions, cache);
                        left = left.checked_sub(passed)?;
                        place.map(|place| {
                            at = place;
                            next
                        })
                    }
                }
                Node::CaptureRun {
                    set,
                    least,
                    slot,
                    next,
                } => {
                    let run = self.sets[usize::from(set)].run(&text[at..], usize::MAX);
                    left = left.checked_sub(run / 4)?;
                    (run >= least.into()).then(|| {
                        cache.save(slot, at);
                        at += run;
                        cache.save(slot + 1, at);
                        next
                    })
                }
                Node::ThreeOctets { next } => octets(&text[at..]).map(|length| {
                    at += length;
                    next
                }),
                Node::Split { row, .. } => match self.branches.branch(row, text.get(at)) {
                    Branch::Nowhere => None,
                    Branch::To(node) => Some(node),
                    Branch::Both(split) => match self.nodes[usize::from(split)] {
                        Node::Split { first, second, row } => {
                            match self.branches.open(row, text.get(at + 1)) {
                                (true, true) => {
                                    let at = at as u32;
                                    cache.frames.push(Frame::Resume { node: second, at });
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
                    cache.save(slot, at);
                    Some(next)
                }
                Node::Assertion { look, next } => holds(look, text, at).then_some(next),
                Node::LineEnd { next } => matches!(text[at..], [] | [b'\n']).then(|| {
                    at = text.len();
                    next
                }),
                Node::LookAround {
                    first,
                    back,
                    negated,
                    next,
                } => {
                    let found = match at.checked_sub(back.into()) {
                        Some(from) => self.around(text, first, from, cache, &mut left)?,
                        None => false,
                    };
                    (found != negated).then_some(next)
                }
                Node::Conditional { group, yes, no } => {
                    let took_part = cache.group(group.into()).is_some();
                    Some(if took_part { yes } else { no })
                }
                Node::Contains { text: needed, next } => {
                    left = left.checked_sub((text.len() - at) / 16)?;
                    let needed = &self.needed[usize::from(needed)];
                    needed.find(&text[at..]).map(|_| next)
                }
                Node::BackReference { group, next } => match cache.group(group.into()) {
                    Some((from, to)) if text[at..].starts_with(&text[from..to]) => {
                        left = left.checked_sub((to - from) / 16)?;
                        at += to - from;
                        Some(next)
                    }
                    _ => None,
                },
                Node::Match => {
                    *budget = left;
                    return Some(Some(at));
                }
            };
            if let Some(on) = on {
                node = on;
                continue;
            }
            // The last frame from which a match may go on.
            loop {
                if cache.frames.len() == base {
                    *budget = left;
                    return Some(None);
                }
                match cache.frames.pop() {
                    Some(Frame::Slot { slot, was }) => cache.slots[usize::from(slot)] = was,
                    Some(Frame::Resume {
                        node: on,
                        at: place,
                    }) => {
                        (node, at) = (on, place as usize);
                        break;
                    }
                    Some(Frame::Positions(positions)) => {
                        let (place, passed) = self.first_of(text, positions, cache);
                        left = left.checked_sub(passed)?;
                        if let Some(place) = place {
                            (node, at) = (positions.node, place);
                            break;
                        }
                    }
                    None => return Some(None),
                }
            }
        }
    }

    /// Whether a look-around matches from this node and position; its groups are forgotten.
    fn around(
        &self,
        text: &[u8],
        first: Id,
        from: usize,
        cache: &mut Cache,
        budget: &mut usize,
    ) -> Option<bool> {
        let mark = cache.frames.len();
        // A frame that is never resumed, so that slots are noted and can be undone.
        let at = from as u32;
        cache.frames.push(Frame::Resume { node: 0, at });
        let found = self.run::<false>(text, first, from, cache, budget)?;
        cache.undo(mark);
        Some(found.is_some())
    }

    /// The first of these positions from which a match may go on, and the steps that finding it
    /// cost; the others become a frame.
    fn first_of(
        &self,
        text: &[u8],
        positions: Positions,
        cache: &mut Cache,
    ) -> (Option<usize>, usize) {
        let place = self.may_go_on(text, &positions);
        let Positions {
            low, high, greedy, ..
        } = positions;
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
            cache.frames.push(Frame::Positions(Positions {
                low,
                high,
                ..positions
            }));
        }
        (place.map(|place| place as usize), passed as usize / 16)
    }

    /// The first of these positions at which the next node may begin: its first byte is there,
    /// or, before a literal, the literal's rarest byte is where it should be.
    fn may_go_on(&self, text: &[u8], positions: &Positions) -> Option<u32> {
        let starts = &self.sets[usize::from(positions.then)];
        let nearest = if positions.greedy {
            positions.high
        } else {
            positions.low
        };
        let (low, high) = (positions.low as usize, positions.high as usize);
        let first = text.get(nearest as usize);
        if first.is_some_and(|b| starts.has(*b)) {
            return Some(nearest);
        }
        let on = |i: usize| (low + i) as u32;
        if let Some(literal) = literal_at(&self.nodes, positions.node) {
            let rare = usize::from(literal.rare);
            let byte = self.literal(literal)[rare];
            let window = text.get(low + rare..text.len().min(high + rare + 1))?;
            let found = if positions.greedy {
                memrchr(byte, window)
            } else {
                memchr(byte, window)
            };
            return found.map(on);
        }
        // At the text's end no byte tells.
        let end = (high == text.len()).then_some(positions.high);
        let bytes = &text[low..if end.is_some() { high } else { high + 1 }];
        let starts = |b: &u8| starts.has(*b);
        if positions.greedy {
            end.or_else(|| bytes.iter().rposition(starts).map(on))
        } else {
            bytes.iter().position(starts).map(on).or(end)
        }
    }
}

/// Whether `text` begins with `literal`. Most texts do not, or the literal is short: a call of the
/// library would cost more than it saves.
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

/// The length of three numbers of one to three digits, each with a point behind it.
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
