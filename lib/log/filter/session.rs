//! Sessions: the lines of one connection (`F-MLFID`), judged together.

use super::group::{COUNT, Group, Groups, IDENTITY};

/// Connections remembered at once, as many as in fail2ban; the oldest goes first.
const MAX_SESSIONS: usize = 100;
/// The bytes remembered of a group or a connection's name, at most.
const MAX_TEXT: usize = 1024;
/// The places of connections; those that have ended keep theirs for a while.
const PLACES: usize = 2 * MAX_SESSIONS;
/// Hashes compared at once.
const TOGETHER: usize = 8;
/// The hash of an empty place; no name has it.
const NOBODY: u32 = 0;

/// The range of a text among a session's texts.
type Span = (u16, u16);

/// The known facts of one connection.
#[derive(Debug, Default)]
struct Session {
    /// All texts, one behind the other.
    texts: Vec<u8>,
    name: Span,
    /// The first user's name.
    user: Span,
    groups: [Option<Span>; COUNT],
    /// Whether there were several users.
    several: bool,
    /// Whether a failure came before the address was known.
    pending: bool,
}

impl Session {
    fn text(&self, (start, end): Span) -> &[u8] {
        &self.texts[usize::from(start)..usize::from(end)]
    }

    fn groups(&self) -> Groups<'_> {
        Groups(self.groups.map(|span| span.map(|span| self.text(span))))
    }

    fn add(&mut self, text: &[u8]) -> Span {
        let start = self.texts.len() as u16;
        self.texts.extend_from_slice(clipped(text));
        (start, self.texts.len() as u16)
    }

    fn fill(&mut self, name: &[u8], user: &[u8], groups: &Groups) {
        self.texts.clear();
        self.name = self.add(name);
        self.user = self.add(user);
        for (span, text) in self.groups.iter_mut().zip(groups.0) {
            let start = self.texts.len() as u16;
            *span = text.map(|text| {
                self.texts.extend_from_slice(clipped(text));
                (start, self.texts.len() as u16)
            });
        }
    }
}

/// The connections that are remembered. They are few: comparing all hashes is faster than a map,
/// and an attacker gains little by names with equal hashes.
#[derive(Debug)]
pub(super) struct Sessions {
    /// For each place, the hash of the connection's name.
    hashes: [u32; PLACES],
    places: Vec<Session>,
    /// The number of connections so far, each in the place behind the one before; and how many of
    /// them, the oldest, are certainly forgotten.
    begun: usize,
    gone: usize,
    /// The number that is remembered.
    live: usize,
    spare: Session,
}

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions {
            hashes: [NOBODY; PLACES],
            places: Vec::new(),
            begun: 0,
            gone: 0,
            live: 0,
            spare: Session::default(),
        }
    }
}

impl Sessions {
    /// Adds a match to the known facts of its connection, and calls `say` with them. `None`: no
    /// failure, or its address is not known yet.
    pub(super) fn merge<T>(
        &mut self,
        mut found: Groups,
        say: impl FnOnce(&Groups) -> T,
    ) -> Option<T> {
        let Some(name) = found.take(Group::Session) else {
            return (!found.has(Group::NoFail)).then(|| say(&found));
        };
        if name.len() > MAX_TEXT {
            return decided(&found).then(|| say(&found));
        }
        let gained = found.get(Group::Gained).filter(|text| !text.is_empty());
        if let Some(text) = gained.filter(|_| !found.has(Group::NoFail)) {
            found.set(Group::NoFail, text);
        }
        let forget = found.take(Group::Forget).is_some_and(|t| !t.is_empty());
        let hash = hash(name);
        let place = self.find(hash, name);
        if place.is_none() && forget {
            // A connection that ends with its first line need not be remembered.
            return decided(&found).then(|| say(&found));
        }
        let known = place.map(|place| &self.places[place]);
        let mut groups = known.map(Session::groups).unwrap_or_default();
        let mut user = known.map_or(&[][..], |known| known.text(known.user));
        let mut several = known.is_some_and(|known| known.several);
        if let Some(new) = found.get(Group::User).filter(|u| !u.is_empty()) {
            several |= !user.is_empty() && user != clipped(new);
            if user.is_empty() {
                user = new;
            }
        }
        // Only the last line decides whether this is a failure.
        groups.take(Group::NoFail);
        groups.take(Group::Gained);
        groups.replace_by(found);
        let pending = gained.is_none() && known.is_some_and(|known| known.pending);
        if pending || several {
            groups.take(Group::NoFail);
        }
        let failure = !groups.has(Group::NoFail);
        let verdict = decided(&groups).then(|| say(&groups));
        if let (Some(place), true) = (place, forget) {
            self.forget(place);
            return verdict;
        }
        self.spare.fill(name, user, &groups);
        self.spare.several = several;
        self.spare.pending = failure && verdict.is_none();
        let place = place.unwrap_or_else(|| self.new_place(hash));
        std::mem::swap(&mut self.spare, &mut self.places[place]);
        verdict
    }

