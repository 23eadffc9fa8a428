//! iptables(8) and ip6tables(8): a rule for each address, in a chain `PIPEBAN` of the table raw;
//! two rules, for TCP and UDP, for an address and a single port.
//!
//! The chain is read before it is changed, and changed by one `iptables-restore`, so there are
//! never two rules for one address. Each rule costs time per packet, and no ban ends by itself:
//! this is for systems that have neither nf_tables nor ipset.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::io;
use std::time::Duration;

use super::halves::{PROTOCOLS, Ports};
use super::interface::{About, Counted, Dropped, Entry, Firewall, Kept, run};
use super::inverted::inverted;
use super::routes::has_ipv6;
use super::signs::may_have_chain;
use crate::target::Target;
use pipeban::address::Address;

const JUMP: &str = "PREROUTING -j PIPEBAN";
/// Rules without effect. The first is put into the chain before bans are restored, the second after
/// that. If both are there, the bans are complete: a flush of the chain meanwhile has removed the
/// first.
const BEGUN: &str = "PIPEBAN -m comment --comment restoring";
const COMPLETE: &str = "PIPEBAN -m comment --comment restored";
/// The beginning of a rule without effect that keeps a lift; its port and its address follow.
const LIFT: &str = "PIPEBAN -m comment --comment ";
const LIFTED: &str = "lifted-";

pub(super) struct Iptables;

/// The chain, the jump to it and its rules, of one family.
#[derive(Default)]
struct Chain {
    chain: bool,
    jump: bool,
    begun: bool,
    complete: bool,
    /// The time left is `None`; for a single port it is 0 if one of the two rules is missing.
    banned: BTreeMap<Target, (Option<Duration>, Dropped)>,
    /// Lifts that no ledger knows of.
    lifts: BTreeSet<Target>,
}

impl Chain {
    /// Bans are complete. A lift that is kept says that they are not.
    fn is_complete(&self) -> bool {
        self.begun && self.complete && self.lifts.is_empty()
    }
}

/// The families that the kernel has.
fn families() -> impl Iterator<Item = bool> {
    let ipv6 = has_ipv6();
    [true, false].into_iter().filter(move |ipv4| *ipv4 || ipv6)
}

fn program(ipv4: bool, name: &str) -> String {
    format!("ip{}tables{name}", if ipv4 { "" } else { "6" })
}

fn read(ipv4: bool) -> io::Result<Chain> {
    let text = run(&program(ipv4, "-save"), &["-c", "-t", "raw"], b"")?;
    let (mut seen, mut ports) = (Chain::default(), Ports::default());
    for line in text.lines() {
        seen.chain |= line.starts_with(":PIPEBAN ");
        let Some((dropped, rule)) = rule(line) else {
            continue;
        };
        seen.jump |= rule == JUMP;
        seen.begun |= rule == BEGUN;
        seen.complete |= rule == COMPLETE;
        seen.lifts.extend(kept_lift(rule));
        let Some(rule) = rule
            .strip_prefix("PIPEBAN ")
            .and_then(|r| r.strip_suffix("-j DROP"))
        else {
            continue;
        };
        // A network of length 0 is saved without `-s`.
        let everything = if ipv4 { "0.0.0.0/0" } else { "::/0" };
        let (source, rest) = match rule.strip_prefix("-s ") {
            Some(rule) => rule.split_once(' ').unwrap_or((rule, "")),
            None => (everything, rule),
        };
        let Some(address) = Address::parse(source.as_bytes()) else {
            continue;
        };
        match rest.split_whitespace().collect::<Vec<_>>()[..] {
            [] => _ = seen.banned.insert(address.into(), (None, dropped)),
            ["-p", protocol, "-m", _, "--dport", port] => {
                if let Ok(port) = port.parse() {
                    ports.add(Target { address, port }, protocol, None, Some(dropped));
                }
            }
            _ => (),
        }
    }
    let of_ports = ports.join();
    let of_ports = of_ports.map(|((target, left), dropped)| (target, (left, dropped)));
    let none = Dropped::default();
    seen.banned.extend(
        of_ports.map(|(target, (left, dropped))| (target, (left, dropped.unwrap_or(none)))),
    );
    Ok(seen)
}

/// The rule in a line of `iptables-save -c`, as it is appended, and its counters.
fn rule(line: &str) -> Option<(Dropped, &str)> {
    let (counters, rule) = line.strip_prefix('[')?.split_once("] -A ")?;
    let (packets, bytes) = counters.split_once(':')?;
    let dropped = Dropped {
        packets: packets.parse().ok()?,
        bytes: bytes.parse().ok()?,
        age: None,
    };
    Some((dropped, rule))
}

