//! Ready patterns for common services: the lines that report a failed attempt, and the client.
//!
//! A service is one file here, compiled into the program: its patterns, lines that they match, and
//! lines that they must not match. `read.rs` describes the format; the tests run every line.

mod connections;
mod files;
mod programs;
mod read;
mod repeated;
mod rule;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::connections::{Connections, Report, Seen};
use self::files::FILES;
pub use self::files::{Service, list};
use self::programs::Programs;
use self::read::Kind;
pub use self::repeated::MAX_EVENTS;
use self::rule::{Match, Rule, note_connections};
use crate::line::{Line, Stamp};
use crate::sieve::{self, Sieve};
use pipeban::address::Address;

/// The bytes of a session's name, at most; a longer one is no name.
const MAX_NAME: usize = 256;

/// The files in one input into which a client can write lines, at most; a host has few such logs.
const MAX_FILES: usize = 100;

/// A failed attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The client.
    pub address: Address,
    /// Service and rule: `sshd/failed`.
    pub rule: &'a str,
    /// The bytes of the address in the line's text; `None` if it was on another line of the
    /// session.
    pub place: Option<Range<usize>>,
    /// The number of events, at least 1.
    pub count: u32,
    /// The groups that were asked for: the number there, and the bytes in the line's text.
    pub fields: Vec<(usize, Range<usize>)>,
}

/// An event, with the number of its rule.
struct Event {
    rule: usize,
    address: Address,
    place: Option<Range<usize>>,
    count: u32,
}

/// The line before.
#[derive(Debug, Default)]
struct Last {
    /// The rule and the address of its attempt, if it reported one.
    attempt: Option<(usize, Address)>,
    /// Its host and file.
    host: Vec<u8>,
    file: Vec<u8>,
}

impl Last {
    fn note(&mut self, rule: usize, address: Address, line: &Line) {
        self.attempt = Some((rule, address));
        for (mine, its) in [(&mut self.host, line.host), (&mut self.file, line.file)] {
            mine.clear();
            mine.extend_from_slice(its.unwrap_or_default());
        }
    }

    /// Whether a line is of the same host and file.
    fn is_of(&self, line: &Line) -> bool {
        let same = |mine: &[u8], its: Option<&[u8]>| mine == its.unwrap_or_default();
        same(&self.host, line.host) && same(&self.file, line.file)
    }
}

/// The patterns of some services, searched together.
#[derive(Debug)]
pub struct Presets {
    rules: Vec<Rule>,
    programs: Programs,
    sieve: Sieve,
    literals: Option<Vec<Vec<u8>>>,
    /// The names of groups that are asked for.
    wanted: Vec<String>,
    /// Whether any rule is about a service's own log.
    has_own_log: bool,
    met_form: bool,
    candidates: Vec<u16>,
    connections: Connections,
    /// A buffer for the name of a connection.
    name: Vec<u8>,
    last: Last,
    /// The files, by their names in the lines, into which a client can write lines.
    stopped: Vec<Option<Box<[u8]>>>,
}

/// The rules that a line may match.
enum Eligible<'a> {
    /// Those of the program, by the numbers of programs.
    Program(&'a [bool]),
    /// Those about a service's own log.
    OwnLog,
    /// Those of presets that were named about lines that go on with one of a service's own log.
    GoesOn,
    /// Those of presets that were named: the line tells nothing about its writer.
    Named,
}

impl Eligible<'_> {
    fn has(&self, rule: &Rule) -> bool {
        match self {
            Eligible::Program(programs) => rule.program.is_some_and(|number| programs[number]),
            Eligible::OwnLog => rule.own_log,
            Eligible::GoesOn => rule.goes_on && rule.named,
            Eligible::Named => rule.named,
        }
    }
}

