//! The bans as they were printed last, compared with the ledger.

use std::collections::{BTreeSet, HashMap, HashSet};

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::firewall::{Backend, name_in};
use pipeban_ban::ledger::{BanDetails, BanFormatter, Ledger, Snapshot, seconds};
use pipeban_ban::target::Target;

use crate::list::of_ban;
use crate::listing::set_port;

/// A ban's target and its firewall, by its place in [`Follower::firewalls`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    target: Target,
    firewall: usize,
}

/// The bans in force as they were printed last.
pub struct Follower {
    /// The usual firewall, as the ledger writes it.
    usual: String,
    /// The host whose bans alone are followed; empty is this one. Without it of several bans of one
    /// address the longest one is.
    origin: Option<String>,
    /// All firewalls of bans, as the ledger writes them, each with the number up to which it was
    /// told all bans at the last look.
    firewalls: Vec<(String, i64)>,
    /// The end of each ban; `None` is until lifted.
    known: HashMap<Key, Option<Time>>,
    /// The bans that have an end, by their ends.
    ends: BTreeSet<(Time, Key)>,
    /// The number of the last change.
    last: i64,
    formatter: BanFormatter,
}

impl Follower {
    /// Knows no ban yet.
    pub fn new(usual: &Backend, origin: Option<&str>) -> Self {
        Follower {
            usual: usual.to_string(),
            origin: origin.map(String::from),
            firewalls: vec![],
            known: HashMap::new(),
            ends: BTreeSet::new(),
            last: 0,
            formatter: BanFormatter::default(),
        }
    }

    /// Takes these bans as printed.
    pub fn begin(&mut self, snapshot: &Snapshot) {
        for details in &snapshot.bans {
            let key = self.key(details);
            self.note(key, details.ban.until);
        }
        self.last = snapshot.last;
    }

    /// When the next ban ends.
    pub fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Prints all differences from the ledger, whatever their numbers; answers whether it was
    /// done. A new ledger that may still take over bans is left alone.
    pub fn compare(&mut self, ledger: &Ledger, output: &mut Output) -> Result<bool, Fault> {
        let snapshot = ledger.snapshot(Time::now(), self.origin.as_deref())?;
        if !snapshot.in_use {
            return Ok(false);
        }
        self.last = snapshot.last;
        let mut gone: HashSet<Key> = self.known.keys().copied().collect();
        for details in &snapshot.bans {
            gone.remove(&self.key(details));
            self.take(details, output)?;
        }
        let mut gone: Vec<Key> = gone.into_iter().collect();
        gone.sort();
        for key in gone {
            self.look_at(key, ledger, output)?;
        }
        Ok(true)
    }

    /// Prints the changes since the last look, and the bans that have run out.
    pub fn look(&mut self, ledger: &Ledger, output: &mut Output) -> Result<(), Fault> {
        loop {
            let changes = ledger.changed_after(self.last)?;
            let Some(last) = changes.last() else { break };
            self.last = last.id;
            let changes = changes.into_iter().map(|change| change.details);
            self.take_changed(changes.collect(), ledger, output)?;
        }
        for i in 0..self.firewalls.len() {
            let (firewall, before) = &self.firewalls[i];
            let told = ledger.told(firewall)?;
            if told > *before {
                let refused = ledger.refused(firewall, *before, told)?;
                self.firewalls[i].1 = told;
                self.take_changed(refused, ledger, output)?;
            }
        }
        let now = Time::now();
        while let Some((_, key)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            self.look_at(key, ledger, output)?;
        }
        Ok(())
    }

    /// Prints the differences that these bans make: of the host that is followed alone, or where
    /// an address may have several, of the longest one.
    fn take_changed(
        &mut self,
        changed: Vec<BanDetails>,
        ledger: &Ledger,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let shared = self.origin.is_none() && ledger.is_shared()?;
        for details in &changed {
            match &self.origin {
                None if shared => {
                    let key = self.key(details);
                    self.look_at(key, ledger, output)?;
                }
                Some(origin) if *origin != details.origin => (),
                _ => self.take(details, output)?,
            }
        }
        Ok(())
    }

    fn key(&mut self, details: &BanDetails) -> Key {
        let known = self
            .firewalls
            .iter()
            .position(|(f, _)| *f == details.backend);
        let firewall = known.unwrap_or_else(|| {
            self.firewalls.push((details.backend.clone(), 0));
            self.firewalls.len() - 1
        });
        Key {
            target: details.ban.target,
            firewall,
        }
    }

    /// Takes a ban in force as printed; answers the end that it had before, if it was in force.
    fn note(&mut self, key: Key, end: Option<Time>) -> Option<Option<Time>> {
        let old = self.known.insert(key, end);
        if let Some(Some(old)) = old {
            self.ends.remove(&(old, key));
        }
        self.ends.extend(end.map(|end| (end, key)));
        old
    }

    /// Forgets a ban; answers whether it was in force.
    fn forget(&mut self, key: Key) -> bool {
        let old = self.known.remove(&key);
        if let Some(Some(end)) = old {
            self.ends.remove(&(end, key));
        }
        old.is_some()
    }

    /// Prints a ban if it is not as it was printed last. Ends are compared by the second, as they
    /// are printed.
    fn take(&mut self, details: &BanDetails, output: &mut Output) -> Result<(), Fault> {
        let key = self.key(details);
        if details.has_ended(Time::now()) {
            return match self.forget(key) {
                true => output.record(&self.lifted(details)),
                false => Ok(()),
            };
        }
        let old = self.note(key, details.ban.until);
        let second = |end: Option<Time>| end.map(Time::secs);
        if old.map(second) == Some(second(details.ban.until)) {
            return Ok(());
        }
        let record = self.record(details);
        output.record(&record)
    }

    /// The record of a ban.
    fn record(&mut self, details: &BanDetails) -> Record {
        let (mut record, times) = of_ban(details, &self.usual, &mut self.formatter);
        set_port(&details.ban.target, &mut record);
        record.append(&times);
        record
    }

    /// The same of the ban that the ledger has now. One that it has forgotten was lifted.
    fn look_at(&mut self, key: Key, ledger: &Ledger, output: &mut Output) -> Result<(), Fault> {
        let (firewall, _) = &self.firewalls[key.firewall];
        if let Some(details) = ledger.last_ban(firewall, &key.target, self.origin.as_deref())? {
            return self.take(&details, output);
        }
        let mut record = Record::new(key.target.address);
        set_port(&key.target, &mut record);
        if *firewall != self.usual {
            record.set("backend", name_in(firewall).as_bytes());
        }
        record.set("lifted", seconds(Time::now()).as_bytes());
        match self.forget(key) {
            true => output.record(&record),
            false => Ok(()),
        }
    }

    /// The record of a ban that has ended.
    fn lifted(&mut self, details: &BanDetails) -> Record {
        let mut record = self.record(details);
        let text = |end: Option<Time>| end.map_or("never".into(), seconds);
        record.set("until", text(details.planned_end).as_bytes());
        record.set("lifted", text(details.ban.until).as_bytes());
        record
    }
}
