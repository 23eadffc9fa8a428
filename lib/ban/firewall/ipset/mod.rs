//! ipset(8): a set with timeouts for each family, and in the table raw a rule of iptables that
//! drops packets from the addresses in the set. For bans of single ports there are two sets more,
//! made when the first such ban is.

mod lifts;
mod set;
mod upgrade;

use std::io;
use std::time::{Duration, Instant};

use super::interface::{About, Counted, Entry, Firewall, PROGRAM, run};
use super::iptables::accepted_before;
use super::signs::may_have_set;
use crate::target::Target;
use set::{PLAIN, Set, is_there, restore};

/// The longest timeout that a set takes, in seconds; longer bans have no timeout in the set.
const LONGEST: u64 = 2_147_483;
/// For this time after a look, sets and rules are taken to be in place: a look costs several
/// processes, and nothing reports changes.
const TRUSTED: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Ipset {
    /// When sets and rules were last seen in place.
    seen: Option<Instant>,
    /// The sets that there were then.
    sets: Vec<Set>,
    /// The bans were complete then.
    complete: bool,
}

/// A timeout in whole seconds, rounded up; 0 is for ever.
fn timeout(time: Option<Duration>) -> u64 {
    let seconds = time.map_or(0, |t| t.as_millis().div_ceil(1000).max(1));
    u64::try_from(seconds)
        .ok()
        .filter(|s| *s <= LONGEST)
        .unwrap_or(0)
}

impl Ipset {
    fn is_fresh(&self) -> bool {
        self.seen.is_some_and(|seen| seen.elapsed() < TRUSTED)
    }

    /// Makes sets and rules.
    fn put_in_place(&mut self) -> io::Result<()> {
        let create = PLAIN.map(|set| set.create(set.name())).concat();
        if let Err(e) = restore(&create) {
            if e.kind() == io::ErrorKind::TimedOut {
                return Err(e);
            }
            match upgrade::count_all()? {
                true => restore(&create)?,
                false => return Err(e),
            }
        }
        self.sets = PLAIN.to_vec();
        for set in PLAIN {
            if set.has(&set.ports_mark())? {
                let ports = set.with_ports();
                restore(&ports.create(ports.name()))?;
                self.sets.push(ports);
            }
        }
        self.sets.iter().try_for_each(|set| put_rule(*set))?;
        self.complete = self.are_complete()?;
        self.seen = Some(Instant::now());
        Ok(())
    }

    /// Makes the set for ports beside this one. There were no bans for ports: it is complete if
    /// that one is.
    fn put_ports(&mut self, plain: Set) -> io::Result<()> {
        let set = plain.with_ports();
        if self.sets.contains(&set) {
            return Ok(());
        }
        self.put_in_place()?;
        if self.sets.contains(&set) {
            return Ok(());
        }
        let mut lines = set.create(set.name());
        lines += &format!("add {} {}\n", set.name(), set.begun());
        if plain.has(&plain.complete())? {
            lines += &format!("add {} {}\n", set.name(), set.complete());
        }
        lines += &format!("add {} {}\n", plain.name(), plain.ports_mark());
        restore(&lines)?;
        put_rule(set)?;
        self.sets.push(set);
        Ok(())
    }

