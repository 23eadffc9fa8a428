//! Compiles a pattern into a graph of nodes.

mod graph;
mod shapes;

use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

use self::graph::Graph;
use self::shapes::{frequency, is_last_newline, names, one_byte, quad};
use super::branches::Branches;
use super::bytes::ByteSet;
use super::node::{ANY, Greed, Id, Node, Text, literal_at};
use super::program::{BUDGET, Backtracker};

impl Backtracker {
    /// Compiles a pattern in the syntax of `regex::bytes` without Unicode.
    ///
    /// `None` for a pattern that it can't run: a repetition of a part that may be empty, classes of
    /// Unicode, a pattern that is too large.
    pub fn new(pattern: &str) -> Option<Backtracker> {
        let mut parser = ParserBuilder::new().utf8(false).unicode(false).build();
        let hir = parser.parse(pattern).ok()?;
        let properties = hir.properties();
        let mut builder = Builder {
            graph: Graph::new(),
            names: names(&hir),
        };
        let anchored = properties.look_set_prefix().contains(Look::Start);
        let mut first = builder.add(&hir, 0)?;
        let mut graph = builder.graph;
        if let Node::Assertion {
            look: Look::Start,
            next,
        } = graph.nodes[usize::from(first)]
        {
            first = next;
        }
        let prefix = literal_at(&graph.nodes, first);
        let prefix = prefix.map(|text| Finder::new(graph.text(text)).into_owned());
        let branches = Branches::new(&mut graph.nodes, &graph.starts, &graph.seconds);
        Some(Backtracker {
            tail: graph.tail(),
            nodes: graph.nodes,
            branches,
            sets: graph.sets,
            texts: graph.texts,
            needed: graph.needed,
            first,
            starts: graph.starts[usize::from(first)],
            prefix,
            names: builder.names,
            slots: 2 + 2 * properties.explicit_captures_len(),
            budget: BUDGET,
            anchored,
        })
    }
}

/// Adds the nodes of a pattern to a graph, the last node first.
struct Builder {
    graph: Graph,
    names: Vec<(usize, String)>,
}

