//! iptables(8) and ip6tables(8): a rule for each address, in a chain `PIPEBAN` of the table raw.
//!
//! The chain is read before it is changed, and changed by one `iptables-restore`, so there are
//! never two rules for one address. Each rule costs time per packet, and no ban ends by itself:
//! this is for systems that have neither nf_tables nor ipset.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::time::Duration;

use super::interface::{Entry, Firewall, run};
use super::routes::has_ipv6;
use pipeban::address::Address;

const JUMP: &str = "PREROUTING -j PIPEBAN";
/// Rules without effect. The first is put into the chain before bans are restored, the second after
/// that. If both are there, the bans are complete: a flush of the chain meanwhile has removed the
/// first.
const BEGUN: &str = "PIPEBAN -m comment --comment restoring";
const COMPLETE: &str = "PIPEBAN -m comment --comment restored";

pub(super) struct Iptables;

/// The chain, the jump to it and its rules, of one family.
#[derive(Default)]
struct Chain {
    chain: bool,
    jump: bool,
    begun: bool,
    complete: bool,
    banned: BTreeSet<Address>,
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
    let text = run(&program(ipv4, "-save"), &["-t", "raw"], b"")?;
    let mut seen = Chain::default();
    for line in text.lines() {
        seen.chain |= line.starts_with(":PIPEBAN ");
        let Some(rule) = line.strip_prefix("-A ") else {
            continue;
        };
        seen.jump |= rule == JUMP;
        seen.begun |= rule == BEGUN;
        seen.complete |= rule == COMPLETE;
        let source = rule.strip_prefix("PIPEBAN -s ");
        let source = source.and_then(|r| r.strip_suffix(" -j DROP"));
        // A network of length 0 is saved without `-s`.
        let everything = if ipv4 { "0.0.0.0/0" } else { "::/0" };
        let source = source.or((rule == "PIPEBAN -j DROP").then_some(everything));
        seen.banned
            .extend(source.and_then(|s| Address::parse(s.as_bytes())));
    }
    Ok(seen)
}

/// The marks that a chain is to have: [`BEGUN`] and [`COMPLETE`].
type Marks = (bool, bool);

/// Makes the chain and the jump to it with these marks, and appends rules; `anew` removes all
/// others before.
fn write(ipv4: bool, seen: &Chain, rules: &[Address], marks: Marks, anew: bool) -> io::Result<()> {
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
    for address in rules {
        writeln!(text, "-A PIPEBAN -s {address} -j DROP").expect("a String takes every write");
    }
    if text.is_empty() {
        return Ok(());
    }
    let text = format!("*raw\n{text}COMMIT\n");
    let arguments = ["--noflush", "-w"];
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
    fn ensure(&mut self) -> io::Result<bool> {
        let mut lost = false;
        for ipv4 in families() {
            let seen = read(ipv4)?;
            let complete = seen.begun && seen.complete;
            write(ipv4, &seen, &[], (true, complete), false)?;
            lost |= !complete;
        }
        Ok(lost)
    }

    fn restored(&mut self) -> io::Result<bool> {
        for ipv4 in families() {
            let seen = read(ipv4)?;
            if !seen.begun {
                return Ok(false);
            }
            write(ipv4, &seen, &[], (true, true), false)?;
        }
        Ok(!self.lost_again()?)
    }

    fn lost_again(&mut self) -> io::Result<bool> {
        for ipv4 in families() {
            let seen = read(ipv4)?;
            if !(seen.jump && seen.begun && seen.complete) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        for ipv4 in [true, false] {
            let addresses = entries.iter().map(|b| b.0);
            let mut wanted: BTreeSet<Address> = addresses.filter(|a| a.is_ipv4() == ipv4).collect();
            if wanted.is_empty() {
                continue;
            }
            let seen = read(ipv4)?;
            wanted.retain(|a| !seen.banned.contains(a));
            let new: Vec<Address> = wanted.into_iter().collect();
            write(ipv4, &seen, &new, (seen.begun, seen.complete), false)?;
        }
        Ok(())
    }

    fn lift(&mut self, addresses: &[Address]) -> io::Result<()> {
        let lifted: BTreeSet<&Address> = addresses.iter().collect();
        for ipv4 in families() {
            if !addresses.iter().any(|a| a.is_ipv4() == ipv4) {
                continue;
            }
            let seen = read(ipv4)?;
            let stay = seen.banned.iter().filter(|a| !lifted.contains(a));
            let stay: Vec<Address> = stay.copied().collect();
            if stay.len() < seen.banned.len() {
                // To delete them one by one takes a search through all rules for each.
                write(ipv4, &seen, &stay, (seen.begun, seen.complete), true)?;
            }
        }
        Ok(())
    }

    fn list(&mut self) -> io::Result<Option<Vec<Entry>>> {
        let mut bans = Vec::new();
        for ipv4 in families() {
            bans.extend(read(ipv4)?.banned.into_iter().map(|a| (a, None)));
        }
        Ok(Some(bans))
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
