//! `--verify ADDRESS`: the lines of a log since the ban of an address, against the packets that the
//! firewall has dropped since.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::Records;
use pipeban::time::Time;
use pipeban_ban::firewall::{About, Backend, Counted, Dropped, Firewall};
use pipeban_ban::ledger::Ledger;
use pipeban_ban::ports;
use pipeban_ban::privilege::keep_network_only;
use pipeban_ban::target::Target;

use crate::arguments::Arguments;
use crate::findings::add;

/// The bans that hold for an address, and the lines about it.
struct Case {
    address: Address,
    has_ledger: bool,
    /// When the first of the bans began, or its counter; `None` if only the firewall has them.
    since: Option<Time>,
    /// The bans of the ledger and those of the firewall.
    in_ledger: BTreeSet<Target>,
    in_firewall: BTreeSet<Target>,
    /// The lines since then; `None` if no record has a time.
    lines: Option<u64>,
}

/// Reads addresses, or records with `at=` or `last=`, and prints a line for each address: first
/// those that are as they should be. Answers whether all are.
pub fn run(
    arguments: &Arguments,
    backend: &Backend,
    firewall: &mut dyn Firewall,
    output: &mut Output,
) -> Result<bool, Fault> {
    let ledger = Ledger::look(arguments.state_file.as_deref())?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut cases: BTreeMap<Address, Case> = BTreeMap::new();
    while let Some(batch) = records.next_batch(output, None, Ok)? {
        let new = batch.iter().map(|record| record.address);
        let mut new: Vec<Address> = new.filter(|a| !cases.contains_key(a)).collect();
        new.sort();
        new.dedup();
        look_up(&new, backend, firewall, ledger.as_ref(), &mut cases)?;
        for record in &batch {
            if let Some(case) = cases.get_mut(&record.address) {
                case.count(record);
            }
        }
    }
    // The counters as of now, after the log was written.
    let targets = cases.values().flat_map(|case| case.in_firewall.iter());
    let targets: Vec<Target> = targets
        .copied()
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    let dropped = counted(backend, firewall, About::Targets(&targets))?;
    let dropped = dropped
        .into_iter()
        .map(|((target, _), dropped)| (target, dropped));
    let dropped: BTreeMap<Target, Option<Dropped>> = dropped.collect();
    let (mut good, mut bad, mut not_banned) = (Vec::new(), Vec::new(), Vec::new());
    for (address, case) in &cases {
        if case.in_ledger.is_empty() && case.in_firewall.is_empty() {
            not_banned.push(format!("{address}: not banned"));
            continue;
        }
        match case.verdict(&dropped) {
            Ok(text) => good.push(format!("{address}: {text}")),
            Err(text) => bad.push(format!("{address}: {text}")),
        }
    }
    let all_good = bad.is_empty() && not_banned.is_empty() && !good.is_empty();
    good.append(&mut bad);
    add(&mut good, not_banned.into_iter(), "more are not banned");
    for line in &good {
        output.line(line.as_bytes())?;
    }
    Ok(all_good)
}

fn counted(
    backend: &Backend,
    firewall: &mut dyn Firewall,
    about: About,
) -> Result<Vec<Counted>, Fault> {
    let counted = firewall.counted(about).map_err(|e| backend.fault(&e))?;
    Ok(counted.unwrap_or_default())
}

/// Looks up the bans of these addresses and of the networks around them.
fn look_up(
    new: &[Address],
    backend: &Backend,
    firewall: &mut dyn Firewall,
    ledger: Option<&Ledger>,
    cases: &mut BTreeMap<Address, Case>,
) -> Result<(), Fault> {
    let around = |address: &Address| {
        let address = *address;
        (0..=address.prefix_len()).map(move |len| address.widen(len))
    };
    let asked: HashSet<Address> = new.iter().flat_map(around).collect();
    let asked: Vec<Address> = asked.into_iter().collect();
    let held = counted(backend, firewall, About::Addresses(&asked))?;
    let now = Time::now();
    let boot = boot(now);
    let mut starts: BTreeMap<Address, Vec<(Target, Time)>> = BTreeMap::new();
    for ((target, _), dropped) in held {
        // A counter begins when the ban is put into the firewall, so not before the boot.
        let age = dropped.and_then(|dropped| dropped.age);
        let start = age.map_or(boot, |age| boot.max(now - age));
        starts
            .entry(target.address)
            .or_default()
            .push((target, start));
    }
    let key = backend.to_string();
    for address in new {
        let mut case = Case {
            address: *address,
            has_ledger: ledger.is_some(),
            since: None,
            in_ledger: BTreeSet::new(),
            in_firewall: BTreeSet::new(),
            lines: None,
        };
        for network in around(address) {
            let mut since: BTreeMap<Target, Time> = BTreeMap::new();
            for details in ledger.map_or(Ok(vec![]), |ledger| ledger.history(&network))? {
                let ban = details.ban;
                if details.backend == key && !details.has_ended(now) {
                    since.insert(ban.target, ban.since);
                    case.in_ledger.insert(ban.target);
                }
            }
            for (target, start) in starts.get(&network).into_iter().flatten() {
                let since = since.entry(*target).or_insert(*start);
                *since = (*since).max(*start);
                case.in_firewall.insert(*target);
            }
            case.since = case.since.into_iter().chain(since.into_values()).min();
        }
        cases.insert(*address, case);
    }
    Ok(())
}

