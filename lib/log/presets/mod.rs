//! Ready patterns for common services: the lines that report a failed attempt, and the client.
//!
//! A service is one file here, compiled into the program: its patterns, lines that they match, and
//! lines that they must not match. `read.rs` describes the format; the tests run every line.

mod programs;
mod read;
mod repeated;
mod rule;
mod sessions;
#[cfg(test)]
mod tests;
mod tries;

use std::ops::Range;

use self::programs::Programs;
use self::read::Kind;
pub use self::repeated::MAX_EVENTS;
use self::rule::{Match, Rule};
use self::sessions::Sessions;
use self::tries::{Attempt, Report, Tries};
use crate::line::{Line, Stamp};
use crate::sieve::{self, Sieve};
use pipeban::address::Address;

macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!($name, ".txt"))),)*]
    };
}

/// The services and their files, by name.
const FILES: [(&str, &str); 47] = files! {
    "apache" "asterisk" "authelia" "courier" "cyrus-imap" "dovecot" "dropbear" "exim" "freeswitch"
    "gitea" "grafana" "haproxy" "home-assistant" "jellyfin" "kernel" "keycloak" "lighttpd"
    "mongodb" "mysqld" "named" "nextcloud" "nginx" "nginx-error" "openvpn" "pam-generic" "postfix"
    "postfix-preauth" "postgresql" "postgresql-user" "proftpd" "proftpd-systemlog" "proxmox"
    "pure-ftpd" "roundcube" "samba" "sendmail" "slapd" "squid" "sshd" "sshd-preauth" "sudo"
    "traefik" "traefik-common" "vaultwarden" "vsftpd" "webmin" "wordpress"
};

/// The bytes of a session's name, at most; a longer one is no name.
const MAX_NAME: usize = 256;

/// The files in one input into which a client can write lines, at most; a host has few such logs.
const MAX_FILES: usize = 100;

/// A service for which there are patterns.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// A line that describes it.
    pub title: &'static str,
    /// The way in which a remote party can make it name somebody else, and the condition under
    /// which it cannot (`REASON; safe if …`); `None` if it never can.
    pub forged: Option<&'static str>,
    /// The names of its rules.
    pub rules: Vec<&'static str>,
}

/// All services, by name.
pub fn list() -> Vec<Service> {
    let service = |(name, text): &(&'static str, &'static str)| {
        let preset = read::read(text);
        let mut rules: Vec<_> = preset.rules.iter().map(|r| r.name).collect();
        rules.retain(|name| !name.is_empty());
        rules.dedup();
        Service {
            name,
            title: preset.title,
            forged: Some(preset.forged).filter(|text| !text.is_empty()),
            rules,
        }
    };
    FILES.iter().map(service).collect()
}

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
}

/// An event, with the number of its rule.
struct Event {
    rule: usize,
    address: Address,
    place: Option<Range<usize>>,
    count: u32,
}

/// The line before, if it reported an attempt.
#[derive(Debug)]
struct Last {
    address: Address,
    rule: usize,
    host: Option<Box<[u8]>>,
    file: Option<Box<[u8]>>,
}

