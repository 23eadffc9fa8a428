//! Judges the lines of one connection together.

use std::ops::Range;

use super::connections::{Connections, Report, Seen};
use super::matched::Match;
use super::read::Kind;
use super::rule::Rule;
use crate::line::Line;
use pipeban::address::Address;

/// The bytes of a connection's name, at most; a longer one is no name.
const MAX_NAME: usize = 256;

/// An event, with the number of its rule.
pub(super) struct Event {
    pub(super) rule: usize,
    pub(super) address: Address,
    pub(super) place: Option<Range<usize>>,
    pub(super) count: u32,
}

/// The tries of connections.
#[derive(Debug, Default)]
pub(super) struct Tries {
    connections: Connections,
    /// A buffer for the name of a connection.
    name: Vec<u8>,
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
        begin_name(line, &mut self.name);
        self.name.extend_from_slice(pid);
        !self.connections.knows(&self.name)
    }

    /// The event of a match, together with other lines of its connection.
    pub(super) fn judge(
        &mut self,
        number: usize,
        rule: &Rule,
        found: Match,
        text: &[u8],
        line: &Line,
    ) -> Option<Event> {
        let has_name = rule.joins && name_connection(rule, &found, text, line, &mut self.name);
        let (address, place) = found.address.unzip();
        let event = |rule, address, count| {
            Some(Event {
                rule,
                address,
                place,
                count,
            })
        };
        if !has_name {
            return event(number, address?, found.count).filter(|_| !rule.joins || rule.counts());
        }
        let connection = self.connections.get(&self.name);
        let seen = Seen {
            address,
            port: found.port,
            time: line.time,
        };
        let tries = Report::Tries {
            count: found.count,
            step: rule.step,
        };
        match rule.kind {
            Kind::Rule => {
                connection.see(&seen);
                event(number, address?, connection.add(tries))
            }
            Kind::Closes => {
                connection.see(&seen);
                event(number, address?, connection.add(Report::Total(found.count)))
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
            Kind::Stops => None,
        }
    }
}

/// Begins the name of a connection: file, host and program.
fn begin_name(line: &Line, name: &mut Vec<u8>) {
    name.clear();
    for part in [line.file, line.host, line.program] {
        name.extend_from_slice(part.unwrap_or_default());
        name.push(0);
    }
}

/// The name of the connection that a line is about: behind its beginning the process, or the
/// session that the pattern names, or the client's address and port. Answers whether the line has
/// one.
fn name_connection(
    rule: &Rule,
    found: &Match,
    text: &[u8],
    line: &Line,
    name: &mut Vec<u8>,
) -> bool {
    begin_name(line, name);
    if rule.names_session {
        let Some(session) = found.session.clone() else {
            return false;
        };
        // Two services may name their sessions alike.
        name.extend_from_slice(&rule.service.to_ne_bytes());
        name.extend_from_slice(&text[session]);
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
