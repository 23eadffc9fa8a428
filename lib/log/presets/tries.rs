//! Tries: the lines of a connection that report the same failed attempt count once.
//!
//! A daemon may write several lines about one try: `Invalid user`, then `Failed password for invalid
//! user`. Rules about such lines have steps. A line with a higher step than the line before, on the
//! same connection, belongs to the same try; any other line begins a new one. A line that closes a
//! connection reports tries in total; those that were not counted yet are counted then.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

/// Connections remembered at once; the oldest goes first.
pub(super) const MAX_CONNECTIONS: usize = 4000;
/// A connection without a line for this long is over: sshd's LoginGraceTime is two minutes.
const MAX_SILENCE: Duration = Duration::from_secs(600);

/// The known facts of a connection.
#[derive(Debug)]
struct Connection {
    address: Address,
    port: Option<u16>,
    /// The time of its last line.
    time: Option<Time>,
    /// The tries that were counted.
    counted: u32,
    /// The step of the last line.
    step: u8,
}

/// The connections that are remembered.
#[derive(Debug, Default)]
pub(super) struct Tries {
    connections: HashMap<Vec<u8>, Connection>,
    /// Names in the order of their first lines.
    order: VecDeque<Vec<u8>>,
}

/// A line about a failed attempt.
pub(super) struct Attempt {
    pub(super) address: Address,
    /// The client's port, if the line has it.
    pub(super) port: Option<u16>,
    pub(super) time: Option<Time>,
    pub(super) report: Report,
}

/// The attempts that a line reports.
#[derive(Clone, Copy)]
pub(super) enum Report {
    /// This many, of this step; 0 is a rule without steps.
    Tries { count: u32, step: u8 },
    /// This many on the connection so far.
    Total(u32),
}

impl Tries {
    /// The number of attempts that this line adds to the connection of this name.
    pub(super) fn count(&mut self, name: Option<Vec<u8>>, attempt: &Attempt) -> u32 {
        let Some(name) = name else {
            return match attempt.report {
                Report::Tries { count, .. } | Report::Total(count) => count,
            };
        };
        let connection = self.connection(name, attempt);
        let added = match attempt.report {
            Report::Tries { count, step } => {
                let goes_on = step > connection.step && connection.step > 0;
                connection.step = step;
                count - u32::from(goes_on && count > 0)
            }
            Report::Total(total) => total.saturating_sub(connection.counted),
        };
        connection.counted = connection.counted.saturating_add(added);
        connection.time = attempt.time.or(connection.time);
        connection.port = attempt.port.or(connection.port);
        added
    }

    /// The connection of this name, or a new one if that was another client's or is over.
    fn connection(&mut self, name: Vec<u8>, attempt: &Attempt) -> &mut Connection {
        let new = || Connection {
            address: attempt.address,
            port: attempt.port,
            time: attempt.time,
            counted: 0,
            step: 0,
        };
        if !self.connections.contains_key(&name) {
            if self.order.len() >= MAX_CONNECTIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.connections.remove(&oldest);
            }
            self.order.push_back(name.clone());
        }
        let connection = self.connections.entry(name).or_insert_with(new);
        let other_port = connection
            .port
            .zip(attempt.port)
            .is_some_and(|(a, b)| a != b);
        let times = connection.time.zip(attempt.time);
        let silent = times.is_some_and(|(a, b)| b.since(a) > MAX_SILENCE);
        if connection.address != attempt.address || other_port || silent {
            *connection = new();
        }
        connection
    }

    /// Forgets a connection: another one of this name begins.
    pub(super) fn begin(&mut self, name: &[u8]) {
        if let Some(connection) = self.connections.get_mut(name) {
            (connection.counted, connection.step) = (0, 0);
        }
    }

    /// Connections remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.connections.len().max(self.order.len())
    }
}
