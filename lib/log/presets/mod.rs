//! Ready patterns for common services: the lines that report a failed attempt, and the client.
//!
//! A service is one file here, compiled into the program: its patterns, lines that they match, and
//! lines that they must not match. `read.rs` describes the format; the tests run every line.

mod read;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use self::read::Kind;
use crate::search::Search;
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

/// Sessions remembered at once; the oldest goes first.
const MAX_SESSIONS: usize = 1000;
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
    /// The bytes of the address in the line; `None` if it was on another line of the session.
    pub place: Option<Range<usize>>,
}

/// The patterns of some services, searched together.
#[derive(Debug)]
pub struct Presets {
    rules: Vec<Rule>,
    sieve: Sieve,
    candidates: Vec<u16>,
    sessions: Sessions,
}

#[derive(Debug)]
struct Rule {
    /// `sshd/failed`.
    name: String,
    /// The number of the service; sessions of two services are different.
    service: usize,
    kind: Kind,
    pattern: String,
    /// Lines that match this, too, do not count.
    but: Option<String>,
    compiled: Option<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    pattern: Search,
    but: Option<Regex>,
    /// The numbers of the groups that may hold the address.
    addresses: Vec<usize>,
    session: Option<usize>,
}

impl Presets {
    /// Loads services by name; `all` is every one. The error names an unknown name.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Presets, String> {
        let mut chosen = [false; FILES.len()];
        for name in names {
            if name == "all" {
                chosen = [true; FILES.len()];
                continue;
            }
            let number = FILES.iter().position(|(n, _)| *n == name);
            let number = number.ok_or_else(|| format!("no preset of that name: \"{name}\""))?;
            chosen[number] = true;
        }
        if !chosen.contains(&true) {
            return Err("the name of a preset is missing".into());
        }
        let mut rules = Vec::new();
        let mut choices = Vec::new();
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
                    compiled: None,
                });
            }
        }
        Ok(Presets {
            sieve: Sieve::new(&choices)?,
            rules,
            candidates: Vec::new(),
            sessions: Sessions::default(),
        })
    }

    /// Texts of which every line that matters has one; `None` where any line may matter.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.sieve.literals()
    }

    /// The failed attempt that this line, given without its newline, reports; lines come in their
    /// order.
    pub fn check(&mut self, line: &[u8]) -> Option<Hit<'_>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut candidates = std::mem::take(&mut self.candidates);
        self.sieve.candidates(line, &mut candidates);
        let mut hit = None;
        for &number in &candidates {
            if let Some(found) = self.rules[usize::from(number)].search(line) {
                hit = self.judge(usize::from(number), found);
                break;
            }
        }
        self.candidates = candidates;
        let (rule, address, place) = hit?;
        let rule = &self.rules[rule].name;
        Some(Hit {
            address,
            rule,
            place,
        })
    }

    fn judge(
        &mut self,
        number: usize,
        found: Match,
    ) -> Option<(usize, Address, Option<Range<usize>>)> {
        let rule = &self.rules[number];
        let session = found.session.map(|name| (rule.service, name));
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

struct Match {
    address: Option<(Address, Range<usize>)>,
    session: Option<Vec<u8>>,
}

impl Rule {
    /// The match in the line; `None` also if the text in the address's place is none.
    fn search(&mut self, line: &[u8]) -> Option<Match> {
        if self.compiled.is_none() {
            self.compiled = compile(&self.pattern, self.but.as_deref());
        }
        let compiled = self.compiled.as_mut()?;
        if !compiled.pattern.find(line).ok()? {
            return None;
        }
        let locations = &compiled.pattern;
        if compiled.but.as_ref().is_some_and(|b| b.is_match(line)) {
            return None;
        }
        let place = compiled.addresses.iter().find_map(|g| locations.group(*g));
        let address = match place {
            Some((start, end)) => {
                let end = start + without_port(&line[start..end]).len();
                Some((Address::parse(&line[start..end])?, start..end))
            }
            None => None,
        };
        let session = compiled.session.and_then(|g| locations.group(g));
        let session = session.filter(|(start, end)| end - start <= MAX_NAME);
        Some(Match {
            address,
            session: session.map(|(start, end)| line[start..end].to_vec()),
        })
    }
}

/// A dotted quad without the port that may follow; an IPv6 address stays as it is.
fn without_port(text: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', text) {
        Some(at) if memchr::memrchr(b'.', &text[..at]).is_some() => &text[..at],
        _ => text,
    }
}

/// Compiles a rule. The tests compile every rule, so `None` does not happen.
fn compile(pattern: &str, but: Option<&str>) -> Option<Compiled> {
    let build = |text: &str| RegexBuilder::new(text).unicode(false).build().ok();
    let pattern = Search::new(pattern);
    let names = pattern.names().ok()?;
    let named = |wanted: &str| {
        let found = names.iter().filter(|(_, name)| name.starts_with(wanted));
        found.map(|(number, _)| *number).collect::<Vec<_>>()
    };
    Some(Compiled {
        but: match but {
            Some(but) => Some(build(but)?),
            None => None,
        },
        addresses: named("ip"),
        session: named("session").first().copied(),
        pattern,
    })
}

type SessionName = (usize, Vec<u8>);

/// The known facts of sessions with failure and address on different lines.
#[derive(Debug, Default)]
struct Sessions {
    known: HashMap<SessionName, Session>,
    order: VecDeque<SessionName>,
}

#[derive(Debug, Default)]
struct Session {
    address: Option<Address>,
    /// The rule of a failure whose address is not known yet.
    waiting: Option<usize>,
}

impl Sessions {
    /// Notes the address; the answer is the rule of a failure that waited for it.
    fn named(&mut self, name: SessionName, address: Address) -> Option<usize> {
        let session = self.session(name);
        session.address = Some(address);
        session.waiting.take()
    }

    /// Notes a failure; the answer is its address, if that is known.
    fn failed(&mut self, name: SessionName, rule: usize) -> Option<Address> {
        let session = self.session(name);
        if session.address.is_none() {
            session.waiting = Some(rule);
        }
        session.address
    }

    /// Forgets a session; the answer is the rule of a failure that waited for its address.
    fn ended(&mut self, name: &SessionName) -> Option<usize> {
        let session = self.known.get_mut(name)?;
        // Its name stays in the order of the known ones, empty.
        std::mem::take(session).waiting
    }

    fn session(&mut self, name: SessionName) -> &mut Session {
        if !self.known.contains_key(&name) {
            if self.order.len() >= MAX_SESSIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(name.clone());
        }
        self.known.entry(name).or_default()
    }
}
