//! A pattern made into a graph.

mod ahead;
mod shapes;

use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

use self::shapes::{frequency, is_last_newline, names, one_byte, quad};
use super::bytes::{Bytes, Set};
use super::go::literal_at;
use super::recall;
use super::{ANY, BUDGET, Forks, Id, Node, Taken, Text, Walker};

/// A pattern that comes to more nodes is not walked.
const MAX_NODES: usize = 20_000;

impl Walker {
    /// `None` for what can't be walked: a repeat of what may be empty, classes of Unicode, a pattern too large.
    ///
    /// `pattern` is in the syntax of `regex::bytes` without Unicode.
    pub fn new(pattern: &str) -> Option<Walker> {
        let mut parser = ParserBuilder::new().utf8(false).unicode(false).build();
        let hir = parser.parse(pattern).ok()?;
        let properties = hir.properties();
        let mut builder = Builder {
            nodes: vec![Node::Done],
            starts: vec![Bytes::ALL],
            seconds: vec![Bytes::ALL],
            conditions: vec![None],
            sets: Vec::new(),
            texts: Vec::new(),
            needed: Vec::new(),
            names: names(&hir),
        };
        let anchored = properties.look_set_prefix().contains(Look::Start);
        let mut first = builder.add(&hir, 0)?;
        if let Node::Look {
            look: Look::Start,
            next,
        } = builder.nodes[usize::from(first)]
        {
            first = next;
        }
        let prefix = literal_at(&builder.nodes, first);
        let prefix = prefix.map(|text| Finder::new(builder.text(text)).into_owned());
        let forks = Forks::new(&mut builder.nodes, &builder.starts, &builder.seconds);
        Some(Walker {
            tail: recall::tail(&builder.nodes, &builder.sets),
            nodes: builder.nodes,
            forks,
            sets: builder.sets,
            texts: builder.texts,
            needed: builder.needed,
            first,
            starts: builder.starts[usize::from(first)],
            prefix,
            names: builder.names,
            slots: 2 + 2 * properties.explicit_captures_len(),
            budget: BUDGET.0,
            anchored,
        })
    }
}

/// A graph that grows from its end.
struct Builder {
    nodes: Vec<Node>,
    /// For each node, with which bytes a text may go on from which a way leads to the end; it may also end there.
    starts: Vec<Bytes>,
    /// The bytes that may follow the first one.
    seconds: Vec<Bytes>,
    /// For each node, the first condition that every way from it meets.
    conditions: Vec<Option<Id>>,
    sets: Vec<Set>,
    texts: Vec<u8>,
    needed: Vec<Finder<'static>>,
    names: Vec<(usize, String)>,
}

impl Builder {
    fn push(&mut self, node: Node) -> Option<Id> {
        self.starts.push(self.starts(&node));
        self.seconds.push(self.seconds(&node));
        self.conditions.push(self.condition(&node));
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        (number < MAX_NODES).then_some(number as Id)
    }

    fn text(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        &self.texts[start..start + usize::from(text.length)]
    }

