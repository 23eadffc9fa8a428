//! The packets that each ban has dropped: a counter is made when the first one comes, in a set of
//! hits beside that of the bans.
//!
//! A counter in each ban would cost the kernel more than all else about it. A set of hits has a
//! greatest size: bans beyond it drop all the same, and have no figures.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::elements::{self, Element, Found};
use super::seen::{Room, Ruleset};
use super::set::{Role, Set};
use super::{ASKED, Nft, STEP, again, ruleset};
use crate::firewall::interface::Dropped;
use crate::target::Target;

/// Up to this number of bans, their counters are looked up one by one.
const FEW: usize = 8 * ASKED;

/// The counter of the ban of this target, as an element.
pub(super) fn hit(target: Target) -> Element {
    Element::within(Set::of(target).with(Role::Hits), (target, None))
}

impl Nft {
    /// The packets that each of these bans has dropped; `None` where nothing counts them.
    pub(super) fn dropped_by(&mut self, bans: &[Found]) -> Result<Vec<Option<Dropped>>, Errno> {
        let seen = again(|| Ruleset::read(&mut self.socket))?;
        let older: HashMap<Target, Found> = match seen.costly.is_empty() {
            true => HashMap::new(),
            false => {
                let targets: Vec<Target> = bans.iter().map(|found| found.target).collect();
                let found = self.find_targets(&targets)?.into_iter();
                found.map(|found| (found.target, found)).collect()
            }
        };
        let mut hits: HashMap<Target, Dropped> = HashMap::new();
        let mut add = |found: Found| hits.extend(found.dropped.map(|d| (found.target, d)));
        // Where one without a counter may have found no room for it, nobody knows.
        let mut counting = BTreeSet::new();
        let sets: BTreeSet<Set> = bans.iter().map(|found| Set::of(found.target)).collect();
        for set in sets {
            let role = set.with(Role::Hits);
            let Some(Room { size, used }) = seen.hits.get(&role).copied() else {
                continue;
            };
            let mut number = used;
            if bans.len() <= FEW && used.is_some() {
                let of_set = bans.iter().map(|found| found.target);
                let of_set = of_set.filter(|target| Set::of(*target) == set);
                let asked: Vec<Element> = of_set.map(hit).collect();
                for asked in asked.chunks(ASKED) {
                    self.get(asked)?
                        .into_iter()
                        .for_each(|(_, found)| add(found));
                }
            } else {
                let listed = self.list_set(role)?;
                number = number.max(Some(listed.len()));
                listed.into_values().for_each(|(_, found)| add(found));
            }
            let has_room = number < size;
            counting.extend((has_room && seen.rules.count(set)).then_some(set));
        }
        let dropped = bans.iter().map(|found| {
            let older = || older.get(&found.target)?.dropped;
            let hit = hits.get(&found.target).copied().or_else(older);
            let none = || (counting.contains(&Set::of(found.target))).then(Dropped::default);
            let dropped = hit.or_else(none)?;
            Some(Dropped {
                age: found.age,
                ..dropped
            })
        });
        Ok(dropped.collect())
    }

    /// Removes the counters of bans that have ended, so that new ones begin anew and there is room;
    /// not if that was done in this time.
    pub(super) fn forget_ended(&mut self, time: Duration) -> Result<(), Errno> {
        if self.forgotten.is_some_and(|when| when.elapsed() < time) {
            return Ok(());
        }
        for hits in again(|| Ruleset::read(&mut self.socket))?.hits.into_keys() {
            let counted: Vec<Target> = self.list_set(hits)?.into_keys().collect();
            let asked = counted.iter().map(|target| (&(*target, None)).into());
            let asked: Vec<Element> = asked.collect();
            let mut banned = HashSet::new();
            for asked in asked.chunks(ASKED) {
                let held = self.get(asked)?.into_iter();
                banned.extend(held.map(|(_, found)| found.target));
            }
            let ended = counted.into_iter().filter(|t| !banned.contains(t));
            let ended: Vec<Element> = ended.map(hit).collect();
            self.forget(&ended);
        }
        self.forgotten = Some(Instant::now());
        Ok(())
    }

    /// Removes these counters. An error only leaves some: one may have timed out just now.
    pub(super) fn forget(&mut self, hits: &[Element]) {
        for step in hits.chunks(STEP) {
            if self.delete_hits(step) == Err(Errno::ENOENT) && step.len() > 1 {
                for hit in step.chunks(1) {
                    let _ = self.delete_hits(hit);
                }
            }
        }
    }

    /// Deletes counters of one set, whatever the generation of the ruleset.
    fn delete_hits(&mut self, hits: &[Element]) -> Result<(), Errno> {
        self.is_certain = false;
        let request = ruleset::batch(0, |r| elements::delete(r, hits));
        self.socket.ask(&request, |_, _, _| ())?;
        self.seen.generation = match self.seen.generation {
            0 => 0,
            known => ruleset::next(known),
        };
        Ok(())
    }
}