    fn find(&self, hash: u32, name: &[u8]) -> Option<usize> {
        for (row, hashes) in self.hashes.chunks_exact(TOGETHER).enumerate() {
            // Without an early exit the compiler compares them at once.
            if hashes.iter().fold(false, |any, h| any | (*h == hash)) {
                let is = |place: &usize| {
                    let session = &self.places[*place];
                    self.hashes[*place] == hash && session.text(session.name) == name
                };
                let place = (row * TOGETHER..(row + 1) * TOGETHER).find(is);
                if place.is_some() {
                    return place;
                }
            }
        }
        None
    }

    /// A place for one more connection; the oldest go where there are too many.
    fn new_place(&mut self, hash: u32) -> usize {
        while self.live == MAX_SESSIONS || self.begun - self.gone == PLACES {
            self.forget(self.gone % PLACES);
            self.gone += 1;
        }
        let place = self.begun % PLACES;
        if place == self.places.len() {
            self.places.push(Session::default());
        }
        self.hashes[place] = hash;
        self.begun += 1;
        self.live += 1;
        place
    }

    fn forget(&mut self, place: usize) {
        if self.hashes[place] != NOBODY {
            self.hashes[place] = NOBODY;
            self.live -= 1;
        }
    }
}

fn clipped(text: &[u8]) -> &[u8] {
    &text[..text.len().min(MAX_TEXT)]
}

/// Whether these groups are a failure with an address or another identity.
fn decided(groups: &Groups) -> bool {
    !groups.has(Group::NoFail) && IDENTITY.iter().any(|g| groups.get(*g).is_some())
}

/// A hash of all bytes of the name.
fn hash(name: &[u8]) -> u32 {
    let mix = |hash: u64, part: u64| {
        (hash ^ part)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    let (eights, rest) = name.as_chunks();
    let eights = eights.iter().map(|part| u64::from_le_bytes(*part));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    let hash = eights.chain(rest).fold(name.len() as u64, mix);
    (hash as u32).max(NOBODY + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields<'t> = &'t [(Group, &'t str)];

    fn groups<'t>(fields: Fields<'t>) -> Groups<'t> {
        let mut groups = Groups::default();
        groups.set(Group::Session, b"host sshd[7]:");
        for (group, text) in fields {
            groups.set(*group, text.as_bytes());
        }
        groups
    }

    fn address(sessions: &mut Sessions, fields: Fields) -> Option<String> {
        let text = sessions.merge(groups(fields), |found| {
            found.get(Group::Ip4).map(<[u8]>::to_vec)
        });
        Some(String::from_utf8_lossy(&text??).into_owned())
    }

    #[test]
    fn the_address_stands_on_an_earlier_line() {
        let mut sessions = Sessions::default();
        let connection = [
            (Group::NoFail, "Connection from"),
            (Group::Ip4, "192.0.2.1"),
        ];
        assert_eq!(address(&mut sessions, &connection), None);
        let failure = [(Group::User, "root")];
        assert_eq!(
            address(&mut sessions, &failure).as_deref(),
            Some("192.0.2.1")
        );
    }

    #[test]
    fn the_address_stands_on_a_later_line() {
        let mut sessions = Sessions::default();
        assert_eq!(address(&mut sessions, &[]), None);
        let end = [
            (Group::NoFail, "Disconnected"),
            (Group::Forget, "Disconnected"),
            (Group::Ip4, "192.0.2.1"),
        ];
        assert_eq!(address(&mut sessions, &end).as_deref(), Some("192.0.2.1"));
        // And it is forgotten by that.
        assert_eq!(address(&mut sessions, &[]), None);
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
            assert_eq!(address(&mut sessions, &line).as_deref(), expected);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut sessions = Sessions::default();
        let long = "x".repeat(10 * MAX_TEXT);
        for i in 0..10 * MAX_SESSIONS {
            let name = format!("{i}");
            let fields = [(Group::User, long.as_str())];
            let mut line = groups(&fields);
            line.set(Group::Session, name.as_bytes());
            sessions.merge(line, |_| ());
        }
        let known = sessions.hashes.iter().filter(|h| **h != NOBODY);
        assert_eq!((known.count(), sessions.live), (MAX_SESSIONS, MAX_SESSIONS));
        assert!(sessions.places.len() <= PLACES);
        let held = sessions.places.iter().map(|s| s.texts.len()).max();
        assert!(held < Some(3 * MAX_TEXT), "{held:?}");
    }

    #[test]
    fn the_oldest_go_first() {
        let mut sessions = Sessions::default();
        let mut meet = |number: usize, fields: Fields| {
            let name = number.to_string();
            let mut line = groups(fields);
            line.set(Group::Session, name.as_bytes());
            sessions.merge(line, |_| ());
            let known = |n: &usize| {
                let name = n.to_string();
                let hash = hash(name.as_bytes());
                sessions.find(hash, name.as_bytes()).is_some()
            };
            (0..=number).filter(known).collect::<Vec<_>>()
        };
        let mut live = Vec::new();
        for number in 0..500 {
            live.push(number);
            live.drain(..live.len().saturating_sub(MAX_SESSIONS));
            assert_eq!(meet(number, &[]), live);
            // Each third ends at once.
            if number % 3 == 0 {
                live.pop();
                assert_eq!(meet(number, &[(Group::Forget, "x")]), live);
            }
        }
    }
}
