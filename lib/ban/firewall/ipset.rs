//! ipset(8): a set with timeouts for each family, and in the table raw a rule of iptables that
//! drops packets from the addresses in the set.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use super::interface::{Entry, Firewall, run, without_ports};
use super::iptables::accepted_before;
use super::routes::has_ipv6;
use crate::target::Target;
use pipeban::address::Address;

const FAMILIES: [Family; 2] = [
    Family {
        set: "pipeban4",
        family: "inet",
        iptables: "iptables",
        begun: "255.255.255.254",
        complete: "255.255.255.255",
        unentered: "255.255.255.253",
    },
    Family {
        set: "pipeban6",
        family: "inet6",
        iptables: "ip6tables",
        begun: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
        complete: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        unentered: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd",
    },
];

/// The longest timeout that a set takes, in seconds; longer bans have no timeout in the set.
const LONGEST: u64 = 2_147_483;
/// For this time after a look, sets and rules are taken to be in place: a look costs three
/// processes, and nothing reports changes.
const TRUSTED: Duration = Duration::from_secs(1);

struct Family {
    set: &'static str,
    family: &'static str,
    iptables: &'static str,
    /// Marks: addresses from which no packet comes. The first is put into the set before bans are
    /// restored, the second after that. If both are there, the bans are complete: a flush of the
    /// set meanwhile has removed the first.
    begun: &'static str,
    complete: &'static str,
    /// A third one: bans were changed, and no ledger knows.
    unentered: &'static str,
}

#[derive(Default)]
pub(super) struct Ipset {
    /// When sets and rules were last seen in place.
    seen: Option<Instant>,
    /// The bans were complete then.
    complete: bool,
}

fn family(address: &Address) -> &'static Family {
    &FAMILIES[usize::from(!address.is_ipv4())]
}

fn is_there(program: &str, arguments: &[&str]) -> io::Result<bool> {
    match run(program, arguments, b"") {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::Other => Ok(false),
        Err(e) => Err(e),
    }
}

impl Family {
    /// A kernel without IPv6 has no packets for that rule, and refuses it.
    fn has_packets(&self) -> bool {
        self.family == "inet" || has_ipv6()
    }

    /// Makes the set and its rule; answers whether the bans in the set are complete.
    fn put_in_place(&self) -> io::Result<bool> {
        let options = "timeout 0 maxelem 4294967295";
        let create = format!(
            "create {} hash:net family {} {options}\n",
            self.set, self.family
        );
        run("ipset", &["-exist", "restore"], create.as_bytes())?;
        if self.has_packets() {
            let rule = [
                "-w",
                "-t",
                "raw",
                "-C",
                "PREROUTING",
                "-m",
                "set",
                "--match-set",
                self.set,
                "src",
                "-j",
                "DROP",
            ];
            if !is_there(self.iptables, &rule)? {
                let insert = rule.map(|word| if word == "-C" { "-I" } else { word });
                run(self.iptables, &insert, b"")?;
            }
        }
        self.is_complete()
    }

    fn marks(&self) -> [&'static str; 3] {
        [self.begun, self.complete, self.unentered]
    }

    fn is_complete(&self) -> io::Result<bool> {
        let has = |mark| is_there("ipset", &["test", self.set, mark]);
        Ok(has(self.begun)? && has(self.complete)?)
    }
}

/// Runs lines through `ipset restore`. To add an entry again or to delete a missing one is no
/// error.
fn restore(lines: &str) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    run("ipset", &["-exist", "restore"], lines.as_bytes()).map(drop)
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
        let complete = [FAMILIES[0].put_in_place()?, FAMILIES[1].put_in_place()?];
        self.complete = complete == [true, true];
        self.seen = Some(Instant::now());
        Ok(())
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

impl Firewall for Ipset {
    fn ensure(&mut self) -> io::Result<bool> {
        if !(self.is_fresh() && self.complete) {
            self.put_in_place()?;
        }
        if !self.complete {
            let lines = FAMILIES.map(|f| {
                let (set, begun, complete) = (f.set, f.begun, f.complete);
                format!("del {set} {complete}\nadd {set} {begun}\n")
            });
            restore(&lines.concat())?;
        }
        Ok(!self.complete)
    }

    fn restored(&mut self) -> io::Result<bool> {
        let lines = FAMILIES.map(|f| format!("add {} {}\n", f.set, f.complete));
        restore(&lines.concat())?;
        if self.lost_again()? {
            return Ok(false);
        }
        let lines = FAMILIES.map(|f| format!("del {} {}\n", f.set, f.unentered));
        restore(&lines.concat())?;
        Ok(true)
    }

    fn lost_again(&mut self) -> io::Result<bool> {
        self.complete = FAMILIES[0].is_complete()? && FAMILIES[1].is_complete()?;
        Ok(!self.complete)
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = String::new();
        let addresses = without_ports(entries.iter().map(|(target, _)| *target))?;
        for (address, (_, time)) in addresses.iter().zip(entries) {
            if address.prefix_len() == 0 {
                let text = format!("{address}: ipset has no networks that wide");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            let set = family(address).set;
            writeln!(lines, "add {set} {address} timeout {}", timeout(*time))
                .expect("a String takes every write");
        }
        self.put(&lines)
    }

    fn mark_unentered(&mut self) -> io::Result<()> {
        // One that restores bans just now begins again without the first mark.
        let lines = FAMILIES.map(|f| {
            let [begun, complete, unentered] = f.marks();
            let set = f.set;
            format!("add {set} {unentered}\ndel {set} {complete}\ndel {set} {begun}\n")
        });
        let marked = self.put(&lines.concat());
        self.complete = false;
        marked
    }

    fn has_unentered(&mut self) -> io::Result<bool> {
        is_there("ipset", &["test", FAMILIES[0].set, FAMILIES[0].unentered])
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        let lines = targets.iter().filter(|a| a.prefix_len() > 0 && a.port == 0);
        let lines: Vec<_> = lines
            .map(|a| format!("del {} {a}\n", family(&a.address).set))
            .collect();
        self.put(&lines.concat())
    }

    fn list(&mut self) -> io::Result<Option<Vec<Entry>>> {
        let text = run("ipset", &["save"], b"")?;
        let mut bans = Vec::new();
        for family in &FAMILIES {
            let start = format!("add {} ", family.set);
            for line in text.lines().filter_map(|l| l.strip_prefix(&start)) {
                let mut words = line.split(' ');
                let Some(address) = words.next().filter(|a| !family.marks().contains(a)) else {
                    continue;
                };
                let left = words.find_map(|w| w.parse().ok()).filter(|s| *s != 0);
                let address = Address::parse(address.as_bytes());
                bans.extend(address.map(|a| (a.into(), left.map(Duration::from_secs))));
            }
        }
        Ok(Some(bans))
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for family in &FAMILIES {
            if family.has_packets() {
                let rule = format!("PREROUTING -m set --match-set {} src -j DROP", family.set);
                found.extend(accepted_before(family.family == "inet", &rule)?);
            }
            if !family.is_complete()? {
                let set = family.set;
                found.push(format!(
                    "set {set}: bans may be missing: nobody has restored them"
                ));
            }
        }
        Ok(found)
    }

    fn expires(&self, time: Duration) -> bool {
        timeout(Some(time)) > 0
    }
}