    /// Adds the nodes of `hir`, from which the way leads to `next`.
    fn add(&mut self, hir: &Hir, next: Id) -> Option<Id> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => {
                let rare = (0..literal.0.len()).min_by_key(|i| frequency(literal.0[*i]))?;
                let text = Text {
                    start: u32::try_from(self.texts.len()).ok()?,
                    length: u16::try_from(literal.0.len()).ok()?,
                    rare: u16::try_from(rare).ok()?,
                };
                self.texts.extend_from_slice(&literal.0);
                self.push(Node::Literal { text, next })
            }
            HirKind::Class(class) => {
                let set = self.set(Bytes::of(class)?, None)?;
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
                let group = u16::try_from(capture.index).ok()?;
                let slot = group.checked_mul(2)?;
                let next = self.needs(group, next)?;
                let end = self.push(Node::Save {
                    slot: slot + 1,
                    next,
                })?;
                let inner = self.add(&capture.sub, end)?;
                match self.nodes[usize::from(inner)] {
                    // The commonest group of all, in one step.
                    Node::Many {
                        set,
                        least,
                        most: ANY,
                        taken: Taken::All,
                        next: after,
                        ..
                    } if after == end => self.push(Node::Caught {
                        set,
                        least,
                        slot,
                        next,
                    }),
                    _ => self.push(Node::Save { slot, next: inner }),
                }
            }
            HirKind::Concat(parts) => {
                let (mut next, mut parts) = (next, parts.as_slice());
                if let Some(octet) = quad(parts) {
                    let last = self.add(octet, next)?;
                    return self.push(Node::Octets { next: last });
                }
                while let Some((last, before)) = parts.split_last() {
                    if let Some((newline, before)) = before.split_last()
                        && *last.kind() == HirKind::Look(Look::End)
                        && is_last_newline(newline)
                    {
                        next = self.push(Node::Close { next })?;
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
                    self.push(either(first, second))
                })
            }
            HirKind::Repetition(repeat) => {
                if let Some((class, until)) = one_byte(&repeat.sub)
                    && (until.is_none() || repeat.max.is_none())
                {
                    return self.many(repeat, Bytes::of(class)?, until, next);
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
                        let node = either(inner, next);
                        let number = usize::from(again);
                        self.starts[number] = self.starts(&node);
                        self.seconds[number] = self.seconds(&node);
                        self.conditions[number] = self.condition_at(next);
                        self.nodes[number] = node;
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

    /// A repeat of one byte.
    fn many(
        &mut self,
        repeat: &Repetition,
        bytes: Bytes,
        until: Option<&[u8]>,
        next: Id,
    ) -> Option<Id> {
        // Where the text that ends it follows, there is no other place for that.
        let follows = literal_at(&self.nodes, next).map(|text| self.text(text));
        let ended = until.is_some() && follows == until;
        let starts = self.starts_at(next);
        let taken = match repeat.greedy {
            _ if ended || bytes.and(starts).is_empty() => Taken::All,
            true => Taken::Most,
            false => Taken::Least,
        };
        let bounded = |n: u32| u16::try_from(n).ok().filter(|n| *n != ANY);
        let node = Node::Many {
            set: self.set(bytes, until)?,
            least: bounded(repeat.min)?,
            most: repeat.max.map_or(Some(ANY), bounded)?,
            taken,
            then: self.set(starts, None)?,
            next,
        };
        self.push(node)
    }

    /// A group whose name says that it is none.
    fn special(&mut self, capture: &Capture, next: Id) -> Option<Id> {
        let name = capture.name.as_deref()?;
        let (_, what) = name.strip_prefix('_')?.split_once('_')?;
        let (what, of) = what.split_once('_').unwrap_or((what, ""));
        match what {
            "if" => {
                let group = self.group(of)?;
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
                let group = self.group(of)?;
                self.push(Node::Same { group, next })
            }
            _ => {
                let first = self.add(&capture.sub, 0)?;
                let properties = capture.sub.properties();
                let back = match what {
                    "behind" | "notbehind" => {
                        let length = properties.minimum_len();
                        let length = length.filter(|l| properties.maximum_len() == Some(*l));
                        u16::try_from(length?).ok()?
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

    /// The number of the group of this name.
    fn group(&self, name: &str) -> Option<u16> {
        let (number, _) = self.names.iter().find(|(_, n)| n == name)?;
        u16::try_from(*number).ok()
    }

    fn set(&mut self, bytes: Bytes, until: Option<&[u8]>) -> Option<Id> {
        let known = self.sets.iter().position(|set| {
            let its = set.until.as_ref().map(|finder| finder.needle());
            set.bytes == bytes && its == until
        });
        let number = known.unwrap_or_else(|| {
            self.sets.push(Set::new(bytes, until));
            self.sets.len() - 1
        });
        Id::try_from(number).ok()
    }
}

fn either(first: Id, second: Id) -> Node {
    let row = 0;
    Node::Either { first, second, row }
}