impl Presets {
    /// Loads services by name; `all` is every one that no remote party can turn against others. The
    /// error names an unknown name.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Presets, String> {
        let (mut chosen, mut named) = ([false; FILES.len()], [false; FILES.len()]);
        for name in names {
            if name == "all" {
                for (chosen, (_, text)) in chosen.iter_mut().zip(FILES) {
                    *chosen |= read::read(text).forged.is_empty();
                }
                continue;
            }
            let number = FILES.iter().position(|(n, _)| *n == name);
            let number = number.ok_or_else(|| format!("no preset of that name: \"{name}\""))?;
            (chosen[number], named[number]) = (true, true);
        }
        if !chosen.contains(&true) {
            return Err("the name of a preset is missing".into());
        }
        let mut rules = Vec::new();
        let mut choices = Vec::new();
        let mut programs = Programs::default();
        for (service, (name, text)) in FILES.iter().enumerate() {
            let preset = read::read(text);
            let is_marked = !preset.forged.is_empty();
            for rule in preset.rules {
                // A user who names a marked preset believes its log.
                match rule.kind {
                    Kind::Stops if named[service] => continue,
                    Kind::Stops => {}
                    _ if !chosen[service] => continue,
                    _ => {}
                }
                let wrong = |e: String| format!("{name}: {}: {e}", rule.name);
                let pattern = read::expand(&rule.pattern).map_err(wrong)?;
                let but = rule.but.as_deref().map(read::expand).transpose();
                choices.push(sieve::required(&sieve::parsed(&pattern).map_err(wrong)?));
                rules.push(Rule {
                    name: format!("{name}/{}", rule.name),
                    service,
                    kind: rule.kind,
                    step: rule.step,
                    pattern,
                    but: but.map_err(wrong)?,
                    program: rule
                        .program
                        .map(|p| programs.add(&p, rule.kind != Kind::Stops)),
                    own_log: rule.own_log,
                    goes_on: rule.goes_on,
                    named: named[service],
                    believed: named[service] && is_marked,
                    joins: false,
                    compiled: None,
                });
            }
        }
        note_connections(&mut rules);
        let sieve = Sieve::new(&choices)?;
        let repeated = repeated::LITERAL.to_vec();
        let literals = sieve.literals().map(|l| [l, &[repeated]].concat());
        Ok(Presets {
            sieve,
            literals,
            wanted: Vec::new(),
            has_own_log: rules.iter().any(|r| r.own_log && r.kind != Kind::Stops),
            met_form: false,
            rules,
            programs,
            candidates: Vec::new(),
            connections: Connections::default(),
            name: Vec::new(),
            last: Last::default(),
            stopped: Vec::new(),
        })
    }

    /// Texts of which every line that matters has one, behind its carrier; `None` where any line
    /// may
    /// matter.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.literals.as_deref()
    }

    /// Asks for the texts of groups with these names.
    pub fn want(&mut self, names: &[String]) {
        self.wanted = names.to_vec();
    }

    /// Whether a rule has a group of this name.
    pub fn has_group(&self, name: &str) -> bool {
        let group = format!("(?P<{name}>");
        self.rules.iter().any(|r| r.pattern.contains(&group))
    }

    /// Whether any line so far was of a program or a form that the rules are about.
    pub fn met_form(&self) -> bool {
        self.met_form
    }

    /// The names of the programs that the rules are about; `None` if they are not a few.
    pub fn programs(&self) -> Option<Vec<String>> {
        self.programs.names()
    }

    /// Begins another input: connections of the last one are none of this.
    pub fn begin_file(&mut self) {
        self.connections.clear();
        self.pass();
        self.stopped.clear();
    }

    /// Passes over a line that is not checked.
    pub fn pass(&mut self) {
        self.last.attempt = None;
    }

    /// The failed attempts that this line reports; lines come in their order. `follows` says
    /// whether the line is right behind the last one that was checked.
    pub fn check(&mut self, line: &Line, follows: bool) -> Option<Hit<'_>> {
        let last = self.last.attempt.take().filter(|_| follows);
        if let (Some(count), Some((rule, address))) = (repeated::last(line), last) {
            if !self.last.is_of(line) {
                return None;
            }
            // Another message may follow that says the same again.
            self.last.attempt = last;
            return (count > 0).then(|| Hit {
                address,
                rule: &self.rules[rule].name,
                place: None,
                count,
                fields: Vec::new(),
            });
        }
        let (mut range, eligible) = match (line.program, line.stamp) {
            (Some(program), _) => {
                let number = self.programs.number_of(program)?;
                let programs = self.programs.answer(number);
                self.met_form |= self.programs.writes_failures(programs);
                (line.words_range(), Eligible::Program(programs))
            }
            (None, Stamp::Beginning | Stamp::Inside) => {
                self.met_form |= self.has_own_log;
                (line.rest_range(), Eligible::OwnLog)
            }
            // It goes on with a line before, and is no other program's.
            (None, Stamp::None) if line.headed || line.continues => {
                (line.words_range(), Eligible::GoesOn)
            }
            (None, Stamp::None) => (line.words_range(), Eligible::Named),
        };
        if line.text.ends_with(b"\r") {
            range.end = range.end.max(range.start + 1) - 1;
        }
        let is_stopped = self.stopped.iter().any(|f| f.as_deref() == line.file);
        let mut repeats = 1;
        if let Some((count, words)) = repeated::message(&line.text[range.clone()]) {
            repeats = count;
            range = range.start + words.start..range.start + words.end;
        }
        let text = &line.text[range.clone()];
        let mut candidates = std::mem::take(&mut self.candidates);
        self.sieve.candidates(text, &mut candidates);
        let (mut found, mut stops) = (Vec::new(), false);
        for number in candidates.iter().map(|n| usize::from(*n)) {
            let rule = &mut self.rules[number];
            if !eligible.has(rule) || is_stopped && !rule.believed {
                continue;
            }
            if let Some(hit) = rule.search(text, &self.wanted) {
                stops |= rule.kind == Kind::Stops;
                let is_failure = rule.is_failure();
                found.push((number, hit));
                // A line about one service's session may be a failure for another.
                if is_failure {
                    break;
                }
            }
        }
        self.candidates = candidates;
        self.met_form |= found
            .iter()
            .any(|(n, _)| self.rules[*n].kind != Kind::Stops);
        if stops && !is_stopped {
            self.stop(line.file);
        }
        found.retain(|(number, _)| !stops || self.rules[*number].believed);
        let shift = |r: Range<usize>| range.start + r.start..range.start + r.end;
        let (event, fields) = found.into_iter().find_map(|(number, mut hit)| {
            let fields = std::mem::take(&mut hit.fields);
            hit.count = hit.count.saturating_mul(repeats).min(MAX_EVENTS);
            Some((self.judge(number, hit, text, line)?, fields))
        })?;
        let fields = fields.into_iter().map(|(i, r)| (i, shift(r))).collect();
        if self.rules[event.rule].kind != Kind::Closes {
            self.last.note(event.rule, event.address, line);
        }
        (event.count > 0).then(|| Hit {
            address: event.address,
            rule: &self.rules[event.rule].name,
            place: event.place.map(shift),
            count: event.count,
            fields,
        })
    }

    /// Notes that a client can write lines into a file.
    fn stop(&mut self, file: Option<&[u8]>) {
        if self.stopped.len() < MAX_FILES {
            self.stopped.push(file.map(Box::from));
        }
    }

    /// The event of a match, together with other lines of its connection.
    fn judge(&mut self, number: usize, found: Match, text: &[u8], line: &Line) -> Option<Event> {
        let rule = &self.rules[number];
        let (address, place) = found.address.clone().unzip();
        let event = |rule, address, count| {
            Some(Event {
                rule,
                address,
                place: place.clone(),
                count,
            })
        };
        if !rule.joins {
            return event(number, address?, found.count);
        }
        self.name.clear();
        let named = found.session.clone().map(|range| &text[range]);
        if !name_connection(rule.service, named, &found, line, &mut self.name) {
            return event(number, address?, found.count).filter(|_| rule.counts());
        }
        let connection = self.connections.get(&self.name);
        let seen = Seen {
            address,
            port: found.port,
            time: line.time,
        };
        let count = found.count;
        match rule.kind {
            Kind::Rule => {
                connection.see(&seen);
                event(
                    number,
                    address?,
                    connection.add(Report::Tries {
                        count,
                        step: rule.step,
                    }),
                )
            }
            Kind::Closes => {
                connection.see(&seen);
                event(number, address?, connection.add(Report::Total(count)))
            }
            Kind::Later => {
                connection.see(&seen);
                let address = connection.failed(number)?;
                event(
                    number,
                    address,
                    connection.add(Report::Tries {
                        count,
                        step: rule.step,
                    }),
                )
            }
            Kind::Names => {
                // Failures that waited for their address have it now.
                let (waiting, count) = connection.begin(&seen)?;
                event(waiting, address?, connection.add(Report::Total(count)))
            }
            Kind::Ends => {
                connection.see(&seen);
                let (waiting, count) = connection.end()?;
                event(waiting, address?, connection.add(Report::Total(count)))
            }
            Kind::Stops => None,
        }
    }

    /// A rule's pattern, in Rust's syntax.
    pub fn pattern(&self, rule: &str) -> Option<&str> {
        let found = self.rules.iter().find(|r| r.name == rule);
        found.map(|r| r.pattern.as_str())
    }
}

/// Appends the name of the connection that a line is about: file, host and program; and the
/// process,
/// or the session that the pattern names, or the client's address and port. Answers whether the
/// line
/// has one.
fn name_connection(
    service: usize,
    session: Option<&[u8]>,
    found: &Match,
    line: &Line,
    name: &mut Vec<u8>,
) -> bool {
    for part in [line.file, line.host, line.program] {
        name.extend_from_slice(part.unwrap_or_default());
        name.push(0);
    }
    if found.names_session && session.is_none() {
        return false;
    }
    if let Some(session) = session {
        // Two services may name their sessions alike.
        name.extend_from_slice(&service.to_ne_bytes());
        name.extend_from_slice(session);
    } else if let Some(pid) = line.pid {
        name.extend_from_slice(pid);
    } else if let (Some((address, _)), Some(port)) = (&found.address, found.port) {
        address.write(name);
        name.extend_from_slice(&port.to_ne_bytes());
    } else {
        return false;
    }
    name.len() <= MAX_NAME
}
