//! Lifts that no ledger knows of: kept in sets that no rule uses. These stay when they are empty:
//! a process that deletes a set can't know that nobody has kept a lift in it just now.

use std::fmt::Write;
use std::io;

use crate::firewall::interface::run;
use crate::firewall::inverted::inverted;
use crate::firewall::signs::may_have_set;
use crate::target::Target;
use pipeban::address::Address;

/// The sets of IPv4 and of IPv6: of each its name and its family.
const SETS: [(&str, &str); 2] = [("pipeban4-lifts", "inet"), ("pipeban6-lifts", "inet6")];
/// Entries have an address, [`inverted`], a protocol and a port: this stands for all packets, TCP
/// for single ports.
const WHOLE: &str = "udp:1";

/// The lines that keep these lifts.
pub(super) fn keep(targets: &[Target]) -> String {
    create() + &lines("add", targets)
}

/// The lines that forget these lifts.
pub(super) fn forget(targets: &[Target]) -> String {
    create() + &lines("del", targets)
}

fn lines(command: &str, targets: &[Target]) -> String {
    let mut lines = String::new();
    for target in targets.iter().filter(|target| target.prefix_len() > 0) {
        let name = SETS[usize::from(!target.is_ipv4())].0;
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
pub(super) fn may_be_kept() -> bool {
    may_have_set(SETS.map(|(name, _)| name))
}

/// The lifts that are kept.
pub(super) fn kept() -> io::Result<Vec<Target>> {
    Ok(read(&run("ipset", &["save"], b"")?))
}

fn create() -> String {
    let create = |(name, family)| {
        format!("create {name} hash:net,port family {family} maxelem 4294967295\n")
    };
    SETS.map(create).concat()
}

/// The lifts in the lines that `ipset save` prints.
fn read(text: &str) -> Vec<Target> {
    let read = |line: &str| {
        let mut words = line.strip_prefix("add ")?.split(' ');
        let name = words.next()?;
        SETS.iter().find(|(set, _)| *set == name)?;
        let (address, port) = words.next()?.split_once(',')?;
        let port = match port {
            WHOLE => 0,
            port => port.strip_prefix("tcp:")?.parse().ok()?,
        };
        let address = inverted(&Address::parse(address.as_bytes())?)?;
        Some(Target { address, port })
    };
    text.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_lines_are_read() {
        let text = "create pipeban4-lifts hash:net,port family inet\n\
                    add pipeban4-lifts 52.255.142.248,udp:1\n\
                    add pipeban4-lifts 52.255.142.0/24,tcp:22\n\
                    add pipeban6-lifts dffe:f247::/32,udp:1\n\
                    add pipeban4-lifts 203.0.113.8,udp:53\nadd pipeban4 203.0.113.9 timeout 0\n";
        let read: Vec<String> = read(text).iter().map(Target::to_string).collect();
        let expected = ["203.0.113.7", "203.0.113.0/24 port 22", "2001:db8::/32"];
        assert_eq!(read, expected);
    }
}
