//! The walk through an object, which notes the places of the values that are asked for.

use std::ops::Range;

use super::path::Path;
use super::scan::Walk;
use super::shape::Shapes;
use super::text::unescape;
use super::value::{DEEPEST, Kind, Place, Refused, Value, Wrong};

/// The paths that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// The outermost object is the first; each key on a path is one more.
    nodes: Vec<Node>,
    found: [Vec<Option<Place>>; 2],
    /// Whether the last object that was read had an outer one.
    had_outer: bool,
    /// The number of the object that is read.
    round: u64,
    shapes: Shapes,
}

#[derive(Clone, Debug, Default)]
struct Node {
    key: Vec<u8>,
    /// The nodes of keys inside this one's object.
    inside: Vec<usize>,
    /// For each length of a key inside, its bit; the last bit is for all longer ones.
    lengths: u64,
    /// The number of the path that ends here.
    path: Option<usize>,
    /// The object in which the key was seen last.
    seen: u64,
}

/// The bit of a key's length.
fn length_bit(key: &[u8]) -> u64 {
    1 << key.len().min(63)
}

impl Paths {
    /// Adds a path; answers its number, for [`Values::get`].
    pub fn add(&mut self, path: &Path) -> usize {
        self.shapes.clear();
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for key in &path.keys {
            let known = self.nodes[at].inside.iter().copied();
            let known = known.into_iter().find(|n| self.nodes[*n].key == *key);
            at = known.unwrap_or_else(|| {
                let number = self.nodes.len();
                self.nodes.push(Node {
                    key: key.clone(),
                    ..Node::default()
                });
                self.nodes[at].inside.push(number);
                self.nodes[at].lengths |= length_bit(key);
                number
            });
        }
        let number = self.found[0].len();
        match self.nodes[at].path {
            Some(number) => number,
            None => {
                self.nodes[at].path = Some(number);
                self.found.iter_mut().for_each(|found| found.push(None));
                number
            }
        }
    }

    /// Reads the object that a text is; `outer` is the object that carried it, if any: what stands
    /// there is its writer's, and wins.
    pub fn read<'a>(
        &'a mut self,
        outer: Option<&'a [u8]>,
        text: Option<&'a [u8]>,
    ) -> Result<Values<'a>, Refused> {
        if outer.is_some() || self.had_outer {
            self.had_outer = outer.is_some();
            self.walk(0, outer)?;
        }
        self.walk(1, text)?;
        Ok(Values {
            found: &self.found,
            texts: [outer, text],
        })
    }

    fn walk(&mut self, number: usize, text: Option<&[u8]>) -> Result<(), Refused> {
        self.found[number].fill(None);
        let Some(text) = text else {
            return Ok(());
        };
        if self.shapes.read(text, &mut self.found[number]) {
            return Ok(());
        }
        self.found[number].fill(None);
        self.round += 1;
        let mut walk = Walk::new(text, 0);
        if walk.blanks() != Some(b'{') {
            return Err(Refused::NotOneObject);
        }
        walk.at += 1;
        let asked = match self.nodes.is_empty() {
            true => None,
            false => Some(0),
        };
        let read = walk.object(&mut Asked(self, number), asked, 0);
        read.map_err(|wrong| match wrong {
            Wrong::NotOneObject => Refused::NotOneObject,
            Wrong::TooDeep => Refused::TooDeep,
            Wrong::Twice(node) => Refused::Twice(self.nodes[node as usize].key.clone()),
        })?;
        if walk.blanks().is_some() {
            return Err(Refused::NotOneObject);
        }
        self.shapes.learn(text, &self.found[number]);
        Ok(())
    }
}

/// The values of an object.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    found: &'a [Vec<Option<Place>>; 2],
    texts: [Option<&'a [u8]>; 2],
}

impl<'a> Values<'a> {
    /// The value of the path of this number; `None` where there is none.
    pub fn get(&self, number: usize) -> Option<Value<'a>> {
        let of = |(found, text): (&Vec<Option<Place>>, &Option<&'a [u8]>)| {
            Some(found[number]?.of((*text)?))
        };
        self.found.iter().zip(&self.texts).find_map(of)
    }

    /// Where in the text, not in the outer object, the string of the path of this number stands;
    /// `None` also of a string with escapes, and of other values.
    #[inline]
    pub fn string(&self, number: usize) -> Option<Range<usize>> {
        let [outer, found] = self.found;
        let place = found[number].filter(|place| place.kind == Kind::Text)?;
        outer[number].is_none().then_some(place.start..place.end)
    }
}

/// The paths, and which of two objects is read.
struct Asked<'a>(&'a mut Paths, usize);

impl Asked<'_> {
    /// The node of a key inside the object of this one.
    #[inline]
    fn key(&mut self, node: usize, raw: &[u8], escaped: bool) -> Result<Option<usize>, Wrong> {
        if escaped {
            return self.escaped_key(node, raw);
        }
        let key = raw;
        let Paths { nodes, round, .. } = &mut *self.0;
        if nodes[node].lengths & length_bit(key) == 0 {
            return Ok(None);
        }
        for i in 0..nodes[node].inside.len() {
            let number = nodes[node].inside[i];
            let inside = &mut nodes[number];
            if inside.key == key {
                if std::mem::replace(&mut inside.seen, *round) == *round {
                    return Err(Wrong::Twice(number as u32));
                }
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    #[cold]
    fn escaped_key(&mut self, node: usize, raw: &[u8]) -> Result<Option<usize>, Wrong> {
        let mut key = Vec::new();
        unescape(raw, &mut key);
        self.key(node, &key, false)
    }

    #[inline]
    fn note(&mut self, node: usize, place: Place) {
        if let Some(path) = self.0.nodes[node].path {
            self.0.found[self.1][path] = Some(place);
        }
    }
}

impl Walk<'_> {
    /// The members of an object behind its brace.
    fn object(&mut self, asked: &mut Asked, node: Option<usize>, depth: u32) -> Result<(), Wrong> {
        if self.blanks() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.blanks() != Some(b'"') {
                return Err(Wrong::NotOneObject);
            }
            let start = self.at + 1;
            let is_escaped = self.string()? == Kind::Escaped;
            let raw = &self.text[start..self.at - 1];
            if self.blanks() != Some(b':') {
                return Err(Wrong::NotOneObject);
            }
            self.at += 1;
            let node = match node {
                Some(node) => asked.key(node, raw, is_escaped)?,
                None => None,
            };
            match (node, self.blanks()) {
                (Some(node), Some(b'{')) => {
                    let start = self.at;
                    self.at += 1;
                    if depth == DEEPEST {
                        return Err(Wrong::TooDeep);
                    }
                    self.object(asked, Some(node), depth + 1)?;
                    let (kind, end) = (Kind::Object, self.at);
                    asked.note(node, Place { kind, start, end });
                }
                (node, _) => {
                    let place = self.value(depth)?;
                    if let Some(node) = node {
                        asked.note(node, place);
                    }
                }
            }
            match self.blanks() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Wrong::NotOneObject),
            }
        }
    }
}