/// The patterns of some services, searched together.
#[derive(Debug)]
pub struct Presets {
    rules: Vec<Rule>,
    programs: Programs,
    sieve: Sieve,
    literals: Option<Vec<Vec<u8>>>,
    candidates: Vec<u16>,
    sessions: Sessions,
    tries: Tries,
    last: Option<Last>,
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
                // Who names a marked preset believes its log.
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
                    program: rule.program.map(|pattern| programs.add(&pattern)),
                    own_log: rule.own_log,
                    goes_on: rule.goes_on,
                    named: named[service],
                    believed: named[service] && is_marked,
                    has_sessions: false,
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
            rules,
            programs,
            candidates: Vec::new(),
            sessions: Sessions::default(),
            tries: Tries::default(),
            last: None,
            stopped: Vec::new(),
        })
    }

    /// Texts of which every line that matters has one, behind its carrier; `None` where any line may
    /// matter.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.literals.as_deref()
    }

    /// Begins another input: connections of the last one are none of this.
    pub fn begin_file(&mut self) {
        self.sessions = Sessions::default();
        self.tries = Tries::default();
        self.last = None;
        self.stopped.clear();
    }

    /// Passes over a line that is not checked.
    pub fn pass(&mut self) {
        self.last = None;
    }

    /// The failed attempts that this line reports; lines come in their order. `follows` says
    /// whether the line is right behind the last one that was checked.
    pub fn check(&mut self, line: &Line, follows: bool) -> Option<Hit<'_>> {
        let last = self.last.take().filter(|_| follows);
        if let (Some(count), Some(last)) = (repeated::last(line), last) {
            // Another message may follow that says the same again.
            let last = self.last.insert(last);
            let same = last.host.as_deref() == line.host && last.file.as_deref() == line.file;
            return same.then(|| Hit {
                address: last.address,
                rule: &self.rules[last.rule].name,
                place: None,
                count,
            });
        }
        let (mut range, eligible) = match (line.program, line.stamp) {
            (Some(program), _) => {
                let programs = self.programs.matching(program)?;
                (line.words_range(), Eligible::Program(programs))
            }
            (None, Stamp::Beginning | Stamp::Inside) => (line.rest_range(), Eligible::OwnLog),
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
            if let Some(hit) = rule.search(text) {
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
        if stops && !is_stopped {
            self.stop(line.file);
        }
        found.retain(|(number, _)| !stops || self.rules[*number].believed);
        let event = found.into_iter().find_map(|(number, mut hit)| {
            hit.count = hit.count.saturating_mul(repeats).min(MAX_EVENTS);
            self.judge(number, hit, text, line)
        })?;
        if self.rules[event.rule].kind != Kind::Closes {
            self.last = Some(Last {
                address: event.address,
                rule: event.rule,
                host: line.host.map(Box::from),
                file: line.file.map(Box::from),
            });
        }
        (event.count > 0).then(|| Hit {
            address: event.address,
            rule: &self.rules[event.rule].name,
            place: event
                .place
                .map(|p| range.start + p.start..range.start + p.end),
            count: event.count,
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
        let mut name = None;
        if rule.has_sessions {
            let range = found.session.clone();
            name = session(range.map(|range| &text[range]), line);
        }
        let session = name.map(|name| (rule.service, name));
        let (event, address, place, count) = match (rule.kind, found.address.clone()) {
            (Kind::Rule | Kind::Closes, Some((address, place))) => {
                if let Some(session) = session {
                    self.sessions.named(session, address, line.time);
                }
                (number, address, Some(place), found.count)
            }
            (Kind::Names, Some((address, place))) => {
                if let Some(name) = connection(&found, text, line) {
                    self.tries.begin(&name);
                }
                // Failures that waited for their address have it now.
                let (waiting, count) = self.sessions.begun(session?, address, line.time)?;
                (waiting, address, Some(place), count)
            }
            (Kind::Ends, address) => {
                let (waiting, count) = self.sessions.ended(session?, line.time)?;
                let (address, place) = address?;
                (waiting, address, Some(place), count)
            }
            (Kind::Later, _) => {
                let address = self.sessions.failed(session?, number, line.time)?;
                (number, address, None, found.count)
            }
            _ => return None,
        };
        let report = match (rule.kind, self.rules[event].step) {
            (Kind::Rule | Kind::Later, step) => Report::Tries { count, step },
            // A failure that waited is one of the connection's.
            (Kind::Closes | Kind::Names | Kind::Ends | Kind::Stops, _) => Report::Total(count),
        };
        let attempt = Attempt {
            address,
            port: found.port,
            time: line.time,
            report,
        };
        let connection = rule.joins.then(|| connection(&found, text, line)).flatten();
        let count = self.tries.count(connection, &attempt);
        Some(Event {
            rule: event,
            address,
            place,
            count,
        })
    }

    /// A rule's pattern, in Rust's syntax.
    pub fn pattern(&self, rule: &str) -> Option<&str> {
        let found = self.rules.iter().find(|r| r.name == rule);
        found.map(|r| r.pattern.as_str())
    }
}

/// Notes of each rule whether it needs the memory of sessions and of connections.
fn note_connections(rules: &mut [Rule]) {
    let is_session = |rule: &&Rule| !matches!(rule.kind, Kind::Rule | Kind::Closes | Kind::Stops);
    let sessions: Vec<_> = rules.iter().filter(is_session).map(|r| r.service).collect();
    let is_joined = |rule: &&Rule| rule.step > 0 || rule.kind == Kind::Closes;
    let joined: Vec<_> = rules.iter().filter(is_joined).map(|r| r.service).collect();
    for rule in rules {
        rule.has_sessions = sessions.contains(&rule.service);
        rule.joins = joined.contains(&rule.service);
    }
}

/// The name of the connection that a line is about: the session, where the pattern has a group for
/// it; a host's process; or the client's address and port. `None` for a line that tells none.
fn connection(found: &Match, text: &[u8], line: &Line) -> Option<Vec<u8>> {
    if found.names_session {
        return session(Some(&text[found.session.clone()?]), line);
    }
    if line.pid.is_some() {
        return session(None, line);
    }
    let (address, _) = found.address.as_ref()?;
    let name = format!("{address} {}", found.port?);
    session(Some(name.as_bytes()), line)
}

/// A session's name: file, host and program; and the text in which the pattern found its name, or
/// else the process. `None` for a line that tells neither.
fn session(found: Option<&[u8]>, line: &Line) -> Option<Vec<u8>> {
    let name = found.or(line.pid)?;
    let parts = [line.file, line.host, line.program, Some(name)];
    let parts = parts.map(Option::unwrap_or_default);
    let name = parts.join(&b'\0');
    (name.len() <= MAX_NAME).then_some(name)
}
