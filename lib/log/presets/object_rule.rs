//! A rule about lines that are JSON objects: the address and other values by their keys.

use pipeban::address::Address;
use regex::bytes::{Regex, RegexBuilder};

use super::matched::{Match, without_port};
use crate::json::{Condition, Path, Paths, Value, Values};

/// A rule about objects, as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ObjectText {
    /// The path of the address. Here and below, of several paths with `|` the first that is there.
    pub(super) address: &'static str,
    /// Conditions, as `PATH=VALUE`.
    pub(super) conditions: Vec<&'static str>,
    /// Paths of which each has a text that is not empty.
    pub(super) filled: Vec<&'static str>,
    /// Paths, and patterns of their texts.
    pub(super) patterns: Vec<(&'static str, String)>,
    /// The names of fields, and their paths.
    pub(super) fields: Vec<(&'static str, &'static str)>,
}

/// The same, to be searched for.
#[derive(Debug)]
pub(super) struct ObjectRule {
    paths: Paths,
    address: Vec<usize>,
    conditions: Vec<Condition>,
    filled: Vec<Vec<usize>>,
    patterns: Vec<(Vec<usize>, Regex)>,
    fields: Vec<(&'static str, Vec<usize>)>,
    room: Vec<u8>,
}

impl ObjectText {
    /// Compiles it. The error is a sentence.
    pub(super) fn compile(&self) -> Result<ObjectRule, String> {
        let mut paths = Paths::default();
        let mut add = |choice: &str| {
            let all = choice.split('|').map(Path::parse);
            let all = all.collect::<Result<Vec<_>, String>>()?;
            Ok::<_, String>(all.iter().map(|path| paths.add(path)).collect::<Vec<_>>())
        };
        let address = add(self.address)?;
        let filled = self.filled.iter().map(|path| add(path));
        let filled = filled.collect::<Result<_, _>>()?;
        let mut fields = Vec::new();
        for (name, path) in &self.fields {
            fields.push((*name, add(path)?));
        }
        let mut patterns = Vec::new();
        for (all, pattern) in &self.patterns {
            let regex = RegexBuilder::new(pattern).unicode(false).build();
            patterns.push((add(all)?, regex.map_err(|e| e.to_string())?));
        }
        let conditions = self.conditions.iter();
        let conditions = conditions.map(|text| Condition::parse(text, &mut paths));
        Ok(ObjectRule {
            conditions: conditions.collect::<Result<_, _>>()?,
            address,
            filled,
            patterns,
            fields,
            paths,
            room: Vec::new(),
        })
    }

    /// Texts of which every line that matches has one: the values of the first condition that has
    /// long enough ones, else the last key of the address.
    pub(super) fn literals(&self) -> Vec<Vec<u8>> {
        let mut paths = Paths::default();
        for text in &self.conditions {
            let condition = Condition::parse(text, &mut paths);
            let values = condition.as_ref().ok().and_then(|c| c.required());
            if let Some(values) = values.filter(|all| all.iter().all(|v| v.len() >= 3)) {
                return values.to_vec();
            }
        }
        let all = self.address.split('|').map(Path::parse);
        all.flatten().map(|path| path.last().to_vec()).collect()
    }

    /// Whether it has a field of this name.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(n, _)| *n == name)
    }
}

impl ObjectRule {
    /// The match in a text, which must be one whole object. An address that is written with escapes
    /// has its place at the end.
    pub(super) fn search(&mut self, text: &[u8], wanted: &[String]) -> Option<Match> {
        if !text.starts_with(b"{") {
            return None;
        }
        let values = self.paths.read(None, Some(text)).ok()?;
        let room = &mut self.room;
        let holds = self.conditions.iter().all(|c| c.holds(&values, room))
            && self.filled.iter().all(|all| is_filled(&values, all, room));
        if !holds {
            return None;
        }
        for (paths, pattern) in &self.patterns {
            let value = first(&values, paths)?;
            if !pattern.is_match(value.text(room)?) {
                return None;
            }
        }
        let ip = without_port(first(&values, &self.address)?.text(room)?);
        let address = Address::parse(ip)?;
        // It stands in the text, if it was not unescaped.
        let start = ip.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        let place = match start <= text.len() {
            true => start..start + ip.len(),
            false => text.len()..text.len(),
        };
        let mut fields = Vec::new();
        for (number, name) in wanted.iter().enumerate() {
            let field = self.fields.iter().find(|(n, _)| n == name);
            if let Some(value) = field.and_then(|(_, paths)| first(&values, paths)) {
                fields.extend(value.text(room).map(|text| (number, text.to_vec())));
            }
        }
        Some(Match {
            address: Some((address, place)),
            session: None,
            count: 1,
            port: None,
            fields,
        })
    }
}

/// The value of the first of these paths that is there.
fn first<'a>(values: &Values<'a>, paths: &[usize]) -> Option<Value<'a>> {
    paths.iter().find_map(|path| values.get(*path))
}

/// Whether there is a text, or an array with one, that says something.
fn is_filled(values: &Values, paths: &[usize], room: &mut Vec<u8>) -> bool {
    first(values, paths).is_some_and(|value| {
        value.any(|value| !matches!(value.text(room), None | Some(b"" | b"-" | b"null")))
    })
}