/// When the system was started.
fn boot(now: Time) -> Time {
    let up = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    up.map_or(Time::MIN, |up| now - up)
}

impl Case {
    /// Counts the lines that a record is about, if they are later than the ban.
    fn count(&mut self, record: &Record) {
        let time = |key| record.get(key).and_then(|text| Time::parse(&text));
        let (first, last) = match time("at") {
            Some(at) => (Some(at), Some(at)),
            None => (time("first"), time("last")),
        };
        let (Some(since), Some(last)) = (self.since, last.or(first)) else {
            return;
        };
        let count = record
            .get("count")
            .and_then(|text| String::from_utf8(text).ok());
        let count = count.and_then(|text| text.parse().ok()).unwrap_or(1);
        let new = match (
            is_after(first.unwrap_or(last), since),
            is_after(last, since),
        ) {
            (true, _) => count,
            // Of the others it is unknown.
            (false, true) => count.min(1),
            (false, false) => 0,
        };
        self.lines = Some(self.lines.unwrap_or(0).saturating_add(new));
    }

    /// The words for what log and firewall say; the error is a finding.
    fn verdict(&self, dropped: &BTreeMap<Target, Option<Dropped>>) -> Result<String, String> {
        let ban = self.ban();
        let lines = self.lines.map(|n| number(n, "line"));
        if self.in_firewall.is_empty() {
            return Err(match lines {
                Some(lines) => format!("{lines} since {ban}, which is only in the ledger"),
                None => format!("{ban} is only in the ledger"),
            });
        }
        let counter = |target| dropped.get(target).copied().flatten().map(|d| d.packets);
        let packets: Option<u64> = self.in_firewall.iter().map(counter).sum();
        let counted = packets.map_or("this firewall counts no packets".into(), |n| {
            format!("{} dropped", number(n, "packet"))
        });
        let mut text = match lines {
            Some(lines) => format!("{lines} since {ban} and {counted}"),
            None => format!("{counted} since {ban}"),
        };
        let unexplained = self.lines.unwrap_or(0) > 0 && packets.unwrap_or(0) == 0;
        if unexplained && packets.is_some() {
            let ways = match self.in_firewall.iter().all(|target| target.port != 0) {
                true => "a proxy, another address or another port",
                false => "a proxy or another address",
            };
            text += &format!(": it reaches this host through {ways}");
        }
        let differences = self.differences();
        text += &differences;
        match unexplained || !differences.is_empty() {
            true => Err(text),
            false => Ok(text),
        }
    }

    /// The ban in words: that of all packets, that of a network, or that for single ports.
    fn ban(&self) -> String {
        let all = || self.in_ledger.iter().chain(&self.in_firewall);
        let is_own = |target: &&Target| target.address == self.address;
        if all().any(|target| is_own(&target) && target.port == 0) {
            return "the ban".into();
        }
        let whole = all().filter(|target| target.port == 0);
        if let Some(smallest) = whole.max_by_key(|target| target.prefix_len()) {
            return format!("the ban of {}", smallest.address);
        }
        let mut of_ports: Vec<u16> = all().map(|target| target.port).collect();
        of_ports.sort_unstable();
        of_ports.dedup();
        format!("the ban for port {}", ports::text(&of_ports))
    }

    /// The bans that ledger and firewall do not both hold, in words.
    fn differences(&self) -> String {
        if !self.has_ledger {
            return String::new();
        }
        let mut text = String::new();
        let (ledger, firewall) = (&self.in_ledger, &self.in_firewall);
        for (here, there, place) in [(ledger, firewall, "ledger"), (firewall, ledger, "firewall")] {
            for target in here.difference(there) {
                text += &format!("; {target}: only in the {place}");
            }
        }
        text
    }
}

/// A number of things, with none of them as `no`.
fn number(n: u64, thing: &str) -> String {
    match n {
        0 => format!("no {thing}"),
        1 => format!("1 {thing}"),
        _ => format!("{n} {thing}s"),
    }
}

/// Whether a line is later than a moment. Most stamps have no fractions: one of the same second may
/// be that of the event that was banned.
fn is_after(line: Time, moment: Time) -> bool {
    let is_whole = Time::from_secs(line.secs()) == line;
    match is_whole {
        true => line.secs() > moment.secs(),
        false => line > moment,
    }
}
