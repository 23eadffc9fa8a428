//! A pattern made into a graph.

use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Class, Hir, HirKind, Look};

use super::bytes::{Bytes, Set};
use super::{BUDGET, MAX_NODES, Node, Walker};

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
            starts: vec![Bytes::ALL],
            conditions: vec![None],
            sets: Vec::new(),
            first: 0,
            prefix: None,
            names: names(&hir),
            slots: 2 + 2 * properties.explicit_captures_len(),
            budget: BUDGET.0,
            anchored: properties.look_set_prefix().contains(Look::Start),
        };
        walker.first = walker.add(&hir, 0)?;
        walker.prefix = walker
            .literal_at(walker.first)
            .map(|(text, _)| Finder::new(text).into_owned());
        Some(walker)
    }

    fn push(&mut self, node: Node) -> Option<usize> {
        self.starts.push(self.starts(&node));
        self.conditions.push(self.condition(&node));
        self.nodes.push(node);
        (self.nodes.len() <= MAX_NODES).then_some(self.nodes.len() - 1)
    }

    /// The bytes with which what this node leads to may begin.
    fn starts(&self, node: &Node) -> Bytes {
        match node {
            Node::Literal { text, .. } => text.first().map_or(Bytes::ALL, |b| Bytes::one(*b)),
            Node::One { set, .. } => self.sets[*set].bytes,
            Node::Many { set, least, .. } if *least > 0 => self.sets[*set].bytes,
            Node::Many { set, next, .. } => self.sets[*set].bytes.or(self.starts[*next]),
            Node::Either { first, second } => self.starts[*first].or(self.starts[*second]),
            Node::If { yes, no, .. } => self.starts[*yes].or(self.starts[*no]),
            Node::Look { look, next } => match look {
                // It holds where no byte follows.
                Look::End => Bytes::NONE,
                Look::EndLF => self.starts[*next].and(Bytes::one(b'\n')),
                _ => self.starts[*next],
            },
            Node::Save { next, .. } | Node::Around { next, .. } | Node::Needs { next, .. } => {
                self.starts[*next]
            }
            Node::Same { .. } | Node::Done => Bytes::ALL,
        }
    }

    /// The first condition behind this node, if every way meets it; where it is one itself, its own number.
    fn condition(&self, node: &Node) -> Option<usize> {
        match node {
            Node::If { .. } => Some(self.nodes.len()),
            Node::Either { first, second } => {
                self.conditions[*first].filter(|c| self.conditions[*second] == Some(*c))
            }
            Node::Literal { next, .. }
            | Node::One { next, .. }
            | Node::Many { next, .. }
            | Node::Save { next, .. }
            | Node::Look { next, .. }
            | Node::Around { next, .. }
            | Node::Needs { next, .. }
            | Node::Same { next, .. } => self.conditions[*next],
            Node::Done => None,
        }
    }

    /// Behind the end of a group: where a condition on it follows on every way, what that then asks for must be there. Without it
    /// all ways up to the condition would be tried in vain.
    fn needs(&mut self, of: usize, next: usize) -> Option<usize> {
        let condition = self.conditions[next].map(|c| &self.nodes[c]);
        match condition {
            Some(Node::If { group, yes, .. }) if *group == of => {
                let Some((text, _)) = self.literal_at(*yes) else {
                    return Some(next);
                };
                let text = Box::new(Finder::new(text).into_owned());
                self.push(Node::Needs { text, next })
            }
            _ => Some(next),
        }
    }

    /// Adds the nodes of `hir`, from which the way leads to `next`.
    fn add(&mut self, hir: &Hir, next: usize) -> Option<usize> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => {
                let text = literal.0.clone();
                let rare = (0..text.len()).min_by_key(|i| frequency(text[*i]))?;
                self.push(Node::Literal { text, rare, next })
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
                let next = self.needs(capture.index as usize, next)?;
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
                if let Some((class, until)) = one_byte(&repeat.sub)
                    && (until.is_none() || most.is_none())
                {
                    let set = self.set(class)?;
                    // Where the text that ends it follows, there is no other place for that.
                    let ends = |(text, _)| until == Some(text);
                    let ended = until.is_some() && self.literal_at(next).is_some_and(ends);
                    let until = until.map(|text| Box::new(Finder::new(text).into_owned()));
                    let bytes = self.sets[set].bytes;
                    return self.push(Node::Many {
                        set,
                        until,
                        least,
                        most: most.unwrap_or(usize::MAX),
                        greedy: repeat.greedy,
                        alone: ended || bytes.and(self.starts[next]).is_empty(),
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
                        self.starts[again] = self.starts(&self.nodes[again]);
                        self.conditions[again] = self.conditions[next];
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
        let bytes = Bytes::of(class)?;
        let known = self.sets.iter().position(|s| s.bytes == bytes);
        known.or_else(|| {
            self.sets.push(Set::new(bytes));
            Some(self.sets.len() - 1)
        })
    }
}

/// How often a byte stands in a log, roughly: the higher, the more often.
fn frequency(byte: u8) -> u8 {
    match byte {
        b' ' | b'e' => 6,
        b'a'..=b'z' => 5,
        b'0'..=b'9' => 4,
        b'.' | b':' | b'-' => 3,
        b'A'..=b'Z' | b'!'..=b'~' => 2,
        0..0x80 => 1,
        _ => 0,
    }
}

/// The class that `hir` is; also where a text must not begin at its byte, and that text: `(?:(?! from ).)`.
fn one_byte(hir: &Hir) -> Option<(&Class, Option<&[u8]>)> {
    match hir.kind() {
        HirKind::Class(class) => Some((class, None)),
        HirKind::Concat(parts) => match parts.as_slice() {
            [around, byte] => match (around.kind(), byte.kind()) {
                (HirKind::Capture(around), HirKind::Class(class)) => {
                    let named = around.name.as_deref()?.ends_with("_notahead");
                    match around.sub.kind() {
                        HirKind::Literal(text) if named => Some((class, Some(&text.0))),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
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
