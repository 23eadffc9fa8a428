//! Ready patterns for common services: the lines that report a failed attempt, and the client.
//!
//! A service is one file here, compiled into the program: its patterns, lines that they match, and
//! lines that they must not match. `read.rs` describes the format; the tests run every line.

mod amid;
pub mod check;
mod choice;
mod connections;
mod faults;
mod files;
mod groups;
mod load;
mod matched;
mod object_rule;
mod own;
mod programs;
mod read;
mod repeated;
mod rule;
#[cfg(test)]
mod tests;
mod tries;
mod waiting;

use std::ops::Range;

use memchr::memrchr;

pub use self::choice::forged;
pub use self::files::{Service, list};
use self::groups::{Groups, Writer};
use self::load::load;
use self::matched::Match;
use self::programs::Programs;
use self::read::Kind;
pub use self::repeated::MAX_EVENTS;
use self::rule::Rule;
pub use self::tries::Sighting;
use self::tries::Tries;
pub use self::waiting::Again;
use self::waiting::{Attempt, Waiting};
use crate::line::{Line, Stamp};
pub use amid::{Behind, Known, Pending};
use pipeban::address::Address;
use pipeban::complain::Fault;

/// The files in one input into which a client can write lines, at most; a host has few such logs.
const MAX_FILES: usize = 100;

/// Texts that were asked for: the number there, and the text.
type Fields = Vec<(usize, Vec<u8>)>;

/// A failed attempt, or a login that went well.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The client.
    pub address: Address,
    /// Service and rule: `sshd/failed`.
    pub rule: &'a str,
    /// The bytes of the address in the line's text; `None` if it was on another line of the
    /// session.
    pub place: Option<Range<usize>>,
    /// Whether it is no failure, but a login that went well.
    pub success: bool,
    /// The number of events, at least 1.
    pub count: u32,
    /// The groups that were asked for: the number there, and the text.
    pub fields: Vec<(usize, Vec<u8>)>,
}

/// The line before.
#[derive(Debug, Default)]
struct Last {
    /// Its attempt, if it reported one.
    attempt: Option<Attempt>,
    /// The texts of it that were asked for.
    fields: Fields,
    /// The number of its sighting, if it waited.
    sighting: usize,
    /// Its host and file.
    host: Vec<u8>,
    file: Vec<u8>,
}

impl Last {
    fn note(&mut self, attempt: Attempt, fields: &Fields, line: &Line) {
        self.attempt = Some(attempt);
        self.fields.clone_from(fields);
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
    groups: Groups,
    literals: Option<Vec<Vec<u8>>>,
    /// The names of groups that are asked for.
    wanted: Vec<String>,
    /// Whether any rule is about a service's own log.
    has_own_log: bool,
    met_form: bool,
    /// Buffers: the rules that a line may match, and those that it matches.
    candidates: Vec<u16>,
    found: Vec<(u16, Match)>,
    tries: Tries,
    last: Last,
    /// The files, by their names in the lines, into which a client can write lines.
    stopped: Vec<Option<Box<[u8]>>>,
    /// The number of failures in such files that were not believed, and the rule that first showed
    /// that a file is one.
    unbelieved: (u64, Option<usize>),
    /// In the middle of an input: the last line, if its judgement depends on lines before.
    waiting: Option<Waiting>,
}

impl Presets {
    /// Loads services by name; `all` is every one that no remote party can turn against others,
    /// `sshd/failed` one rule of a service, another name with a slash a file of the user's own, or
    /// one rule of it. Rules about successes are loaded by such a name alone. The error names an
    /// unknown name, or the line of a file.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Presets, Fault> {
        let (rules, programs) = load(names)?;
        let literals = rules.iter().map(|rule| groups::literals(rule, &programs));
        let mut literals = literals.collect::<Option<Vec<_>>>().map(|all| all.concat());
        if let Some(literals) = &mut literals {
            literals.push(repeated::LITERAL.to_vec());
            literals.sort();
            literals.dedup();
        }
        Ok(Presets {
            groups: Groups::default(),
            literals,
            wanted: Vec::new(),
            has_own_log: rules.iter().any(|r| r.own_log && r.kind != Kind::Stops),
            met_form: false,
            rules,
            programs,
            candidates: Vec::new(),
            found: Vec::new(),
            tries: Tries::default(),
            last: Last::default(),
            stopped: Vec::new(),
            unbelieved: (0, None),
            waiting: None,
        })
    }

