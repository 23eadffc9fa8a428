//! How bans are put into their sets: new ones, those that are there already, and the sets and rules
//! that they need.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::elements::{self, Element, Found};
use super::seen::Ruleset;
use super::set::{Role, Set};
use super::{ASKED, FEW, FOREIGN, FORGET_FEW, FORGET_MANY, Nft, STEP, hits, rules, ruleset};
use crate::firewall::interface::Entry;
use crate::firewall::netlink::Request;
use crate::target::Target;

/// Two times left are the same if they differ by less: the kernel counts in ticks.
const TICKS: Duration = Duration::from_millis(100);

/// How an element is put into its set.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Put {
    /// Fails with EEXIST if it is there.
    New,
    /// If it is there it takes the new time on newer kernels, and keeps its own on older ones.
    Over,
    /// In place of one that is there.
    Anew,
}

impl Nft {
    /// Bans these, whatever is there; `first` says that most likely none of them is or was there.
    pub(super) fn ban_all(&mut self, entries: &[Entry], first: bool) -> Result<(), Errno> {
        self.expect_old = false;
        let mut elements: Vec<Element> = entries.iter().rev().map(Element::from).collect();
        // One transaction cannot hold an element twice; of several the last one given stays.
        elements.sort_by_key(Element::order);
        elements.dedup_by_key(|e| e.target);
        let forget = match elements.len() {
            0..=FEW => {
                self.forgotten.get_or_insert_with(Instant::now);
                FORGET_FEW
            }
            _ => FORGET_MANY,
        };
        self.forget_ended(forget)?;
        if first && elements.len() <= FEW {
            // No look: there is nothing that it would find.
            match self.put(&elements, Put::New) {
                Err(Errno::EEXIST) => (),
                done => return done,
            }
        }
        elements
            .chunks(STEP)
            .try_for_each(|step| self.ban_step(step))
    }

    /// Bans these in one transaction, whatever is there.
    fn ban_step(&mut self, elements: &[Element]) -> Result<(), Errno> {
        let few = elements.len() <= FEW;
        if few && self.prepare_few(elements)? || !few && self.expect_old {
            return self.ban_again(elements);
        }
        match self.put(elements, Put::New) {
            Err(Errno::EEXIST) if !few && !self.expect_old => {
                self.expect_old = true;
                self.ban_step(elements)
            }
            Err(Errno::EEXIST) => self.put(elements, Put::Anew),
            done => done,
        }
    }

    /// Whether all of these are there; the counters of the others begin anew.
    fn prepare_few(&mut self, elements: &[Element]) -> Result<bool, Errno> {
        let hits = elements.iter().map(|e| hits::hit(e.target));
        let asked: Vec<Element> = elements.iter().copied().chain(hits).collect();
        let (hits, held): (Vec<_>, Vec<_>) =
            (self.get(&asked)?.into_iter()).partition(|(set, _)| set.role == Role::Hits);
        let is_held = |hit: &Found| held.iter().any(|(_, held)| held.target == hit.target);
        let ended = hits.into_iter().map(|(_, hit)| hit);
        let ended: Vec<Element> = (ended.filter(|hit| !is_held(hit)))
            .map(|hit| hits::hit(hit.target))
            .collect();
        (ended.chunk_by(|a, b| a.set == b.set)).for_each(|of_set| self.forget(of_set));
        Ok(held.len() == elements.len())
    }

    /// Gives elements their times, some of which are there already.
    fn ban_again(&mut self, elements: &[Element]) -> Result<(), Errno> {
        // Newer kernels give an element another time without deleting it. To delete one cost 7 to
        // 16 ms when the socket was closed, a transaction that failed 16 ms (kernel 6.18), probably
        // an RCU grace period each.
        if self.takes_times == Some(false) {
            return self.put(elements, Put::Anew);
        }
        let mut probe = None;
        if self.takes_times.is_none() {
            // All elements are treated alike: one that is to have another time shows how.
            let some = &elements[..elements.len().min(ASKED)];
            let held = self.get(some)?.into_iter();
            let held: HashMap<Target, _> = held.map(|(_, f)| (f.target, f.left)).collect();
            let differs = |e: &&Element| held.get(&e.target).is_some_and(|l| !has_time(e, *l));
            probe = some.iter().find(differs);
        }
        self.put(elements, Put::Over)?;
        if let Some(probe) = probe {
            let held = self.get(std::slice::from_ref(probe))?;
            let takes = held
                .first()
                .is_some_and(|(_, found)| has_time(probe, found.left));
            self.takes_times = Some(takes);
        }
        match self.takes_times {
            // Of those that were looked at, each had its time; of the others nothing is known.
            None if elements.len() <= ASKED => Ok(()),
            Some(true) => Ok(()),
            _ => self.put(elements, Put::Anew),
        }
    }

    /// Puts elements into their sets, with new sets and rules where need be.
    pub(super) fn put(&mut self, elements: &[Element], how: Put) -> Result<(), Errno> {
        match self.put_counted(elements, how) {
            Err(e) if self.counts && ![Errno::EEXIST, Errno::EPERM, FOREIGN].contains(&e) => {
                // A kernel that can't count drops all the same.
                self.counts = false;
                self.put_counted(elements, how)
            }
            done => done,
        }
    }

    fn put_counted(&mut self, elements: &[Element], how: Put) -> Result<(), Errno> {
        let counts = self.counts;
        let is_counted = |set: Set| counts && set.role == Role::Bans;
        let is_certain = self.is_certain && how == Put::New;
        self.change(|r, seen| {
            for group in elements.chunk_by(|a, b| a.set == b.set) {
                let set = group[0].set;
                if !seen.sets.contains(&set) {
                    ruleset::put_set(r, set);
                    if is_counted(set) {
                        put_counting(r, seen, set);
                    }
                    rules::put_rules(r, set, is_counted(set));
                }
                if how == Put::Anew {
                    elements::remove(r, group);
                }
                elements::put(r, group, how == Put::New);
            }
        })?;
        self.is_certain = is_certain;
        for set in elements.chunk_by(|a, b| a.set == b.set).map(|g| g[0].set) {
            if self.seen.sets.insert(set) {
                self.seen.rules.made(set, is_counted(set));
            }
        }
        Ok(())
    }

    /// Puts the rules that are missing, or lead to a chain that does not drop all.
    pub(super) fn put_missing_rules(&self, r: &mut Request, seen: &Ruleset, missing: &[(Set, u8)]) {
        for of_set in missing.chunk_by(|a, b| a.0 == b.0) {
            let set = of_set[0].0;
            let leads = |protocol: &u8| seen.rules.lead(set, *protocol);
            let any_leads = set.protocols().iter().any(leads);
            let counted = any_leads || self.counts && set.role == Role::Bans;
            if counted {
                put_counting(r, seen, set);
            }
            for (_, protocol) in of_set.iter().filter(|(_, protocol)| !leads(protocol)) {
                rules::put_rule(r, set, *protocol, counted);
            }
        }
    }
}

/// Makes the chain of a set anew, with the set of hits.
fn put_counting(r: &mut Request, seen: &Ruleset, set: Set) {
    let hits = set.with(Role::Hits);
    if !seen.hits.contains_key(&hits) {
        ruleset::put_set(r, hits);
    }
    rules::put_counting_chain(r, set);
}

/// Whether the time left is the one that the element is given.
fn has_time(element: &Element, left: Option<Duration>) -> bool {
    match (element.time(), left) {
        (Some(given), Some(left)) => given.abs_diff(left) < TICKS,
        (given, left) => given.is_none() && left.is_none(),
    }
}
