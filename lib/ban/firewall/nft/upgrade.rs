//! Gives counters to the sets of an older version.

use nix::errno::Errno;

use super::elements::{self, Element};
use super::set::Set;
use super::{Nft, Put, STEP, again, ruleset};

impl Nft {
    /// Makes the sets of an older version anew, whose elements have no counters. At each moment a
    /// rule drops packets from each element; after a kill the next call goes on.
    pub(super) fn count_all(&mut self) -> Result<(), Errno> {
        let uncounted = self.seen.uncounted.iter().filter(|set| !set.moving);
        let uncounted: Vec<Set> = uncounted.copied().collect();
        for set in uncounted {
            let moving = Set {
                moving: true,
                ..set
            };
            self.copy(set, moving)?;
            self.replace(set, Some(set))?;
        }
        let moving: Vec<Set> = self
            .seen
            .sets
            .iter()
            .filter(|s| s.moving)
            .copied()
            .collect();
        for set in moving {
            self.copy(
                set,
                Set {
                    moving: false,
                    ..set
                },
            )?;
            self.replace(set, None)?;
        }
        Ok(())
    }

    /// Puts all elements of one set into another one, with the times that they have left.
    fn copy(&mut self, from: Set, to: Set) -> Result<(), Errno> {
        let mut held = Vec::new();
        again(|| {
            held.clear();
            self.socket.ask(&elements::get_all(from), |_, _, a| {
                held.extend(elements::read(a, from));
            })
        })?;
        let held = held
            .into_iter()
            .map(|(entry, _)| Element::within(to, entry));
        let held: Vec<Element> = held.collect();
        held.chunks(STEP)
            .try_for_each(|step| self.put(step, Put::Over))
    }

    /// Deletes a set with its rule, and makes an empty one in its place, in one transaction.
    fn replace(&mut self, old: Set, new: Option<Set>) -> Result<(), Errno> {
        let counts = self.counts;
        self.change(|r, sets| {
            ruleset::delete_rules(r);
            ruleset::delete_set(r, old);
            if let Some(new) = new {
                ruleset::put_set(r, new, counts);
            }
            let others = sets.iter().filter(|set| **set != old);
            others
                .chain(&new)
                .for_each(|set| ruleset::put_rule(r, *set));
        })?;
        self.seen.uncounted.remove(&old);
        self.seen.sets.remove(&old);
        self.seen.sets.extend(new);
        Ok(())
    }
}