/// The lift that a rule keeps; its address is [`inverted`].
fn kept_lift(rule: &str) -> Option<Target> {
    let comment = rule.strip_prefix(LIFT)?.trim_matches('"');
    let (port, address) = comment.strip_prefix(LIFTED)?.split_once('-')?;
    Some(Target {
        address: inverted(&Address::parse(address.as_bytes())?)?,
        port: port.parse().ok()?,
    })
}

/// Writes the line that appends (`-A`) or deletes (`-D`) the rule that keeps a lift.
fn write_lift(text: &mut String, command: &str, target: &Target) {
    let (address, port) = (
        inverted(&target.address).unwrap_or(target.address),
        target.port,
    );
    writeln!(text, "{command} {LIFT}\"{LIFTED}{port}-{address}\"")
        .expect("a String takes every write");
}

/// Writes the lines that append the rules of a ban.
fn append(text: &mut String, target: &Target, dropped: Dropped) {
    let address = target.address;
    let mut line = |Dropped { packets, bytes, .. }, port: std::fmt::Arguments| {
        writeln!(
            text,
            "[{packets}:{bytes}] -A PIPEBAN -s {address}{port} -j DROP"
        )
        .expect("a String takes every write");
    };
    match target.port {
        0 => line(dropped, format_args!("")),
        port => {
            let counters = [dropped, Dropped::default()];
            for (protocol, dropped) in PROTOCOLS.iter().zip(counters) {
                line(
                    dropped,
                    format_args!(" -p {protocol} -m {protocol} --dport {port}"),
                );
            }
        }
    }
}

/// The marks that a chain is to have: [`BEGUN`] and [`COMPLETE`].
type Marks = (bool, bool);

/// Makes the chain and the jump to it with these marks, and appends the rules of bans with these
/// counters; `anew` removes all others before, but for the lifts that were seen.
fn write(
    ipv4: bool,
    seen: &Chain,
    rules: &[(Target, Dropped)],
    marks: Marks,
    anew: bool,
) -> io::Result<()> {
    let mut text = String::new();
    if anew || !seen.chain {
        // With --noflush, naming a chain makes it or empties it.
        text.push_str(":PIPEBAN - [0:0]\n");
    }
    if !seen.jump {
        writeln!(text, "-I {JUMP}").expect("a String takes every write");
    }
    for (rule, wanted, is_there) in [
        (BEGUN, marks.0, seen.begun && !anew),
        (COMPLETE, marks.1, seen.complete && !anew),
    ] {
        match (wanted, is_there) {
            (true, false) => writeln!(text, "-A {rule}").expect("a String takes every write"),
            (false, true) => writeln!(text, "-D {rule}").expect("a String takes every write"),
            _ => (),
        }
    }
    rules
        .iter()
        .for_each(|(target, dropped)| append(&mut text, target, *dropped));
    if anew {
        seen.lifts
            .iter()
            .for_each(|target| write_lift(&mut text, "-A", target));
    }
    restore(ipv4, &text)
}

/// Runs lines through `iptables-restore`.
fn restore(ipv4: bool, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let text = format!("*raw\n{text}COMMIT\n");
    let arguments = ["--noflush", "--counters", "-w"];
    run(&program(ipv4, "-restore"), &arguments, text.as_bytes()).map(drop)
}

/// Rules that decide before our rule in the chain PREROUTING of the table raw, in plain words.
pub(super) fn accepted_before(ipv4: bool, ours: &str) -> io::Result<Vec<String>> {
    let name = program(ipv4, "");
    let text = run(&program(ipv4, "-save"), &["-t", "raw"], b"")?;
    let (mut found, mut met) = (Vec::new(), false);
    for rule in text.lines().filter_map(|l| l.strip_prefix("-A ")) {
        met |= rule == ours;
        let before = !met && rule.starts_with("PREROUTING ") || rule.starts_with("PIPEBAN ");
        // A rule that drops, or has no target, does no harm.
        if before && rule.contains(" -j ") && !rule.ends_with(" -j DROP") {
            found.push(format!("{name}: a rule decides before the bans: {rule}"));
        }
    }
    if !met {
        found.push(format!("{name}: the rule that drops is missing: {ours}"));
    }
    Ok(found)
}

impl Firewall for Iptables {
    fn is_unused(&mut self) -> bool {
        !may_have_chain("raw", "PIPEBAN")
    }

