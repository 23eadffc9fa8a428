//! Sessions with failure and address on different lines.

use std::collections::{HashMap, VecDeque};

use pipeban::address::Address;

/// Sessions remembered at once; the oldest goes first.
pub(super) const MAX_SESSIONS: usize = 1000;

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
    /// The rule of a failure whose address is not known yet.
    waiting: Option<usize>,
}

impl Sessions {
    /// Notes the address; the answer is the rule of a failure that waited for it.
    pub(super) fn named(&mut self, name: SessionName, address: Address) -> Option<usize> {
        let session = self.session(name);
        session.address = Some(address);
        session.waiting.take()
    }

    /// Notes a failure; the answer is its address, if that is known.
    pub(super) fn failed(&mut self, name: SessionName, rule: usize) -> Option<Address> {
        let session = self.session(name);
        if session.address.is_none() {
            session.waiting = Some(rule);
        }
        session.address
    }

    /// Forgets a session; the answer is the rule of a failure that waited for its address.
    pub(super) fn ended(&mut self, name: &SessionName) -> Option<usize> {
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
