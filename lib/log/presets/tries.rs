//! Judges the lines of one connection together.

use super::connections::{Connections, Name, Report, Seen};
use super::matched::Match;
use super::read::Kind;
use super::rule::Rule;
use crate::line::Line;
use pipeban::address::Address;
use pipeban::time::Time;

/// A match of a rule, and all by which it is judged together with other lines of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// The number of the rule.
    pub(super) rule: u16,
    /// Whether the rule is only about the end of a connection, which its process names.
    by_process: bool,
    /// The name of the connection; `None` if the line is judged alone.
    name: Option<Name>,
    pub(super) address: Option<Address>,
    port: Option<u16>,
    time: Option<Time>,
    count: u32,
}

/// An event, with the number of its rule.
pub(super) struct Event {
    pub(super) rule: usize,
    pub(super) address: Address,
    pub(super) count: u32,
}

impl Sighting {
    /// The client, if the line names it.
    pub fn address(&self) -> Option<Address> {
        self.address
    }

    /// Whether its judgement depends on other lines.
    pub(super) fn depends(&self) -> bool {
        self.name.is_some()
    }
}

/// Whether two texts are the same. To compare empty ones with a call of the library is slow where
/// they are at no address.
fn same((one, other): (&Vec<u8>, &[u8])) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

/// The tries of connections.
#[derive(Debug, Default)]
pub(super) struct Tries {
    connections: Connections,
    /// The source of the last line.
    source: Source,
}

/// The source of a line: file, host and program. Most lines have that of the line before.
#[derive(Debug, Default)]
struct Source {
    parts: [Vec<u8>; 3],
    /// The beginning of the names of its connections.
    name: Option<Name>,
}

impl Source {
    fn name(&mut self, line: &Line, connections: &Connections) -> Name {
        let parts = [line.file, line.host, line.program].map(Option::unwrap_or_default);
        match &self.name {
            Some(name) if self.parts.iter().zip(parts).all(same) => *name,
            _ => {
                for (mine, part) in self.parts.iter_mut().zip(parts) {
                    mine.clear();
                    mine.extend_from_slice(part);
                }
                *self.name.insert(connections.name(&parts))
            }
        }
    }
}

impl Tries {
    /// Forgets all connections.
    pub(super) fn clear(&mut self) {
        self.connections.clear();
    }

    /// Whether a rule is only about the end of a connection, and this line's is not known: then
    /// there is nothing to end. Scanners open many connections of which nothing else is written.
    pub(super) fn has_none_to_end(&mut self, rule: &Rule, line: &Line) -> bool {
        let by_process = rule.kind == Kind::Ends && !rule.names_session;
        let Some(pid) = line.pid.filter(|_| by_process) else {
            return false;
        };
        let name = self.of_process(line, pid);
        !self.connections.knows(name)
    }

    /// Whether a sighting is only about the end of a connection that is not known.
    pub(super) fn ends_none(&self, sighting: &Sighting) -> bool {
        let name = sighting.name.filter(|_| sighting.by_process);
        name.is_some_and(|name| !self.connections.knows(name))
    }

    /// A match, by all that its judgement needs.
    pub(super) fn sighting(
        &mut self,
        number: u16,
        rule: &Rule,
        found: &Match,
        text: &[u8],
        line: &Line,
    ) -> Sighting {
        Sighting {
            rule: number,
            by_process: rule.kind == Kind::Ends && !rule.names_session && line.pid.is_some(),
            name: match rule.joins && rule.kind != Kind::Success {
                true => self.name(rule, found, text, line),
                false => None,
            },
            address: found.address.as_ref().map(|(address, _)| *address),
            port: found.port,
            time: line.time,
            count: found.count,
        }
    }

    /// The event of a sighting, together with other lines of its connection.
    pub(super) fn judge(&mut self, rule: &Rule, sighting: &Sighting) -> Option<Event> {
        let Sighting {
            rule: number,
            address,
            count,
            ..
        } = *sighting;
        let event = |rule, address, count| {
            Some(Event {
                rule: usize::from(rule),
                address,
                count,
            })
        };
        let Some(name) = sighting.name else {
            return event(number, address?, count).filter(|_| !rule.joins || rule.counts());
        };
        let connection = self.connections.get(name);
        let seen = Seen {
            address,
            port: sighting.port,
            time: sighting.time,
        };
        let tries = Report::Tries {
            count,
            step: rule.step,
        };
        match rule.kind {
            Kind::Rule => {
                connection.see(&seen);
                event(number, address?, connection.add(tries))
            }
            Kind::Closes => {
                connection.see(&seen);
                event(number, address?, connection.add(Report::Total(count)))
            }
            Kind::Later => {
                connection.see(&seen);
                let address = connection.failed(number)?;
                event(number, address, connection.add(tries))
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
            // A success is no try: it changes nothing.
            Kind::Stops | Kind::Success => None,
        }
    }

    /// The name of the connection of a process.
    fn of_process(&mut self, line: &Line, pid: &[u8]) -> Name {
        let source = self.source.name(line, &self.connections);
        let mut number = [0; 8];
        match number.get_mut(..pid.len()) {
            Some(bytes) => bytes.copy_from_slice(pid),
            None => return self.of(source, &[pid]),
        }
        source.numbered(u64::from_ne_bytes(number))
    }

    /// The name of the connection of a source that these parts are together.
    fn of(&self, source: Name, parts: &[&[u8]]) -> Name {
        source.and(self.connections.name(parts))
    }

    /// The name of the connection that a line is about: file, host and program, and the process, or
    /// the session that the pattern names, or the client's address and port. `None` if the line has
    /// none of these.
    fn name(&mut self, rule: &Rule, found: &Match, text: &[u8], line: &Line) -> Option<Name> {
        let source = self.source.name(line, &self.connections);
        if rule.names_session {
            // Two services may name their sessions alike.
            let service = rule.service.to_ne_bytes();
            return Some(self.of(source, &[&service, &text[found.session.clone()?]]));
        }
        if let Some(pid) = line.pid {
            return Some(self.of_process(line, pid));
        }
        let mut client = Vec::new();
        found.address.as_ref()?.0.write(&mut client);
        Some(self.of(source, &[&client, &found.port?.to_ne_bytes()]))
    }
}
