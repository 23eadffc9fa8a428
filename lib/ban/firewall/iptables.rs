//! iptables and ip6tables: a rule for each address, in a chain of our own in the table raw.
//!
//! All is read before it is changed, and changed by one `iptables-restore`, so a rule never stands twice. Packets
//! pay for each rule, and nothing ends by itself: this is for systems that have neither nf_tables nor ipset.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::program::run;
use super::{Ban, Firewall};
use pipeban::address::Address;

const JUMP: &str = "PREROUTING -j PIPEBAN";
/// A rule that does nothing: where it stands, the bans are complete. It goes when the chain is flushed.
const MARK: &str = "PIPEBAN -m comment --comment restored";

pub(super) struct Iptables;

/// What of ours there is, for one family.
#[derive(Default)]
struct Standing {
    chain: bool,
    jump: bool,
    mark: bool,
    banned: BTreeSet<Address>,
}

/// The families that the kernel has.
fn families() -> impl Iterator<Item = bool> {
    let ipv6 = Path::new("/proc/net/if_inet6").exists();
    [true, false].into_iter().filter(move |ipv4| *ipv4 || ipv6)
}

fn program(ipv4: bool, name: &str) -> String {
    format!("ip{}tables{name}", if ipv4 { "" } else { "6" })
}

fn read(ipv4: bool) -> io::Result<Standing> {
    let text = run(&program(ipv4, "-save"), &["-t", "raw"], b"")?;
    let mut standing = Standing::default();
    for line in text.lines() {
        standing.chain |= line.starts_with(":PIPEBAN ");
        let Some(rule) = line.strip_prefix("-A ") else {
            continue;
        };
        standing.jump |= rule == JUMP;
        standing.mark |= rule == MARK;
        let source = rule.strip_prefix("PIPEBAN -s ");
        let source = source.and_then(|r| r.strip_suffix(" -j DROP"));
        // A network of length 0 is saved without `-s`.
        let everything = if ipv4 { "0.0.0.0/0" } else { "::/0" };
        let source = source.or((rule == "PIPEBAN -j DROP").then_some(everything));
        standing
            .banned
            .extend(source.and_then(|s| Address::parse(s.as_bytes())));
    }
    Ok(standing)
}

/// Makes the chain stand, marked or not, and appends rules; `anew` is after all others are gone.
fn write(ipv4: bool, seen: &Standing, rules: &[Address], mark: bool, anew: bool) -> io::Result<()> {
    let mut text = String::new();
    if anew || !seen.chain {
        // With --noflush, naming a chain makes it or empties it.
        text.push_str(":PIPEBAN - [0:0]\n");
    }
    if !seen.jump {
        writeln!(text, "-I {JUMP}").expect("a String takes every write");
    }
    if mark && (anew || !seen.mark) {
        writeln!(text, "-A {MARK}").expect("a String takes every write");
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

/// What is wrong with the way to our rule in the chain PREROUTING of the table raw.
pub(super) fn accepted_before(ipv4: bool, ours: &str) -> io::Result<Vec<String>> {
    let name = program(ipv4, "");
    let text = run(&program(ipv4, "-save"), &["-t", "raw"], b"")?;
    let (mut found, mut met) = (Vec::new(), false);
    for rule in text.lines().filter_map(|l| l.strip_prefix("-A ")) {
        met |= rule == ours;
        let before = !met && rule.starts_with("PREROUTING ") || rule.starts_with("PIPEBAN ");
        // What drops does no harm, nor what has no target.
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
            write(ipv4, &seen, &[], false, false)?;
            lost |= !seen.mark;
        }
        Ok(lost)
    }

    fn restored(&mut self) -> io::Result<()> {
        families().try_for_each(|ipv4| write(ipv4, &read(ipv4)?, &[], true, false))
    }

    fn ban(&mut self, bans: &[Ban]) -> io::Result<()> {
        for ipv4 in [true, false] {
            let addresses = bans.iter().map(|b| b.0);
            let mut wanted: BTreeSet<Address> = addresses.filter(|a| a.is_ipv4() == ipv4).collect();
            if wanted.is_empty() {
                continue;
            }
            let seen = read(ipv4)?;
            wanted.retain(|a| !seen.banned.contains(a));
            let new: Vec<Address> = wanted.into_iter().collect();
            write(ipv4, &seen, &new, false, false)?;
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
                write(ipv4, &seen, &stay, seen.mark, true)?;
            }
        }
        Ok(())
    }

    fn list(&mut self) -> io::Result<Option<Vec<Ban>>> {
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
            if !seen.mark {
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
