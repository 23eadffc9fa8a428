//! Takes over the tables of older versions: one had no counters, a later one had a counter in each
//! element, which made bans slow.

use nix::errno::Errno;

use super::elements::{self, Element, Found};
use super::header::CHAIN;
use super::listing::still;
use super::put::Put;
use super::set::{Role, Set};
use super::{Nft, STEP, rules, ruleset};

impl Nft {
    /// Makes the rules count packets where they do not, and the sets anew in which each element
    /// has a counter. At each moment a rule drops packets from each element; after a kill the next
    /// call goes on.
    pub(super) fn count_all(&mut self) -> Result<(), Errno> {
        for set in self.seen.uncounted() {
            match self.count_in(set) {
                Ok(()) => (),
                Err(Errno::EPERM) => return Err(Errno::EPERM),
                // A kernel that can't count drops all the same.
                Err(_) => self.counts = false,
            }
        }
        let costly = self.seen.costly.iter().copied();
        let costly: Vec<Set> = costly.filter(|set| set.role == Role::Bans).collect();
        for set in costly {
            self.copy(set, set.with(Role::Moving))?;
            self.replace(set, Some(set))?;
        }
        let moving = self.seen.sets.iter().copied();
        let moving: Vec<Set> = moving.filter(|set| set.role == Role::Moving).collect();
        for set in moving {
            self.copy(set, set.with(Role::Bans))?;
            self.replace(set, None)?;
        }
        Ok(())
    }

    /// Makes the rules of a set count, from the figures on that its elements have.
    fn count_in(&mut self, set: Set) -> Result<(), Errno> {
        let figures = match self.seen.costly.contains(&set) {
            true => self.elements(set)?,
            false => vec![],
        };
        let hits = set.with(Role::Hits);
        self.change(|r, seen| {
            if !seen.hits.contains_key(&hits) {
                ruleset::put_set(r, hits);
            }
        })?;
        self.seen.hits.entry(hits).or_default();
        let figures = figures.into_iter();
        let figures = figures.filter_map(|found| Some((found.target, found.dropped?)));
        let figures: Vec<_> = figures.filter(|(_, d)| d.packets > 0).collect();
        for step in figures.chunks(STEP / 2) {
            // Those that find no room begin anew.
            let _ = self.change(|r, _| elements::put_hits(r, hits, step));
        }
        self.change(|r, seen| {
            rules::put_counting_chain(r, set);
            rules::delete_rules(r, CHAIN);
            for other in &seen.sets {
                rules::put_rules(r, *other, *other == set || seen.rules.count(*other));
            }
        })?;
        self.seen.rules.made(set, true);
        Ok(())
    }

    /// Puts all elements of one set into another one, with the times that they have left.
    fn copy(&mut self, from: Set, to: Set) -> Result<(), Errno> {
        let held = self.elements(from)?.into_iter();
        let held: Vec<Element> = held
            .map(|found| Element::within(to, (found.target, found.left)))
            .collect();
        held.chunks(STEP)
            .try_for_each(|step| self.put(step, Put::Over))
    }

    fn elements(&mut self, set: Set) -> Result<Vec<Found>, Errno> {
        let listed = self.list_set(set)?;
        Ok(listed.into_values().filter_map(still).collect())
    }

    /// Deletes a set with its rule, and makes an empty one in its place, in one transaction.
    fn replace(&mut self, old: Set, new: Option<Set>) -> Result<(), Errno> {
        self.change(|r, seen| {
            rules::delete_rules(r, CHAIN);
            ruleset::delete_set(r, old);
            if let Some(new) = new {
                ruleset::put_set(r, new);
            }
            for set in seen.sets.iter().filter(|set| **set != old).chain(&new) {
                rules::put_rules(r, *set, seen.rules.count(*set));
            }
        })?;
        self.seen.costly.remove(&old);
        self.seen.sets.remove(&old);
        self.seen.sets.extend(new);
        Ok(())
    }
}