    /// Whether each set has the marks that its bans are complete.
    fn are_complete(&self) -> io::Result<bool> {
        for set in &self.sets {
            if !(set.has(&set.begun())? && set.has(&set.complete())?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs `lines`, after a look at sets and rules if the last one was too long ago.
    fn put(&mut self, lines: &str) -> io::Result<()> {
        if self.is_fresh() && restore(lines).is_ok() {
            return Ok(());
        }
        self.put_in_place()?;
        restore(lines)
    }
}

/// Makes the rule of a set, in front of all others.
fn put_rule(set: Set) -> io::Result<()> {
    if !set.has_packets() {
        return Ok(());
    }
    let rule = |command| {
        let mut words = vec!["-w", "-t", "raw", command, "PREROUTING"];
        words.extend(set.rule());
        words
    };
    if !is_there(set.iptables(), &rule("-C"))? {
        run(set.iptables(), &rule("-I"), b"")?;
    }
    Ok(())
}

impl Firewall for Ipset {
    fn is_unused(&mut self) -> bool {
        !may_have_set(Set::all().map(Set::name))
    }

    fn ensure(&mut self) -> io::Result<bool> {
        if !(self.is_fresh() && self.complete) {
            self.put_in_place()?;
        }
        if !self.complete {
            let lines = self.sets.iter().map(|set| {
                let (name, begun, complete) = (set.name(), set.begun(), set.complete());
                format!("del {name} {complete}\nadd {name} {begun}\n")
            });
            restore(&lines.collect::<String>())?;
        }
        Ok(!self.complete)
    }

    fn restored(&mut self) -> io::Result<bool> {
        let lines = self.sets.iter();
        let lines = lines.map(|set| format!("add {} {}\n", set.name(), set.complete()));
        restore(&lines.collect::<String>())?;
        if self.lost_again()? {
            return Ok(false);
        }
        let lines = PLAIN.map(|set| format!("del {} {}\n", set.name(), set.unentered()));
        restore(&(lines.concat() + &lifts::forget()))?;
        Ok(true)
    }

    fn lost_again(&mut self) -> io::Result<bool> {
        self.complete = self.are_complete()?;
        Ok(!self.complete)
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = String::new();
        for (target, time) in entries {
            if target.prefix_len() == 0 {
                let text = format!("{target}: ipset has no networks that wide");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            let options = format!(" timeout {}", timeout(*time));
            set::write(&mut lines, "add", target, &options);
        }
        for plain in PLAIN {
            let ports = plain.with_ports();
            if entries.iter().any(|(target, _)| Set::of(target) == ports) {
                self.put_ports(plain)?;
            }
        }
        self.put(&lines)
    }

    fn mark_unentered(&mut self) -> io::Result<()> {
        self.put("")?;
        // One that restores bans just now begins again without the first mark.
        let mut lines = String::new();
        for set in PLAIN {
            lines += &format!("add {} {}\n", set.name(), set.unentered());
        }
        for set in &self.sets {
            let (name, complete, begun) = (set.name(), set.complete(), set.begun());
            lines += &format!("del {name} {complete}\ndel {name} {begun}\n");
        }
        let marked = self.put(&lines);
        self.complete = false;
        marked
    }

    fn keep_lifts(&mut self, targets: &[Target]) -> io::Result<bool> {
        lifts::keep(targets).map(|()| true)
    }

    fn kept_lifts(&mut self) -> io::Result<Vec<Target>> {
        match self.has_unentered()? {
            true => lifts::kept(),
            false => Ok(vec![]),
        }
    }

    fn has_unentered(&mut self) -> io::Result<bool> {
        PLAIN[0].has(&PLAIN[0].unentered())
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        self.put("")?;
        let mut lines = String::new();
        let is_there = |target: &&Target| self.sets.contains(&Set::of(target));
        for target in targets
            .iter()
            .filter(is_there)
            .filter(|t| t.prefix_len() > 0)
        {
            set::write(&mut lines, "del", target, "");
        }
        self.put(&lines)
    }

    fn counted(&mut self, about: About) -> io::Result<Option<Vec<Counted>>> {
        let all = set::read(&run("ipset", &["save"], b"")?);
        Ok(Some(about.among(all)))
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut sets = PLAIN.to_vec();
        for plain in PLAIN {
            if plain.has(&plain.ports_mark())? {
                sets.push(plain.with_ports());
            }
        }
        for set in sets {
            if set.has_packets() {
                let rule = format!("PREROUTING {}", set.rule().join(" "));
                found.extend(accepted_before(set.ipv4, &rule)?);
            }
            if !(set.has(&set.begun())? && set.has(&set.complete())?) {
                let name = set.name();
                found.push(format!(
                    "set {name}: bans may be missing: nobody has restored them"
                ));
            }
        }
        Ok(found)
    }

    fn late(&self) -> Duration {
        PROGRAM.time
    }

    fn expires(&self, time: Duration) -> bool {
        timeout(Some(time)) > 0
    }
}