    fn ensure(&mut self) -> io::Result<bool> {
        let mut lost = false;
        for ipv4 in families() {
            let seen = read(ipv4)?;
            let complete = seen.is_complete();
            write(ipv4, &seen, &[], (true, complete), false)?;
            lost |= !complete;
        }
        Ok(lost)
    }

    fn restored(&mut self) -> io::Result<bool> {
        for ipv4 in families() {
            let seen = read(ipv4)?;
            if !seen.begun || !seen.lifts.is_empty() {
                return Ok(false);
            }
            write(ipv4, &seen, &[], (true, true), false)?;
        }
        Ok(!self.lost_again()?)
    }

    fn lost_again(&mut self) -> io::Result<bool> {
        for ipv4 in families() {
            let seen = read(ipv4)?;
            if !(seen.jump && seen.is_complete()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        for ipv4 in [true, false] {
            let targets = entries.iter().map(|(target, _)| *target);
            let mut wanted: Vec<Target> = targets.filter(|t| t.is_ipv4() == ipv4).collect();
            if wanted.is_empty() {
                continue;
            }
            wanted.sort_unstable();
            wanted.dedup();
            let seen = read(ipv4)?;
            // One that lacks a rule gets both.
            let is_whole = |target: &Target| {
                let held = seen.banned.get(target);
                held.is_some_and(|(left, _)| left.is_none())
            };
            wanted.retain(|target| !is_whole(target));
            let new: Vec<_> = wanted.iter().map(|t| (*t, Dropped::default())).collect();
            write(ipv4, &seen, &new, (seen.begun, seen.complete), false)?;
        }
        Ok(())
    }

    fn lift_unentered(&mut self, targets: &[Target]) -> io::Result<bool> {
        for ipv4 in families() {
            let targets = targets.iter().filter(|target| target.is_ipv4() == ipv4);
            let mut seen = read(ipv4)?;
            let lifted: Vec<Target> = targets.copied().collect();
            if lifted.is_empty() {
                continue;
            }
            for target in &lifted {
                seen.banned.remove(target);
            }
            seen.lifts.extend(lifted);
            let stay = seen.banned.iter().map(|(t, (_, dropped))| (*t, *dropped));
            let stay: Vec<_> = stay.collect();
            // Without the mark the next run restores bans.
            write(ipv4, &seen, &stay, (seen.begun, false), true)?;
        }
        Ok(true)
    }

    fn kept(&mut self) -> io::Result<Option<Kept>> {
        let mut lifts = Vec::new();
        for ipv4 in families() {
            lifts.extend(read(ipv4)?.lifts);
        }
        Ok((!lifts.is_empty()).then(|| Kept::new(lifts, vec![])))
    }

    fn forget_kept(&mut self, kept: &Kept) -> io::Result<bool> {
        if !kept.lifts.is_empty() {
            self.lift(&kept.lifts)?;
        }
        for ipv4 in families() {
            let mut text = String::new();
            let of_it = kept.lifts.iter().filter(|lift| lift.is_ipv4() == ipv4);
            of_it.for_each(|lift| write_lift(&mut text, "-D", lift));
            restore(ipv4, &text)?;
        }
        Ok(true)
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        let lifted: HashSet<&Target> = targets.iter().collect();
        for ipv4 in families() {
            if !targets.iter().any(|target| target.is_ipv4() == ipv4) {
                continue;
            }
            let seen = read(ipv4)?;
            let stay = seen.banned.iter().filter(|(t, _)| !lifted.contains(t));
            let stay: Vec<_> = stay
                .map(|(target, (_, dropped))| (*target, *dropped))
                .collect();
            if stay.len() < seen.banned.len() {
                // To delete them one by one takes a search through all rules for each.
                write(ipv4, &seen, &stay, (seen.begun, seen.complete), true)?;
            }
        }
        Ok(())
    }

    fn counted(&mut self, about: About) -> io::Result<Option<Vec<Counted>>> {
        let mut bans = Vec::new();
        for ipv4 in families() {
            let banned = read(ipv4)?.banned.into_iter();
            bans.extend(banned.map(|(target, (left, dropped))| ((target, left), Some(dropped))));
        }
        Ok(Some(about.among(bans)))
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for ipv4 in families() {
            let seen = read(ipv4)?;
            found.extend(accepted_before(ipv4, JUMP)?);
            if !(seen.begun && seen.complete) {
                let name = program(ipv4, "");
                found.push(format!(
                    "{name}: bans may be missing: nobody has restored them"
                ));
            }
        }
        Ok(found)
    }

    fn expires(&self, _: Duration) -> bool {
        false
    }
}
