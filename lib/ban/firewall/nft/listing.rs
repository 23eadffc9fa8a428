//! The elements that there are: those asked for by key, and those of whole sets.
//!
//! The kernel lists a set by walks through its hash table. It misses some elements and gives others
//! twice while the table grows, and a list of a million takes a minute: so sets are read again if
//! there are more elements than were found, or if anybody has changed the ruleset meanwhile.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::elements::{self, Element, Found};
use super::ruleset;
use super::seen::Ruleset;
use super::set::Set;
use super::{ASKED, Nft, again};
use crate::firewall::interface::About;
use crate::target::Target;
use pipeban::address::Address;

/// The greatest number of readings of one set: others may change the ruleset again and again.
const READINGS: usize = 2;

/// The kernel removes elements that have ended each second.
const REMOVED: Duration = Duration::from_secs(2);

/// The moment at which an element was read, and the element as it was then.
pub(super) type Read = (Instant, Found);

impl Nft {
    /// The elements that are asked for.
    pub(super) fn find(&mut self, about: About) -> Result<Vec<Found>, Errno> {
        match about {
            About::All => self.list(|_| true),
            About::Targets(targets) => self.find_targets(targets),
            About::Ports(addresses) => self.find_ports(addresses),
            About::Addresses(addresses) => {
                let targets: Vec<Target> = addresses.iter().map(|a| (*a).into()).collect();
                let mut found = self.find_targets(&targets)?;
                found.extend(self.find_ports(addresses)?);
                Ok(found)
            }
        }
    }

    /// Those of these targets that are there.
    pub(super) fn find_targets(&mut self, targets: &[Target]) -> Result<Vec<Found>, Errno> {
        let elements: Vec<Element> = targets.iter().map(|t| (&(*t, None)).into()).collect();
        let mut found = Vec::with_capacity(targets.len());
        for asked in elements.chunks(ASKED) {
            let held = self.get_together(asked)?.into_iter();
            found.extend(held.map(|(_, found)| found));
        }
        Ok(found)
    }

    /// The elements for single ports of these addresses: only a list tells which ports there are.
    fn find_ports(&mut self, addresses: &[Address]) -> Result<Vec<Found>, Errno> {
        let any_port = |address: &Address| {
            Set::of(Target {
                address: *address,
                port: 1,
            })
        };
        let wanted: HashSet<Set> = addresses.iter().map(any_port).collect();
        let mut found = self.list(|set| wanted.contains(set))?;
        if !found.is_empty() {
            let asked: HashSet<&Address> = addresses.iter().collect();
            found.retain(|found| asked.contains(&found.target.address));
        }
        Ok(found)
    }

    /// All elements of the sets that are wanted; the times left are those of the end of the list.
    fn list(&mut self, wanted: impl Fn(&Set) -> bool) -> Result<Vec<Found>, Errno> {
        let sets = again(|| Ruleset::read(&mut self.socket))?.sets;
        let mut listed = HashMap::new();
        for set in sets.into_iter().filter(wanted) {
            listed.extend(self.list_set(set)?);
        }
        Ok(listed.into_values().filter_map(still).collect())
    }

    /// All elements of a set.
    pub(super) fn list_set(&mut self, set: Set) -> Result<HashMap<Target, Read>, Errno> {
        let mut found: HashMap<Target, Read> = HashMap::new();
        let mut begin = Instant::now();
        for reading in 1..=READINGS {
            begin = Instant::now();
            let answer = self.socket.ask(&elements::get_all(set), |_, _, a| {
                let now = Instant::now();
                let part = elements::read(a, set);
                found.extend(part.map(|found| (found.target, (now, found))));
            });
            match answer {
                Ok(()) | Err(Errno::EINTR) => (),
                // The set is gone.
                Err(Errno::ENOENT) => return Ok(HashMap::new()),
                Err(errno) => return Err(errno),
            }
            let ended = |(read, found): &Read| left_since(*read, found.left).is_none();
            // The count has those that have ended just now.
            let is_removed = |(read, found): &Read| {
                found
                    .left
                    .is_some_and(|left| read.elapsed() > left + REMOVED)
            };
            found.retain(|_, read| !is_removed(read));
            let all = match self.count_of(set)? {
                Some(count) => found.len() >= count,
                None => answer.is_ok() || reading > 1,
            };
            found.retain(|_, read| !ended(read));
            if all {
                break;
            }
        }
        // Those that only an earlier reading has found may have been lifted since.
        let earlier = found.iter().filter(|(_, (read, ..))| *read < begin);
        let earlier: Vec<Target> = earlier.map(|(target, _)| *target).collect();
        for target in &earlier {
            found.remove(target);
        }
        let now = Instant::now();
        let within = |target: Target| Element::within(set, (target, None));
        let earlier: Vec<Element> = earlier.into_iter().map(within).collect();
        for asked in earlier.chunks(ASKED) {
            let there = self.get(asked)?.into_iter();
            found.extend(there.map(|(_, there)| (there.target, (now, there))));
        }
        Ok(found)
    }

    /// The number of a set's elements, if the kernel tells it.
    fn count_of(&mut self, set: Set) -> Result<Option<usize>, Errno> {
        let mut count = None;
        let answer = self.socket.ask(&ruleset::get_set(set), |_, _, a| {
            count = ruleset::count(a);
        });
        match answer {
            Ok(()) | Err(Errno::ENOENT) => Ok(count),
            failed => failed.map(|()| count),
        }
    }
}

/// An element as it is now; `None` if its time has passed.
pub(super) fn still((read, found): Read) -> Option<Found> {
    let left = left_since(read, found.left)?;
    Some(Found { left, ..found })
}

/// The time left now; `None` if it has passed.
fn left_since(read: Instant, left: Option<Duration>) -> Option<Option<Duration>> {
    match left {
        None => Some(None),
        Some(left) => left.checked_sub(read.elapsed()).map(Some),
    }
}
