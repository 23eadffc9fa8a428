//! Sessions with failure and address on different lines.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

/// Sessions remembered at once; the oldest goes first. A host has far fewer logins under way, so a
/// client can't push out a session by connecting often.
pub(super) const MAX_SESSIONS: usize = 20_000;
/// A session without a line for this long is over: its process may have become another's.
const MAX_SILENCE: Duration = Duration::from_secs(600);
/// Threads may write a connection's first line after a later one, at most this long after.
const MAX_DISORDER: Duration = Duration::from_secs(1);

/// The number of a service, and the session's name.
pub(super) type SessionName = (usize, Vec<u8>);

/// The known facts of sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    pub(super) known: HashMap<SessionName, Session>,
    pub(super) order: VecDeque<SessionName>,
}

/// The known facts of one session.
#[derive(Debug, Default)]
pub(super) struct Session {
    address: Option<Address>,
    /// The rule and the number of failures whose address is not known yet.
    waiting: Option<(usize, u32)>,
    /// The time of its last line.
    time: Option<Time>,
}

impl Sessions {
    /// Notes that a connection begins; the answer is the rule and the number of failures that
    /// waited for its address. Those of an earlier owner of the name are forgotten.
    pub(super) fn begun(
        &mut self,
        name: SessionName,
        address: Address,
        time: Option<Time>,
    ) -> Option<(usize, u32)> {
        let session = self.session(name, time);
        let times = session.time.zip(time);
        let is_near = times.is_some_and(|(a, b)| b.since(a).max(a.since(b)) <= MAX_DISORDER);
        let waiting = session.waiting.take().filter(|_| is_near);
        (session.address, session.time) = (Some(address), time);
        waiting
    }

    /// Notes the address of a failure of its own.
    pub(super) fn named(&mut self, name: SessionName, address: Address, time: Option<Time>) {
        let session = self.session(name, time);
        *session = Session {
            address: Some(address),
            waiting: None,
            time,
        };
    }

    /// Notes a failure; the answer is its address, if that is known.
    pub(super) fn failed(
        &mut self,
        name: SessionName,
        rule: usize,
        time: Option<Time>,
    ) -> Option<Address> {
        let session = self.session(name, time);
        session.time = time;
        if session.address.is_none() {
            let before = session.waiting.map_or(0, |(_, count)| count);
            session.waiting = Some((rule, before.saturating_add(1)));
        }
        session.address
    }

    /// Forgets a session; the answer is the rule and the number of failures that waited for its
    /// address.
    pub(super) fn ended(&mut self, name: SessionName, time: Option<Time>) -> Option<(usize, u32)> {
        if !self.known.contains_key(&name) {
            return None;
        }
        // Its name stays in the order of the known ones, empty.
        std::mem::take(self.session(name, time)).waiting
    }

    /// The session of this name; an empty one if the last of this name is over.
    fn session(&mut self, name: SessionName, time: Option<Time>) -> &mut Session {
        if !self.known.contains_key(&name) {
            if self.order.len() >= MAX_SESSIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(name.clone());
        }
        let session = self.known.entry(name).or_default();
        let times = session.time.zip(time);
        if times.is_some_and(|(a, b)| b.since(a) > MAX_SILENCE) {
            *session = Session::default();
        }
        session
    }
}