impl Builder {
    /// Adds the nodes of `hir`, the last of which leads to `next`.
    fn add(&mut self, hir: &Hir, next: Id) -> Option<Id> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => {
                let rare = (0..literal.0.len()).min_by_key(|i| frequency(literal.0[*i]))?;
                let text = Text {
                    start: u32::try_from(self.graph.texts.len()).ok()?,
                    length: u16::try_from(literal.0.len()).ok()?,
                    rare: u16::try_from(rare).ok()?,
                };
                self.graph.texts.extend_from_slice(&literal.0);
                self.graph.push(Node::Literal { text, next })
            }
            HirKind::Class(class) => {
                let set = self.graph.set(ByteSet::of(class)?, None)?;
                self.graph.push(Node::Class { set, next })
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
                    .then(|| self.graph.push(Node::Assertion { look, next }))?
            }
            HirKind::Capture(capture)
                if capture.name.as_ref().is_some_and(|n| n.starts_with('_')) =>
            {
                self.special(capture, next)
            }
            HirKind::Capture(capture) => {
                let group = u16::try_from(capture.index).ok()?;
                let slot = group.checked_mul(2)?;
                let next = self.graph.needs(group, next)?;
                let end = self.graph.push(Node::Save {
                    slot: slot + 1,
                    next,
                })?;
                let inner = self.add(&capture.sub, end)?;
                match self.graph.nodes[usize::from(inner)] {
                    // The commonest kind of group, in one step.
                    Node::Repeat {
                        set,
                        least,
                        most: ANY,
                        greed: Greed::Possessive,
                        next: after,
                        ..
                    } if after == end => self.graph.push(Node::CaptureRun {
                        set,
                        least,
                        slot,
                        next,
                    }),
                    _ => self.graph.push(Node::Save { slot, next: inner }),
                }
            }
            HirKind::Concat(parts) => {
                let (mut next, mut parts) = (next, parts.as_slice());
                if let Some(octet) = quad(parts) {
                    let last = self.add(octet, next)?;
                    return self.graph.push(Node::ThreeOctets { next: last });
                }
                while let Some((last, before)) = parts.split_last() {
                    if let Some((newline, before)) = before.split_last()
                        && *last.kind() == HirKind::Look(Look::End)
                        && is_last_newline(newline)
                    {
                        next = self.graph.push(Node::LineEnd { next })?;
                        parts = before;
                    } else {
                        next = self.add(last, next)?;
                        parts = before;
                    }
                }
                Some(next)
            }
            HirKind::Alternation(parts) => {
                let (last, others) = parts.split_last()?;
                let last = self.add(last, next)?;
                others.iter().rev().try_fold(last, |second, part| {
                    let first = self.add(part, next)?;
                    self.graph.push(either(first, second))
                })
            }
            HirKind::Repetition(repeat) => {
                if let Some((class, until)) = one_byte(&repeat.sub)
                    && (until.is_none() || repeat.max.is_none())
                {
                    return self.many(repeat, ByteSet::of(class)?, until, next);
                }
                let either = |inner, out| match repeat.greedy {
                    true => either(inner, out),
                    false => either(out, inner),
                };
                let mut next = next;
                match repeat.max {
                    Some(most) => {
                        let end = next;
                        for _ in repeat.min..most {
                            let inner = self.add(&repeat.sub, next)?;
                            next = self.graph.push(either(inner, end))?;
                        }
                    }
                    None => {
                        // Round and round with no byte greed would never end.
                        if repeat.sub.properties().minimum_len()? == 0 {
                            return None;
                        }
                        let again = self.graph.push(Node::Match)?;
                        let inner = self.add(&repeat.sub, again)?;
                        let node = either(inner, next);
                        let number = usize::from(again);
                        self.graph.starts[number] = self.graph.starts(&node);
                        self.graph.seconds[number] = self.graph.seconds(&node);
                        self.graph.conditions[number] = self.graph.condition_at(next);
                        self.graph.nodes[number] = node;
                        next = again;
                    }
                }
                for _ in 0..repeat.min {
                    next = self.add(&repeat.sub, next)?;
                }
                Some(next)
            }
        }
    }

    /// A repetition of one byte.
    fn many(
        &mut self,
        repeat: &Repetition,
        bytes: ByteSet,
        until: Option<&[u8]>,
        next: Id,
    ) -> Option<Id> {
        // If the text that ends the run follows, it is in one place only.
        let follows = literal_at(&self.graph.nodes, next).map(|text| self.graph.text(text));
        let ended = until.is_some() && follows == until;
        let starts = self.graph.starts_at(next);
        let greed = match repeat.greedy {
            _ if ended || bytes.and(starts).is_empty() => Greed::Possessive,
            true => Greed::Greedy,
            false => Greed::Lazy,
        };
        let bounded = |n: u32| u16::try_from(n).ok().filter(|n| *n != ANY);
        let node = Node::Repeat {
            set: self.graph.set(bytes, until)?,
            least: bounded(repeat.min)?,
            most: repeat.max.map_or(Some(ANY), bounded)?,
            greed,
            then: self.graph.set(starts, None)?,
            next,
        };
        self.graph.push(node)
    }

    /// A group whose name makes it something else.
    fn special(&mut self, capture: &Capture, next: Id) -> Option<Id> {
        let name = capture.name.as_deref()?;
        let (_, kind) = name.strip_prefix('_')?.split_once('_')?;
        let (kind, of) = kind.split_once('_').unwrap_or((kind, ""));
        match kind {
            "if" => {
                let group = self.group(of)?;
                let HirKind::Concat(branches) = capture.sub.kind() else {
                    return None;
                };
                let branch = |hir: &Hir| match hir.kind() {
                    HirKind::Capture(group) => Some(group.sub.as_ref().clone()),
                    _ => None,
                };
                let [yes, no] = branches.as_slice() else {
                    return None;
                };
                let yes = self.add(&branch(yes)?, next)?;
                let no = self.add(&branch(no)?, next)?;
                self.graph.push(Node::Conditional { group, yes, no })
            }
            "same" => {
                let group = self.group(of)?;
                self.graph.push(Node::BackReference { group, next })
            }
            _ => {
                let first = self.add(&capture.sub, 0)?;
                let properties = capture.sub.properties();
                let back = match kind {
                    "behind" | "notbehind" => {
                        let length = properties.minimum_len();
                        let length = length.filter(|l| properties.maximum_len() == Some(*l));
                        u16::try_from(length?).ok()?
                    }
                    "ahead" | "notahead" => 0,
                    _ => return None,
                };
                let negated = kind.starts_with("not");
                self.graph.push(Node::LookAround {
                    first,
                    back,
                    negated,
                    next,
                })
            }
        }
    }

    /// The number of the group of this name.
    fn group(&self, name: &str) -> Option<u16> {
        let (number, _) = self.names.iter().find(|(_, n)| n == name)?;
        u16::try_from(*number).ok()
    }
}

fn either(first: Id, second: Id) -> Node {
    let row = 0;
    Node::Split { first, second, row }
}