    /// Texts of which every line that matters has one, behind its carrier; `None` where any line
    /// may matter.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.literals.as_deref()
    }

    /// Asks for the texts of groups with these names.
    pub fn want(&mut self, names: &[String]) {
        self.wanted = names.to_vec();
    }

    /// Whether a rule has a group of this name.
    pub fn has_group(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.has_field(name))
    }

    /// Whether any line so far was of a program or a form that the rules are about.
    pub fn met_form(&self) -> bool {
        self.met_form
    }

    /// The number of failures that were not believed, for clients can write lines into their log,
    /// and the service that writes it; `None` if all were.
    pub fn unbelieved(&self) -> Option<(u64, &str)> {
        let (count, rule) = self.unbelieved;
        let name = self.rules[rule?].name.trim_end_matches('/');
        (count > 0).then_some((count, name))
    }

    /// The names of the programs that the rules are about; `None` if they are not a few.
    pub fn programs(&self) -> Option<Vec<String>> {
        self.programs.names()
    }

    /// Begins another input: connections of the last one are none of this.
    pub fn begin_file(&mut self) {
        self.tries.clear();
        self.pass();
        self.stopped.clear();
    }

    /// Passes over a line that is not checked.
    pub fn pass(&mut self) {
        self.last.attempt = None;
        if let Some(waiting) = &mut self.waiting {
            waiting.clear();
        }
    }

    /// The attempts that this line reports; lines come in their order. `follows` says
    /// whether the line is right behind the last one that was checked.
    pub fn check(&mut self, line: &Line, follows: bool) -> Option<Hit<'_>> {
        let last = self.last.attempt.take().filter(|_| follows);
        let mut again = None;
        if let Some(waiting) = &mut self.waiting {
            waiting.clear();
        }
        if let Some(last) = last
            && let Some(count) = repeated::last(line)
        {
            let is_same = self.last.is_of(line);
            match last {
                Attempt::By(..) if !is_same => return None,
                Attempt::By(rule, address) => {
                    // Another message may follow that says the same again.
                    self.last.attempt = Some(last);
                    let fields = self.last.fields.clone();
                    return (count > 0).then(|| self.hit(rule, address, count, fields));
                }
                unsure => again = Some((unsure, Again { count, is_same })),
            }
        }
        let range = self.find(line);
        if self.waiting.is_some() && self.waits(again, &range, line) {
            return None;
        }
        let range = range?;
        let text = &line.text[range.clone()];
        let (event, place, fields) = self.found.drain(..).find_map(|(number, mut hit)| {
            let fields = std::mem::take(&mut hit.fields);
            let rule = &self.rules[usize::from(number)];
            let sighting = self.tries.sighting(number, rule, &hit, text, line);
            let event = self.tries.judge(rule, &sighting)?;
            Some((event, hit.address.map(|(_, place)| place), fields))
        })?;
        let rule = &self.rules[event.rule];
        if rule.kind != Kind::Closes {
            let attempt = Attempt::By(event.rule, event.address);
            self.last.note(attempt, &fields, line);
        }
        let shift = |r: Range<usize>| range.start + r.start..range.start + r.end;
        (event.count > 0).then(|| Hit {
            address: event.address,
            rule: &rule.name,
            success: rule.kind == Kind::Success,
            place: place.map(shift),
            count: event.count,
            fields,
        })
    }

    /// An attempt of which the place is not known.
    fn hit(&self, rule: usize, address: Address, count: u32, fields: Fields) -> Hit<'_> {
        Hit {
            address,
            rule: &self.rules[rule].name,
            success: self.rules[rule].kind == Kind::Success,
            place: None,
            count,
            fields,
        }
    }

    /// Puts the matches of a line into `found`; answers where their text is.
    fn find(&mut self, line: &Line) -> Option<Range<usize>> {
        self.found.clear();
        let (mut range, writer) = match (line.program, line.stamp) {
            (Some(program), _) => {
                let number = self.programs.number_of(program)?;
                self.met_form = self.met_form || self.programs.writes_failures(number);
                (line.words_range(), Writer::Program(number))
            }
            (None, stamp @ (Stamp::Beginning | Stamp::Inside)) => {
                self.met_form |= self.has_own_log;
                let is_amid = line.headed && stamp == Stamp::Inside;
                let writer = [Writer::OwnLog, Writer::AmidHeads][usize::from(is_amid)];
                (line.rest_range(), writer)
            }
            // It goes on with a line before, and is no other program's.
            (None, Stamp::None) if line.headed || line.continues => {
                (line.words_range(), Writer::GoesOn)
            }
            (None, Stamp::None) => (line.words_range(), Writer::Unknown),
        };
        range.end = range.start + without_end(&line.text[range.clone()]);
        let is_stopped = self.stopped.iter().any(|f| f.as_deref() == line.file);
        let mut repeats = 1;
        if let Some((count, words)) = repeated::message(&line.text[range.clone()]) {
            repeats = count;
            range = range.start + words.start..range.start + words.end;
        }
        let text = &line.text[range.clone()];
        let group = self.groups.of(writer, &self.rules, &self.programs);
        group.candidates(text, &mut self.candidates);
        let (mut stops, mut success) = (false, None);
        for number in self.candidates.iter().copied() {
            let rule = &mut self.rules[usize::from(number)];
            if is_stopped && !rule.believed {
                let counts = rule.is_failure() && rule.search(text, &[]).is_some();
                self.unbelieved.0 += u64::from(counts);
                continue;
            }
            // Amid an input that is not known.
            if self.waiting.is_none() && self.tries.has_none_to_end(rule, line) {
                continue;
            }
            if let Some(mut hit) = rule.search(text, &self.wanted) {
                hit.count = hit.count.saturating_mul(repeats).min(MAX_EVENTS);
                if rule.kind == Kind::Stops {
                    stops = true;
                    self.unbelieved.1.get_or_insert(usize::from(number));
                }
                if rule.kind == Kind::Success {
                    success.get_or_insert((number, hit));
                    continue;
                }
                self.found.push((number, hit));
                // A line about one service's session may be a failure for another.
                if rule.is_failure() {
                    break;
                }
            }
        }
        self.met_form = self.met_form || {
            let found = self.found.iter().chain(&success);
            let mut rules = found.map(|(n, _)| &self.rules[usize::from(*n)]);
            rules.any(|rule| rule.kind != Kind::Stops)
        };
        if stops {
            let believed = |(number, _): &(u16, Match)| self.rules[usize::from(*number)].believed;
            self.found.retain(believed);
            success = success.filter(believed);
            if !is_stopped {
                self.stop(line.file);
            }
        }
        // A line that one rule takes for a failure, and another for a success, is a failure.
        self.found.extend(success);
        (!self.found.is_empty()).then_some(range)
    }

    /// Notes that a client can write lines into a file.
    fn stop(&mut self, file: Option<&[u8]>) {
        if self.stopped.len() < MAX_FILES {
            self.stopped.push(file.map(Box::from));
        }
    }

    /// A rule's pattern, in Rust's syntax.
    pub fn pattern(&self, rule: &str) -> Option<&str> {
        let found = self.rules.iter().find(|r| r.name == rule);
        found.map(|r| r.pattern.as_str())
    }
}

/// The length of a text without the carriage return and the colours at its end.
#[inline]
fn without_end(text: &[u8]) -> usize {
    match text.last() {
        Some(b'\r' | b'm' | b'K') => without_colours(text),
        _ => text.len(),
    }
}

/// The same, of a text that may have some.
fn without_colours(mut text: &[u8]) -> usize {
    loop {
        text = text.strip_suffix(b"\r").unwrap_or(text);
        let near = text.len().saturating_sub(16);
        let colour = memrchr(0x1b, &text[near..]).map(|at| near + at);
        let Some((at, [0x1b, b'[', inside @ .., b'm' | b'K'])) = colour.map(|at| (at, &text[at..]))
        else {
            return text.len();
        };
        if !inside.iter().all(|b| b.is_ascii_digit() || *b == b';') {
            return text.len();
        }
        text = &text[..at];
    }
}
