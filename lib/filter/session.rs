//! Sessions: what the lines of one connection (`F-MLFID`) tell together.

use std::collections::{HashMap, VecDeque};

use super::pattern::{Group, Groups};

/// So many connections are remembered at once, as many as fail2ban remembers; the oldest goes first.
const MAX_SESSIONS: usize = 100;
/// No more bytes of one group are remembered, nor of a connection's name.
const MAX_TEXT: usize = 1024;
/// So many user names tell that there is more than one.
const MAX_USERS: usize = 2;

/// What is known of one connection.
#[derive(Debug, Default)]
struct Session {
    groups: Groups,
    users: Vec<Vec<u8>>,
    /// A failure was seen before the address was known.
    pending: bool,
    number: u64,
}

#[derive(Debug, Default)]
pub struct Sessions {
    known: HashMap<Vec<u8>, Session>,
    /// In the order in which they came; one whose number is not in `known` is gone already.
    order: VecDeque<(u64, Vec<u8>)>,
    count: u64,
}

impl Sessions {
    /// Lays a match over what is known of its connection, and asks `say` about that. `None`: no failure, or its address is not
    /// known yet.
    pub fn merge<T>(&mut self, mut found: Groups, say: impl FnOnce(&Groups) -> T) -> Option<T> {
        let Some(name) = found.take(Group::Session) else {
            return Some(say(&found));
        };
        if name.len() > MAX_TEXT {
            return decided(&found).then(|| say(&found));
        }
        let gained = found.has(Group::Gained);
        if gained && !found.has(Group::NoFail) {
            let text = found.get(Group::Gained).unwrap_or_default().to_vec();
            found.set(Group::NoFail, text);
        }
        let forget = found.take(Group::Forget).is_some_and(|t| !t.is_empty());
        let mut new = Session::default();
        let known = self.known.get_mut(&name);
        if known.is_none() && forget {
            // A connection that ends with its first line is nothing to remember.
            return decided(&found).then(|| say(&found));
        }
        let is_new = known.is_none();
        let session = known.unwrap_or(&mut new);
        if let Some(user) = found.get(Group::User).filter(|u| !u.is_empty())
            && session.users.len() < MAX_USERS
        {
            let user = &user[..user.len().min(MAX_TEXT)];
            if !session.users.iter().any(|u| u == user) {
                session.users.push(user.to_vec());
            }
        }
        // The last line alone tells whether this is a failure.
        session.groups.take(Group::NoFail);
        session.groups.take(Group::Gained);
        if gained {
            session.pending = false;
        }
        session.groups.lay(found);
        if std::mem::take(&mut session.pending) || session.users.len() >= MAX_USERS {
            session.groups.take(Group::NoFail);
        }
        let failure = !session.groups.has(Group::NoFail);
        let verdict = decided(&session.groups).then(|| say(&session.groups));
        session.pending = failure && verdict.is_none();
        session.groups.clip(MAX_TEXT);
        if is_new {
            self.keep(name, new);
        } else if forget {
            self.known.remove(&name);
        }
        verdict
    }

    fn keep(&mut self, name: Vec<u8>, mut session: Session) {
        self.count += 1;
        session.number = self.count;
        self.order.push_back((session.number, name.clone()));
        self.known.insert(name, session);
        while self.known.len() > MAX_SESSIONS || self.order.len() > 2 * MAX_SESSIONS {
            let Some((number, name)) = self.order.pop_front() else {
                break;
            };
            if self.known.get(&name).is_some_and(|s| s.number == number) {
                self.known.remove(&name);
            }
        }
    }
}

/// Whether these groups are a failure with an address or another identity.
fn decided(groups: &Groups) -> bool {
    let identity = [Group::Ip4, Group::Ip6, Group::Dns, Group::Id];
    !groups.has(Group::NoFail) && identity.iter().any(|g| groups.get(*g).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(fields: &[(Group, &str)]) -> Groups {
        let mut groups = Groups::default();
        groups.set(Group::Session, b"host sshd[7]:".to_vec());
        for (group, text) in fields {
            groups.set(*group, text.as_bytes().to_vec());
        }
        groups
    }

    fn address(verdict: Option<Groups>) -> Option<String> {
        let groups = verdict?;
        let text = groups.get(Group::Ip4)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    #[test]
    fn the_address_stands_on_an_earlier_line() {
        let mut sessions = Sessions::default();
        let connection = [
            (Group::NoFail, "Connection from"),
            (Group::Ip4, "192.0.2.1"),
        ];
        assert_eq!(
            address(sessions.merge(groups(&connection), Groups::clone)),
            None
        );
        let failure = groups(&[(Group::User, "root")]);
        assert_eq!(
            address(sessions.merge(failure, Groups::clone)).as_deref(),
            Some("192.0.2.1")
        );
    }

    #[test]
    fn the_address_stands_on_a_later_line() {
        let mut sessions = Sessions::default();
        assert_eq!(address(sessions.merge(groups(&[]), Groups::clone)), None);
        let end = [
            (Group::NoFail, "Disconnected"),
            (Group::Forget, "Disconnected"),
            (Group::Ip4, "192.0.2.1"),
        ];
        assert_eq!(
            address(sessions.merge(groups(&end), Groups::clone)).as_deref(),
            Some("192.0.2.1")
        );
        // And it is forgotten by that.
        assert_eq!(address(sessions.merge(groups(&[]), Groups::clone)), None);
    }

    #[test]
    fn a_second_user_is_a_failure() {
        let mut sessions = Sessions::default();
        for (user, expected) in [("a", None), ("a", None), ("b", Some("192.0.2.1"))] {
            let line = [
                (Group::NoFail, "publickey"),
                (Group::User, user),
                (Group::Ip4, "192.0.2.1"),
            ];
            assert_eq!(
                address(sessions.merge(groups(&line), Groups::clone)).as_deref(),
                expected
            );
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut sessions = Sessions::default();
        for i in 0..10 * MAX_SESSIONS {
            let mut line = groups(&[(Group::User, &"x".repeat(10 * MAX_TEXT))]);
            line.set(Group::Session, format!("{i}").into_bytes());
            sessions.merge(line, |_| ());
        }
        assert_eq!(sessions.known.len(), MAX_SESSIONS);
        assert!(sessions.order.len() <= 2 * MAX_SESSIONS);
        let held = sessions.known.values().map(|s| s.users[0].len()).max();
        assert_eq!(held, Some(MAX_TEXT));
    }
}
