//! Ready patterns for common services: the lines that report a failed attempt, and the client.
//!
//! A service is one file here, compiled into the program: its patterns, lines that they match, and
//! lines that they must not match. `read.rs` describes the format; the tests run every line.

mod programs;
mod read;
mod rule;
mod sessions;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::programs::Programs;
use self::read::Kind;
use self::rule::{Match, Rule};
use self::sessions::Sessions;
use crate::line::{Line, Stamp};
use crate::sieve::{self, Sieve};
use pipeban::address::Address;

macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!($name, ".txt"))),)*]
    };
}

/// The services and their files, by name.
const FILES: [(&str, &str); 34] = files! {
    "apache" "asterisk" "courier" "cyrus-imap" "dovecot" "exim" "freeswitch" "gitea" "grafana"
    "haproxy" "home-assistant" "kernel" "mongodb" "mysqld" "named" "nextcloud" "nginx" "openvpn"
    "pam-generic" "postfix" "postgresql" "proftpd" "proxmox" "pure-ftpd" "roundcube" "sendmail"
    "squid" "sshd" "sudo" "traefik" "vaultwarden" "vsftpd" "webmin" "wordpress"
};

/// The bytes of a session's name, at most; a longer one is no name.
const MAX_NAME: usize = 256;

/// A service for which there are patterns.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// A line that describes it.
    pub title: &'static str,
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
}

/// The patterns of some services, searched together.
#[derive(Debug)]
pub struct Presets {
    rules: Vec<Rule>,
    programs: Programs,
    sieve: Sieve,
    candidates: Vec<u16>,
    sessions: Sessions,
}

/// The rules that a line may match.
enum Eligible<'a> {
    /// Those of the program, by the numbers of programs.
    Program(&'a [bool]),
    /// Those about a service's own log.
    OwnLog,
    /// Those of presets that were named: the line tells nothing about its writer.
    Named,
}

impl Eligible<'_> {
    fn has(&self, rule: &Rule) -> bool {
        match self {
            Eligible::Program(programs) => rule.program.is_some_and(|number| programs[number]),
            Eligible::OwnLog => rule.own_log,
            Eligible::Named => rule.named,
        }
    }
}

impl Presets {
    /// Loads services by name; `all` is every one. The error names an unknown name.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Presets, String> {
        let (mut chosen, mut named) = ([false; FILES.len()], [false; FILES.len()]);
        for name in names {
            if name == "all" {
                chosen = [true; FILES.len()];
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
        for (service, (name, text)) in FILES.iter().enumerate().filter(|(i, _)| chosen[*i]) {
            for rule in read::read(text).rules {
                let wrong = |e: String| format!("{name}: {}: {e}", rule.name);
                let pattern = read::expand(&rule.pattern).map_err(wrong)?;
                choices.push(sieve::required(&sieve::parsed(&pattern).map_err(wrong)?));
                rules.push(Rule {
                    name: format!("{name}/{}", rule.name),
                    service,
                    kind: rule.kind,
                    pattern,
                    but: rule.but,
                    program: rule.program.map(|pattern| programs.add(&pattern)),
                    own_log: rule.own_log,
                    named: named[service],
                    compiled: None,
                });
            }
        }
        Ok(Presets {
            sieve: Sieve::new(&choices)?,
            rules,
            programs,
            candidates: Vec::new(),
            sessions: Sessions::default(),
        })
    }

    /// Texts of which the words of every line that matters have one; `None` where any line may
    /// matter.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.sieve.literals()
    }

    /// The failed attempt that this line reports; lines come in their order.
    pub fn check(&mut self, line: &Line) -> Option<Hit<'_>> {
        let (range, eligible) = match (line.program, line.stamp) {
            (Some(program), _) => {
                let programs = self.programs.matching(program)?;
                (line.words_range(), Eligible::Program(programs))
            }
            (None, Stamp::Beginning | Stamp::Inside) => (line.rest_range(), Eligible::OwnLog),
            // It goes on with a line before, and is no other program's.
            (None, Stamp::None) if line.headed || line.continues => return None,
            (None, Stamp::None) => (line.words_range(), Eligible::Named),
        };
        let text = &line.text[range.clone()];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut candidates = std::mem::take(&mut self.candidates);
        self.sieve.candidates(text, &mut candidates);
        let mut found = None;
        for number in candidates.iter().map(|n| usize::from(*n)) {
            let rule = &mut self.rules[number];
            if eligible.has(rule)
                && let Some(hit) = rule.search(text)
            {
                found = Some((number, hit));
                break;
            }
        }
        self.candidates = candidates;
        let (number, hit) = found?;
        let (rule, address, place) = self.judge(number, hit, text, line)?;
        Some(Hit {
            address,
            rule: &self.rules[rule].name,
            place: place.map(|p| range.start + p.start..range.start + p.end),
        })
    }

    fn judge(
        &mut self,
        number: usize,
        found: Match,
        text: &[u8],
        line: &Line,
    ) -> Option<(usize, Address, Option<Range<usize>>)> {
        let rule = &self.rules[number];
        let session = session(found.session.map(|range| &text[range]), line);
        let session = session.map(|name| (rule.service, name));
        match (rule.kind, found.address) {
            (Kind::Rule, Some((address, place))) => {
                if let Some(session) = session {
                    self.sessions.named(session, address);
                }
                Some((number, address, Some(place)))
            }
            (Kind::Names, Some((address, place))) => {
                // A failure that waited for its address has it now.
                let waiting = self.sessions.named(session?, address)?;
                Some((waiting, address, Some(place)))
            }
            (Kind::Ends, Some((address, place))) => {
                let waiting = self.sessions.ended(&session?)?;
                Some((waiting, address, Some(place)))
            }
            (Kind::Later, _) => {
                let address = self.sessions.failed(session?, number)?;
                Some((number, address, None))
            }
            _ => None,
        }
    }

    /// A rule's pattern, in Rust's syntax.
    pub fn pattern(&self, rule: &str) -> Option<&str> {
        let found = self.rules.iter().find(|r| r.name == rule);
        found.map(|r| r.pattern.as_str())
    }
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
