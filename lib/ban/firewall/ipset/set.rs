//! The sets: for each family one of addresses and networks, and one of those with single ports.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use crate::firewall::halves::{PROTOCOLS, Ports};
use crate::firewall::interface::{Counted, Dropped, run};
use crate::firewall::routes::has_ipv6;
use crate::target::Target;
use pipeban::address::Address;

/// A set, with its rule of iptables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub ipv4: bool,
    /// Its entries have a protocol and a port.
    pub ports: bool,
}

/// The sets that are always there.
pub(super) const PLAIN: [Set; 2] = [Set::plain(true), Set::plain(false)];

/// Marks: entries for addresses from which no packet comes. The first is put into a set before bans
/// are restored, the second after that. If both are there, the bans are complete: a flush of the
/// set meanwhile has removed the first.
const BEGUN: Address4And6 = ("255.255.255.254", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
const COMPLETE: Address4And6 = ("255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
/// In a set without ports: bans were changed, and no ledger knows.
const UNENTERED: Address4And6 = ("255.255.255.253", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd");
/// In a set without ports: there is one with ports.
const WITH_PORTS: Address4And6 = ("255.255.255.252", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc");

/// An address of each family.
type Address4And6 = (&'static str, &'static str);

impl Set {
    const fn plain(ipv4: bool) -> Self {
        Set { ipv4, ports: false }
    }

    /// The set of the same family with ports.
    pub(super) fn with_ports(self) -> Self {
        Set {
            ports: true,
            ..self
        }
    }

    pub(super) fn of(target: &Target) -> Self {
        Set {
            ipv4: target.is_ipv4(),
            ports: target.port != 0,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match (self.ipv4, self.ports) {
            (true, false) => "pipeban4",
            (false, false) => "pipeban6",
            (true, true) => "pipeban4-ports",
            (false, true) => "pipeban6-ports",
        }
    }

    /// All sets that there may be.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        PLAIN.into_iter().flat_map(|set| [set, set.with_ports()])
    }

    fn named(name: &str) -> Option<Self> {
        Self::all().find(|set| set.name() == name)
    }

    /// The line that makes this set under a name.
    pub(super) fn create(self, name: &str) -> String {
        let kind = if self.ports { "net,port" } else { "net" };
        let family = if self.ipv4 { "inet" } else { "inet6" };
        let options = "timeout 0 counters maxelem 4294967295";
        format!("create {name} hash:{kind} family {family} {options}\n")
    }

    /// The program for its rule.
    pub(super) fn iptables(self) -> &'static str {
        if self.ipv4 { "iptables" } else { "ip6tables" }
    }

    /// A kernel without IPv6 has no packets for that rule, and refuses it.
    pub(super) fn has_packets(self) -> bool {
        self.ipv4 || has_ipv6()
    }

    /// Its rule: the words behind the name of the chain.
    pub(super) fn rule(self) -> [&'static str; 7] {
        let compared = if self.ports { "src,dst" } else { "src" };
        let name = self.name();
        ["-m", "set", "--match-set", name, compared, "-j", "DROP"]
    }

    /// The marks.
    pub(super) fn begun(self) -> String {
        self.mark(BEGUN)
    }

    pub(super) fn complete(self) -> String {
        self.mark(COMPLETE)
    }

    pub(super) fn unentered(self) -> String {
        self.mark(UNENTERED)
    }

    pub(super) fn ports_mark(self) -> String {
        self.mark(WITH_PORTS)
    }

    fn mark(self, (ipv4, ipv6): Address4And6) -> String {
        let port = if self.ports { ",tcp:1" } else { "" };
        format!("{}{port}", if self.ipv4 { ipv4 } else { ipv6 })
    }

    pub(super) fn has(self, entry: &str) -> io::Result<bool> {
        is_there("ipset", &["test", self.name(), entry])
    }
}

fn is_mark(address: &str) -> bool {
    let marks = [BEGUN, COMPLETE, UNENTERED, WITH_PORTS];
    marks
        .iter()
        .any(|(ipv4, ipv6)| [ipv4, ipv6].contains(&&address))
}

/// Whether a program ends well; that it ends otherwise is an answer too.
pub(super) fn is_there(program: &str, arguments: &[&str]) -> io::Result<bool> {
    match run(program, arguments, b"") {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::Other => Ok(false),
        Err(e) => Err(e),
    }
}

/// Runs lines through `ipset restore`. To add an entry again or to delete a missing one is no
/// error.
pub(super) fn restore(lines: &str) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    run("ipset", &["-exist", "restore"], lines.as_bytes()).map(drop)
}

/// Writes a line for each entry of a target, such as `add pipeban4 203.0.113.7 timeout 60`.
pub(super) fn write(lines: &mut String, command: &str, target: &Target, options: &str) {
    let (set, address) = (Set::of(target).name(), target.address);
    let mut line = |entry: std::fmt::Arguments| {
        writeln!(lines, "{command} {set} {entry}{options}").expect("a String takes every write");
    };
    match target.port {
        0 => line(format_args!("{address}")),
        port => PROTOCOLS
            .iter()
            .for_each(|protocol| line(format_args!("{address},{protocol}:{port}"))),
    }
}

/// The bans in the lines that `ipset save` prints.
pub(super) fn read(text: &str) -> Vec<Counted> {
    let (mut bans, mut ports) = (Vec::new(), Ports::default());
    for line in text.lines().filter_map(|line| line.strip_prefix("add ")) {
        let mut words = line.split(' ');
        let set = words.next().and_then(Set::named);
        let (Some(set), Some(entry)) = (set, words.next()) else {
            continue;
        };
        let (address, port) = entry.split_once(',').unwrap_or((entry, ""));
        if is_mark(address) {
            continue;
        }
        let options: Vec<&str> = words.collect();
        let number = |key| -> Option<u64> {
            let at = options.iter().position(|word| *word == key)?;
            options.get(at + 1)?.parse().ok()
        };
        let left = number("timeout").filter(|seconds| *seconds != 0);
        let left = left.map(Duration::from_secs);
        let dropped = number("packets").zip(number("bytes"));
        let dropped = dropped.map(|(packets, bytes)| Dropped {
            packets,
            bytes,
            age: None,
        });
        let Some(address) = Address::parse(address.as_bytes()) else {
            continue;
        };
        if !set.ports {
            bans.push(((address.into(), left), dropped));
        } else if let Some((protocol, port)) = port.split_once(':')
            && let Ok(port) = port.parse()
        {
            ports.add(Target { address, port }, protocol, left, dropped);
        }
    }
    bans.extend(ports.join());
    bans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let target = |text: &str, port| Target {
            address: Address::parse(text.as_bytes()).unwrap(),
            port,
        };
        let targets = [target("203.0.113.0/24", 0), target("2001:db8::1", 22)];
        let mut lines = String::new();
        for target in &targets {
            write(&mut lines, "add", target, " timeout 60 packets 2 bytes 80");
        }
        lines.push_str("add pipeban4 255.255.255.254 timeout 0\nadd other 203.0.113.9\n");
        lines.push_str("add pipeban4-ports 203.0.113.7,udp:53 timeout 60\n");
        let left = Some(Duration::from_secs(60));
        let twice = |n: u64| {
            Some(Dropped {
                packets: 2 * n,
                bytes: 80 * n,
                age: None,
            })
        };
        let expected = [
            ((targets[0], left), twice(1)),
            ((target("203.0.113.7", 53), Some(Duration::ZERO)), None),
            ((targets[1], left), twice(2)),
        ];
        assert_eq!(read(&lines), expected);
    }
}
