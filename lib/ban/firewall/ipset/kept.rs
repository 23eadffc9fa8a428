//! Changes that no ledger knows of: kept in sets that no rule uses. These stay when they are empty:
//! a process that deletes a set can't know that nobody has kept a change in it just now.

use std::collections::HashSet;
use std::fmt::Write;
use std::io;

use crate::firewall::interface::{Kept, run};
use crate::firewall::inverted::inverted;
use crate::firewall::signs::may_have_set;
use crate::target::Target;
use pipeban::address::Address;

/// The sets of IPv4 and of IPv6.
const LIFTS: [&str; 2] = ["pipeban4-lifts", "pipeban6-lifts"];
const ENDS: [&str; 2] = ["pipeban4-ends", "pipeban6-ends"];
const FAMILIES: [&str; 2] = ["inet", "inet6"];
/// Entries have an address, [`inverted`], a protocol and a port: this stands for all packets, TCP
/// for single ports.
const WHOLE: &str = "udp:1";

/// The lines that keep these lifts.
pub(super) fn keep_lifts(targets: &[Target]) -> String {
    lines("add", LIFTS, targets)
}

/// The lines that keep that these bans end when they do here.
pub(super) fn keep_ends(targets: &[Target]) -> String {
    lines("add", ENDS, targets) + &lines("del", LIFTS, targets)
}

/// The lines that keep the ends of those of these targets whose lifts are kept.
pub(super) fn lifts_become_ends(targets: &[Target]) -> io::Result<String> {
    if !may_be() {
        return Ok(String::new());
    }
    let targets: HashSet<&Target> = targets.iter().collect();
    let mut lifts = read_all()?.lifts;
    lifts.retain(|target| targets.contains(target));
    Ok(keep_ends(&lifts))
}

/// The lines that forget these.
pub(super) fn forget(kept: &Kept) -> String {
    create()
        + &lines("del", LIFTS, &kept.lifts)
        + &lines("del", ENDS, &[&kept.ends[..], &kept.lifts].concat())
}

fn lines(command: &str, sets: [&str; 2], targets: &[Target]) -> String {
    let mut lines = String::new();
    for target in targets.iter().filter(|target| target.prefix_len() > 0) {
        let name = sets[usize::from(!target.is_ipv4())];
        let address = inverted(&target.address).unwrap_or(target.address);
        let written = match target.port {
            0 => writeln!(lines, "{command} {name} {address},{WHOLE}"),
            port => writeln!(lines, "{command} {name} {address},tcp:{port}"),
        };
        written.expect("a String takes every write");
    }
    lines
}

/// Whether there may be any; to ask costs next to nothing.
pub(super) fn may_be() -> bool {
    may_have_set(LIFTS.into_iter().chain(ENDS))
}

/// All that is kept.
pub(super) fn read_all() -> io::Result<Kept> {
    Ok(read(&run("ipset", &["save"], b"")?))
}

/// The lines that make the sets.
pub(super) fn create() -> String {
    let sets = [LIFTS, ENDS].concat().into_iter();
    let create = |(name, family)| {
        format!("create {name} hash:net,port family {family} maxelem 4294967295\n")
    };
    sets.zip(FAMILIES.into_iter().cycle()).map(create).collect()
}

/// The changes in the lines that `ipset save` prints.
fn read(text: &str) -> Kept {
    let read = |line: &str, sets: [&str; 2]| {
        let mut words = line.strip_prefix("add ")?.split(' ');
        let name = words.next()?;
        sets.iter().find(|set| **set == name)?;
        let (address, port) = words.next()?.split_once(',')?;
        let port = match port {
            WHOLE => 0,
            port => port.strip_prefix("tcp:")?.parse().ok()?,
        };
        let address = inverted(&Address::parse(address.as_bytes())?)?;
        Some(Target { address, port })
    };
    let of = |sets| {
        text.lines()
            .filter_map(move |line| read(line, sets))
            .collect()
    };
    Kept::new(of(LIFTS), of(ENDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_lines_are_read() {
        let text = "create pipeban4-lifts hash:net,port family inet\n\
                    add pipeban4-lifts 52.255.142.248,udp:1\n\
                    add pipeban4-ends 52.255.142.248,udp:1\n\
                    add pipeban4-lifts 52.255.142.0/24,tcp:22\n\
                    add pipeban6-lifts dffe:f247::/32,udp:1\n\
                    add pipeban6-ends dffe:f247:ffff::/48,udp:1\n\
                    add pipeban4-lifts 203.0.113.8,udp:53\nadd pipeban4 203.0.113.9 timeout 0\n";
        let kept = read(text);
        let [lifts, ends] = [kept.lifts, kept.ends].map(|targets| {
            let texts: Vec<String> = targets.iter().map(Target::to_string).collect();
            texts
        });
        let expected = ["203.0.113.7", "203.0.113.0/24 port 22", "2001:db8::/32"];
        assert_eq!(lifts, expected);
        // A lift is the last change.
        assert_eq!(ends, ["2001:db8::/48"]);
    }
}
