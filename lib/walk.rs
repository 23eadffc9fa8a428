//! Groups of a match, found by walking the pattern.
//!
//! An automaton tells quickly whether a line matches, but where its groups stand it tells slowly. Patterns of log lines are mostly
//! literal text, so walking them with a way back costs a tenth of that. The walk has a budget linear in the text's length; where that
//! does not suffice, or for a pattern that can't be walked, the caller asks the automaton.
//!
//! What the syntax of `regex` can't say may be said by groups of certain names, each with a number to make it unlike others:
//! `_1_ahead`, `_1_notahead`, `_1_behind`, `_1_notbehind` (what stands around), `_1_same_NAME` (what the group NAME holds, once more),
//! and `_1_if_NAME` with `_2_yes` and `_3_no` in it (the one if the group NAME took part, else the other).

use memchr::{memchr, memrchr};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Class, Hir, HirKind, Look};

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
    /// `None` for what can't be walked: a repeat of what may be empty, classes of Unicode, a pattern too large.
    ///
    /// `pattern` is in the syntax of `regex::bytes` without Unicode.
    pub fn new(pattern: &str) -> Option<Walker> {
        let mut parser = ParserBuilder::new().utf8(false).unicode(false).build();
        let hir = parser.parse(pattern).ok()?;
        let properties = hir.properties();
        let mut walker = Walker {
            nodes: vec![Node::Done],
            sets: Vec::new(),
            first: 0,
            names: names(&hir),
            slots: 2 + 2 * properties.explicit_captures_len(),
            budget: BUDGET.0,
            anchored: properties.look_set_prefix().contains(Look::Start),
        };
        walker.first = walker.add(&hir, 0)?;
        Some(walker)
    }

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

    fn push(&mut self, node: Node) -> Option<usize> {
        self.nodes.push(node);
        (self.nodes.len() <= MAX_NODES).then_some(self.nodes.len() - 1)
    }

    /// Adds the nodes of `hir`, from which the way leads to `next`.
    fn add(&mut self, hir: &Hir, next: usize) -> Option<usize> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => {
                let text = literal.0.clone();
                self.push(Node::Literal { text, next })
            }
            HirKind::Class(class) => {
                let set = self.set(class)?;
                self.push(Node::One { set, next })
            }
            HirKind::Look(look) => {
                let look = *look;
                let known = [
                    Look::Start,
                    Look::End,
                    Look::StartLF,
                    Look::EndLF,
                    Look::WordAscii,
                    Look::WordAsciiNegate,
                    Look::WordStartHalfAscii,
                    Look::WordEndHalfAscii,
                ];
                known
                    .contains(&look)
                    .then(|| self.push(Node::Look { look, next }))?
            }
            HirKind::Capture(capture)
                if capture.name.as_ref().is_some_and(|n| n.starts_with('_')) =>
            {
                self.special(capture, next)
            }
            HirKind::Capture(capture) => {
                let slot = 2 * capture.index as usize;
                let end = self.push(Node::Save {
                    slot: slot + 1,
                    next,
                })?;
                let inner = self.add(&capture.sub, end)?;
                self.push(Node::Save { slot, next: inner })
            }
            HirKind::Concat(parts) => parts
                .iter()
                .rev()
                .try_fold(next, |next, p| self.add(p, next)),
            HirKind::Alternation(parts) => {
                let (last, others) = parts.split_last()?;
                let last = self.add(last, next)?;
                others.iter().rev().try_fold(last, |second, part| {
                    let first = self.add(part, next)?;
                    self.push(Node::Either { first, second })
                })
            }
            HirKind::Repetition(repeat) => {
                let (least, most) = (repeat.min as usize, repeat.max.map(|m| m as usize));
                if let HirKind::Class(class) = repeat.sub.kind() {
                    let set = self.set(class)?;
                    return self.push(Node::Many {
                        set,
                        least,
                        most: most.unwrap_or(usize::MAX),
                        greedy: repeat.greedy,
                        next,
                    });
                }
                let either = |first, second| match repeat.greedy {
                    true => Node::Either { first, second },
                    false => Node::Either {
                        first: second,
                        second: first,
                    },
                };
                let mut next = next;
                match most {
                    Some(most) => {
                        let end = next;
                        for _ in least..most {
                            let inner = self.add(&repeat.sub, next)?;
                            next = self.push(either(inner, end))?;
                        }
                    }
                    None => {
                        // Round and round with no byte taken would never end.
                        if repeat.sub.properties().minimum_len()? == 0 {
                            return None;
                        }
                        let again = self.push(Node::Done)?;
                        let inner = self.add(&repeat.sub, again)?;
                        self.nodes[again] = either(inner, next);
                        next = again;
                    }
                }
                for _ in 0..least {
                    next = self.add(&repeat.sub, next)?;
                }
                Some(next)
            }
        }
    }

    /// A group whose name says that it is none.
    fn special(&mut self, capture: &Capture, next: usize) -> Option<usize> {
        let name = capture.name.as_deref()?;
        let (_, what) = name.strip_prefix('_')?.split_once('_')?;
        let (what, of) = what.split_once('_').unwrap_or((what, ""));
        match what {
            "if" => {
                let group = self.names.iter().find(|(_, n)| n == of)?.0;
                let HirKind::Concat(ways) = capture.sub.kind() else {
                    return None;
                };
                let way = |hir: &Hir| match hir.kind() {
                    HirKind::Capture(way) => Some(way.sub.as_ref().clone()),
                    _ => None,
                };
                let [yes, no] = ways.as_slice() else {
                    return None;
                };
                let yes = self.add(&way(yes)?, next)?;
                let no = self.add(&way(no)?, next)?;
                self.push(Node::If { group, yes, no })
            }
            "same" => {
                let group = self.names.iter().find(|(_, n)| n == of)?.0;
                self.push(Node::Same { group, next })
            }
            _ => {
                let first = self.add(&capture.sub, 0)?;
                let properties = capture.sub.properties();
                let back = match what {
                    "behind" | "notbehind" => {
                        let length = properties.minimum_len()?;
                        (properties.maximum_len() == Some(length)).then_some(length)?
                    }
                    "ahead" | "notahead" => 0,
                    _ => return None,
                };
                let negated = what.starts_with("not");
                self.push(Node::Around {
                    first,
                    back,
                    negated,
                    next,
                })
            }
        }
    }

    fn set(&mut self, class: &Class) -> Option<usize> {
        let mut set = [false; 256];
        match class {
            Class::Bytes(class) => {
                for range in class.iter() {
                    set[usize::from(range.start())..=usize::from(range.end())].fill(true);
                }
            }
            Class::Unicode(class) => {
                for range in class.iter() {
                    let end = u8::try_from(u32::from(range.end()))
                        .ok()
                        .filter(u8::is_ascii)?;
                    set[range.start() as usize..=usize::from(end)].fill(true);
                }
            }
        }
        let known = self.sets.iter().position(|s| *s == set);
        known.or_else(|| {
            self.sets.push(set);
            Some(self.sets.len() - 1)
        })
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

/// The groups of a pattern that have names, those apart that are none.
fn names(hir: &Hir) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut open = vec![hir];
    while let Some(hir) = open.pop() {
        if let HirKind::Capture(capture) = hir.kind()
            && let Some(name) = capture.name.as_deref().filter(|n| !n.starts_with('_'))
        {
            names.push((capture.index as usize, name.to_string()));
        }
        open.extend(hir.kind().subs());
    }
    names.sort();
    names.dedup();
    names
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

#[cfg(test)]
mod tests {
    use super::*;
    use regex::bytes::RegexBuilder;

    /// Patterns with all that can be walked; each is compared with the automaton on many texts.
    const PATTERNS: [&str; 24] = [
        "abc",
        "^a*(b+)c",
        "(a|ab)(c|bcd)(d*)",
        "(a+)(b+)?",
        "a.*b.*(c)",
        "a.*?b.*?(c)",
        "^(?:a|b)*(c)$",
        "(?:ab|c){2,3}(d)?",
        "(?:ab|c){2,}?(d)?",
        "[ab]{2,3}(b*)",
        "[ab]{2,3}?(b*)",
        r"\b(a+)\b",
        r"\B(b)",
        r"(?m)^(a)$",
        r"(a)(?:\n?\z)",
        "(?:a(b)?)+c",
        "((a)|(b))+",
        "x*",
        "(?:(a)x|(b)y)?c",
        r"\b{start-half}(ab)\b{end-half}",
        "(.*)(a)(.*)",
        "(.*?)(a)(.*?)$",
        "[^a]*(a)[^b]*(b)",
        "(?i)(aB)+",
    ];

    #[test]
    fn as_the_automaton_says() {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        let mut roll = |sides: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % sides
        };
        let mut walk = Walk::default();
        let mut arrived = 0;
        for pattern in PATTERNS {
            let regex = RegexBuilder::new(pattern).unicode(false).build();
            let regex = regex.expect("a good pattern");
            let walker = Walker::new(pattern).expect("a pattern that can be walked");
            for _ in 0..2000 {
                let length = roll(12) as usize;
                let text: Vec<u8> = (0..length)
                    .map(|_| b"aaabbbccdxyAB \n\xff"[roll(16) as usize])
                    .collect();
                let captures = regex.captures(&text);
                let start = captures
                    .as_ref()
                    .map_or(0, |c| c.get(0).map_or(0, |m| m.start()));
                let found = walker.walk(&text, start, &mut walk);
                assert_eq!(found, Some(captures.is_some()), "{pattern} on {text:?}");
                let Some(captures) = captures else { continue };
                arrived += 1;
                for group in 0..captures.len() {
                    let expected = captures.get(group).map(|m| (m.start(), m.end()));
                    assert_eq!(walk.group(group), expected, "{pattern}, {group}, {text:?}");
                }
            }
        }
        assert!(arrived > 10_000, "{arrived}");
    }

    #[test]
    fn a_budget_ends_it() {
        let walker = Walker::new("^(?:ab|a|b|ba)+$").expect("a pattern");
        let text = [b"ab".repeat(100), b"c".to_vec()].concat();
        assert_eq!(walker.walk(&text, 0, &mut Walk::default()), None);
    }

    #[test]
    fn what_cannot_be_walked() {
        for pattern in ["(?:a*)*", "(?:|a)+", "(", "(?:a{1000}){1000}"] {
            assert!(Walker::new(pattern).is_none(), "{pattern}");
        }
    }
}
