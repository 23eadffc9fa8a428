//! ipset(8): a set with timeouts for each family, and in the table raw a rule of iptables that
//! drops packets from the addresses in the set. For bans of single ports there are two sets more,
//! made when the first such ban is.

mod kept;
mod set;
mod upgrade;

use std::io;
use std::time::{Duration, Instant};

use super::interface::{About, Counted, Entry, Firewall, Kept, PROGRAM, run};
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

    /// The lines that ban these; makes the sets that they need.
    fn ban_lines(&mut self, entries: &[Entry]) -> io::Result<String> {
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
        Ok(lines)
    }

    /// The lines that lift these.
    fn lift_lines(&self, targets: &[Target]) -> String {
        let mut lines = String::new();
        let is_there = |target: &&Target| self.sets.contains(&Set::of(target));
        for target in targets
            .iter()
            .filter(is_there)
            .filter(|t| t.prefix_len() > 0)
        {
            set::write(&mut lines, "del", target, "");
        }
        lines
    }

    /// Runs `lines` of a change that no ledger knows, with the marks for that: the first ones in
    /// case that this ends in between, the last ones for one who restores bans and has removed the
    /// first. All are for one program, which goes on if this process is killed.
    fn put_unentered(&mut self, lines: &str) -> io::Result<()> {
        let mut marks = kept::create();
        // First these: one that restores bans just now begins again without them, or has looked
        // for them already, and then does not delete the others.
        for set in &self.sets {
            let (name, complete, begun) = (set.name(), set.complete(), set.begun());
            marks += &format!("del {name} {complete}\ndel {name} {begun}\n");
        }
        for set in PLAIN {
            marks += &format!("add {} {}\n", set.name(), set.unentered());
        }
        let done = self.put(&format!("{marks}{lines}{marks}"));
        self.complete = false;
        done
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
        let mut lines = String::new();
        let any_unentered = self.has_unentered()?;
        if any_unentered {
            if !kept::read_all()?.is_empty() {
                return Ok(false);
            }
            // A mark that is made from now on stays.
            for set in PLAIN {
                let (name, old, new) = (set.name(), set.unentered(), set.entering());
                lines += &format!("add {name} {new}\ndel {name} {old}\n");
            }
        }
        for set in &self.sets {
            lines += &format!("add {} {}\n", set.name(), set.complete());
        }
        restore(&lines)?;
        if self.lost_again()? {
            return Ok(false);
        }
        if any_unentered {
            let lines = PLAIN.map(|set| format!("del {} {}\n", set.name(), set.entering()));
            restore(&lines.concat())?;
        }
        Ok(true)
    }

    fn lost_again(&mut self) -> io::Result<bool> {
        self.complete = self.are_complete()?;
        Ok(!self.complete)
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        let lines = self.ban_lines(entries)?;
        self.put(&lines)
    }

    fn ban_unentered(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.put("")?;
        let targets: Vec<Target> = entries.iter().map(|(target, _)| *target).collect();
        let lines = kept::lifts_become_ends(&targets)? + &self.ban_lines(entries)?;
        self.put_unentered(&lines)
    }

    fn end_unentered(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.put("")?;
        let targets: Vec<Target> = entries.iter().map(|(target, _)| *target).collect();
        let lines = kept::keep_ends(&targets) + &self.ban_lines(entries)?;
        self.put_unentered(&lines)
    }

    fn lift_unentered(&mut self, targets: &[Target]) -> io::Result<bool> {
        self.put("")?;
        let lines = kept::keep_lifts(targets) + &self.lift_lines(targets);
        self.put_unentered(&lines).map(|()| true)
    }

    fn kept(&mut self) -> io::Result<Option<Kept>> {
        match kept::may_be() && self.has_unentered()? {
            true => kept::read_all().map(Some),
            false => Ok(None),
        }
    }

    fn forget_kept(&mut self, kept: &Kept) -> io::Result<bool> {
        if !kept.lifts.is_empty() {
            self.lift(&kept.lifts)?;
        }
        restore(&kept::forget(kept)).map(|()| true)
    }

    fn has_unentered(&mut self) -> io::Result<bool> {
        Ok(PLAIN[0].has(&PLAIN[0].unentered())? || PLAIN[0].has(&PLAIN[0].entering())?)
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        self.put("")?;
        let lines = self.lift_lines(targets);
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
