//! A rule: its pattern, compiled when it is first needed.

use pipeban::address::Address;
use regex::bytes::{Regex, RegexBuilder};

use super::matched::{Match, without_port};
use super::object_rule::{ObjectRule, ObjectText};
use super::read::Kind;
use super::repeated::count;
use crate::search::Search;

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// `sshd/failed`.
    pub(super) name: String,
    /// The number of the service; sessions of two services are different.
    pub(super) service: usize,
    pub(super) kind: Kind,
    /// The place of the line among those of one try; 0 is none.
    pub(super) step: u8,
    pub(super) pattern: String,
    /// Where it is about objects of JSON, and not of the pattern.
    pub(super) object: Option<ObjectText>,
    /// Every text that matches has one of these; none where none are known.
    pub(super) literals: Vec<Vec<u8>>,
    /// The first bytes of all texts that match, if they are a few.
    pub(super) beginnings: Option<Vec<[u8; 4]>>,
    /// Whether the pattern has a group for the session.
    pub(super) names_session: bool,
    /// Texts that match this, too, do not count.
    pub(super) but: Option<String>,
    /// Whether lines of one connection are judged together.
    pub(super) joins: bool,
    /// The number of the programs that may write it.
    pub(super) program: Option<usize>,
    pub(super) own_log: bool,
    /// Whether it is about lines that go on with a line of the service's own log.
    pub(super) goes_on: bool,
    /// Whether the preset was named, and not only a part of `all`.
    pub(super) named: bool,
    /// Whether it counts also in a log into which a client can write lines: a marked preset, named.
    pub(super) believed: bool,
    pub(super) compiled: Option<Compiled>,
    pub(super) compiled_object: Option<ObjectRule>,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pattern: Search,
    but: Option<Regex>,
    /// The numbers of the groups that may have the address.
    addresses: Vec<usize>,
    session: Option<usize>,
    count: Option<usize>,
    more: Option<usize>,
    port: Option<usize>,
    /// The named groups.
    names: Vec<(usize, String)>,
}

impl Rule {
    /// Whether it has a text for a field of this name.
    pub(super) fn has_field(&self, name: &str) -> bool {
        match &self.object {
            Some(object) => object.has_field(name),
            None => {
                let groups = self
                    .pattern
                    .match_indices("(?P<")
                    .map(|(at, _)| &self.pattern[at + 4..]);
                let mut names = groups.filter_map(|group| Some(group.split_once('>')?.0));
                names.any(|group| is_named(group, name))
            }
        }
    }

    /// Whether a line reports attempts by itself.
    pub(super) fn counts(&self) -> bool {
        matches!(self.kind, Kind::Rule | Kind::Closes | Kind::Success)
    }

    /// Whether its line reports a failure; other lines only tell about connections.
    pub(super) fn is_failure(&self) -> bool {
        self.kind.is_failure()
    }

    /// The match in a text; `None` also if the text in the address's place is none.
    /// `wanted` has the names of groups that are asked for.
    pub(super) fn search(&mut self, text: &[u8], wanted: &[String]) -> Option<Match> {
        if let Some(object) = &self.object {
            if self.compiled_object.is_none() {
                self.compiled_object = object.compile().ok();
            }
            return self.compiled_object.as_mut()?.search(text, wanted);
        }
        if self.compiled.is_none() {
            self.compiled = compile(&self.pattern, self.but.as_deref());
        }
        let compiled = self.compiled.as_mut()?;
        if !compiled.pattern.find(text).ok()? {
            return None;
        }
        let groups = &compiled.pattern;
        if compiled.but.as_ref().is_some_and(|b| b.is_match(text)) {
            return None;
        }
        let place = compiled.addresses.iter().find_map(|g| groups.group(*g));
        let address = match place {
            Some((start, end)) => {
                let end = start + without_port(&text[start..end]).len();
                Some((Address::parse(&text[start..end])?, start..end))
            }
            None => None,
        };
        let range = |group: Option<usize>| {
            let (start, end) = groups.group(group?)?;
            Some(start..end)
        };
        let number = |group| count(&text[range(group)?]);
        let more = number(compiled.more).map(|more| more + 1);
        let port = range(compiled.port).and_then(|r| port(&text[r]));
        let field = |(i, name): (usize, &String)| {
            let mut groups = compiled
                .names
                .iter()
                .filter(|(_, group)| is_named(group, name));
            let range = groups.find_map(|(group, _)| range(Some(*group)))?;
            Some((i, text[range].to_vec()))
        };
        Some(Match {
            fields: wanted.iter().enumerate().filter_map(field).collect(),
            address,
            session: range(compiled.session),
            count: number(compiled.count).or(more).unwrap_or(1),
            port,
        })
    }
}

/// Whether a group is the field of this name: `user`, `user1`.
fn is_named(group: &str, name: &str) -> bool {
    let digits = group.strip_prefix(name);
    digits.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

/// The number of a port, in digits.
fn port(digits: &[u8]) -> Option<u16> {
    let add = |sum: u16, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    (!digits.is_empty()).then(|| digits.iter().try_fold(0, add))?
}

/// Compiles a rule. The tests compile every rule, so `None` does not happen.
pub(super) fn compile(pattern: &str, but: Option<&str>) -> Option<Compiled> {
    let build = |text: &str| RegexBuilder::new(text).unicode(false).build().ok();
    let pattern = Search::new(pattern);
    let names = pattern.names().ok()?;
    let is_address = |name: &str| {
        let number = name.strip_prefix("ip");
        number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    let addresses = names.iter().filter(|(_, name)| is_address(name));
    let named = |wanted: &str| {
        let found = names.iter().find(|(_, name)| name == wanted);
        found.map(|(number, _)| *number)
    };
    Some(Compiled {
        but: match but {
            Some(but) => Some(build(but)?),
            None => None,
        },
        addresses: addresses.map(|(number, _)| *number).collect(),
        session: named("session"),
        count: named("count"),
        more: named("more"),
        port: named("port"),
        names: names.clone(),
        pattern,
    })
}

/// Notes of each rule whether lines of its connection are judged together: where a rule of the
/// service asks for that.
pub(super) fn note_connections(rules: &mut [Rule]) {
    let alone = [Kind::Rule, Kind::Stops, Kind::Success];
    let asks = |rule: &&Rule| rule.step > 0 || !alone.contains(&rule.kind);
    let services: Vec<_> = rules.iter().filter(asks).map(|r| r.service).collect();
    for rule in rules {
        rule.joins = services.contains(&rule.service);
    }
}
