//! Sets the ends of bans in ledger and firewalls.

mod alone; // firewalls without the ledger
mod around; // networks around addresses

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::enforce;
use pipeban_ban::failure::Failure;
use pipeban_ban::firewall::{About, Backend, Entry};
use pipeban_ban::ledger::{Ban, Ledger, NewBan, Printing, Whose};
use pipeban_ban::look::Firewalls;
use pipeban_ban::never::NeverLater;
use pipeban_ban::ports;
use pipeban_ban::restore::{adopt, enter_changes};
use pipeban_ban::stored::stored;
use pipeban_ban::target::Target;
use pipeban_ban::waiter;
use pipeban_ban::whose;

/// Of more unknown addresses than this, the networks around them are not looked up.
const AROUND: usize = 100;
/// This number of addresses that are not banned are told; of more, the total.
const IN_FULL: usize = 10;

/// A ban that is found ends no sooner than this: one that has ended is not entered.
const SECOND: Duration = Duration::from_secs(1);

/// The ledger and the firewalls of its bans.
pub struct Ends {
    usual: Backend,
    firewalls: Firewalls,
    state_file: Option<PathBuf>,
    /// The host whose bans alone end; empty is this one.
    origin: Option<String>,
    /// The ports whose bans alone end; none is all.
    ports: Vec<u16>,
    /// `None` if it can't be used.
    ledger: Option<Ledger>,
    /// The addresses that must not be banned where a firewall has lost its bans.
    never: NeverLater,
    /// The number of addresses that were not banned.
    not_banned: usize,
}

/// The bans of an address, each with its firewall as the ledger writes it; without one if it was
/// reported that its end is not set.
type Bans = Vec<(String, Ban)>;

/// The targets of such bans.
type Known<'a> = HashSet<(&'a str, Target)>;

fn known(bans: &[Bans]) -> Known<'_> {
    let bans = bans.iter().flatten();
    bans.map(|(key, ban)| (key.as_str(), ban.target)).collect()
}

impl Ends {
    /// Opens the ledger; if it can't be used, that is reported.
    pub fn open(
        state_file: Option<&Path>,
        origin: Option<&str>,
        ports: Vec<u16>,
    ) -> Result<Self, Fault> {
        let mut ends = Ends {
            usual: Backend::usual(),
            firewalls: Firewalls::default(),
            state_file: state_file.map(PathBuf::from),
            origin: origin.map(|name| if name == "." { "" } else { name }.into()),
            ports,
            ledger: None,
            never: NeverLater::new(state_file),
            not_banned: 0,
        };
        match ends.open_ledger() {
            Ok(()) => (),
            Err(Failure::Ledger(fault)) => complain::fault(fault)?,
            // It matters only if that firewall is asked; then it is reported.
            Err(Failure::Firewall { .. }) => (),
        }
        Ok(ends)
    }

    fn open_ledger(&mut self) -> Result<(), Failure> {
        let ledger = Ledger::open_or_replace(self.state_file.as_deref())?;
        let ledger = self.ledger.insert(ledger);
        ledger.prints(Printing::Ends)?;
        let opened = self.firewalls.open(&self.usual);
        let firewall = opened.map_err(|fault| Failure::Firewall { fault, lasts: true })?;
        adopt(ledger, &self.usual, firewall)
    }

    /// Sets the end of the bans of these records, or lifts them if that is not after now, and
    /// prints them; answers whether there was any.
    pub fn set(
        &mut self,
        batch: Vec<Record>,
        until: Time,
        now: Time,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        let addresses: Vec<Address> = batch.iter().map(|record| record.address).collect();
        if self.ledger.as_ref().is_some_and(Ledger::is_replaced) {
            self.ledger = None;
            if let Err(Failure::Ledger(fault)) = self.open_ledger() {
                complain::fault(fault)?;
            }
        }
        if self.ledger.is_some() {
            match self.set_by_ledger(&addresses, until, now) {
                Ok(ended) => return self.print(batch, &ended, until, now, output),
                Err(fault) => {
                    complain::fault(fault)?;
                    self.ledger = None;
                }
            }
        }
        let ended = match self.origin {
            Some(_) => vec![vec![]; addresses.len()],
            None => self.set_alone(&addresses, until, now),
        };
        self.print(batch, &ended, until, now, output)
    }

    /// Enters the ends and enforces them; answers the bans of each address whose end is set.
    fn set_by_ledger(
        &mut self,
        addresses: &[Address],
        until: Time,
        now: Time,
    ) -> Result<Vec<Bans>, Fault> {
        if let (Some(ledger), Ok(usual)) = (&mut self.ledger, self.firewalls.open(&self.usual)) {
            // It matters only for that firewall; an error comes again where it is told.
            let _ = enter_changes(ledger, &self.usual, usual, false);
        }
        let mut ended = self.end(addresses, until, now)?;
        // A ban that the ledger does not know is nobody's.
        let held = match self.origin {
            Some(_) => vec![],
            None if until <= now => self.look_for(addresses, &known(&ended)),
            None => {
                let without = addresses.iter().zip(&ended);
                let without = without.filter(|(_, bans)| bans.is_empty());
                let without: Vec<Address> = without.map(|(address, _)| *address).collect();
                self.look_for(&without, &HashSet::new())
            }
        };
        let unknown = self.enter_unknown(held, &ended, now)?;
        if !unknown.is_empty() {
            let found = self.end(&unknown, until, now)?;
            let found: HashMap<Address, Bans> = unknown.into_iter().zip(found).collect();
            for (address, bans) in addresses.iter().zip(&mut ended) {
                bans.extend(found.get(address).into_iter().flatten().cloned());
            }
        }
        let backends: HashSet<String> = ended.iter().flatten().map(|(b, _)| b.clone()).collect();
        let mut failed = HashSet::new();
        for backend in backends {
            match self.enforce(&backend) {
                Ok(not_lifted) => {
                    let of_it = ended.iter().flatten().filter(|(b, _)| *b == backend);
                    let targets = of_it.map(|(_, ban)| ban.target);
                    let unsaid: Vec<Target> = targets.filter(|t| !not_lifted.contains(t)).collect();
                    failed.extend(not_lifted);
                    if until <= now {
                        failed.extend(self.lifted_in_vain(&backend, unsaid)?);
                    }
                }
                Err(Failure::Ledger(fault)) => return Err(fault),
                Err(Failure::Firewall { fault, .. }) => {
                    complain::fault(fault)?;
                    let of_it = ended.iter().flatten().filter(|(b, _)| *b == backend);
                    failed.extend(of_it.map(|(_, ban)| ban.target));
                }
            }
        }
        for bans in &mut ended {
            if bans.iter().any(|(_, ban)| failed.contains(&ban.target)) {
                // It is tried again by the next run.
                bans.iter_mut().for_each(|(backend, _)| backend.clear());
            }
        }
        Ok(ended)
    }

    /// Those of these targets whose lifts another process was first to tell, and in vain; they are
    /// reported, since that process may have told nobody.
    fn lifted_in_vain(
        &mut self,
        backend: &str,
        targets: Vec<Target>,
    ) -> Result<Vec<Target>, Fault> {
        let Some(ledger) = &self.ledger else {
            return Ok(vec![]);
        };
        let now = Time::now();
        let mut failed = Vec::new();
        if ledger.next_due()?.is_none() {
            return Ok(failed);
        }
        for target in targets {
            if ledger.is_to_be_lifted(backend, &target, now)? {
                complain::error(target, "the lift failed, and is tried again");
                failed.push(target);
            }
        }
        Ok(failed)
    }

    /// Sets the end of the bans of these addresses in the ledger; see [`Ledger::end`].
    fn end(&mut self, addresses: &[Address], until: Time, now: Time) -> Result<Vec<Bans>, Fault> {
        let whose = Whose {
            origin: self.origin.as_deref(),
            ports: &self.ports,
        };
        match &mut self.ledger {
            Some(ledger) => ledger.end(addresses, whose, until, now),
            None => Ok(vec![vec![]; addresses.len()]),
        }
    }

    /// Enters those of these bans that are in the firewalls and not among the bans of the ledger;
    /// answers their addresses.
    fn enter_unknown(
        &mut self,
        held: Vec<(Backend, Vec<Entry>)>,
        known: &[Bans],
        now: Time,
    ) -> Result<Vec<Address>, Fault> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(vec![]);
        };
        if held.iter().all(|(_, held)| held.is_empty()) {
            return Ok(vec![]);
        }
        let known = self::known(known);
        let mut addresses = Vec::new();
        for (backend, held) in held {
            let key = backend.to_string();
            let unknown = held.into_iter();
            let unknown = unknown.filter(|(target, _)| !known.contains(&(key.as_str(), *target)));
            let bans: Vec<NewBan> = unknown
                .map(|(target, left)| NewBan::held(target, left.map(|l| l.max(SECOND)), now))
                .collect();
            if !bans.is_empty() {
                addresses.extend(bans.iter().map(|new| new.ban.target.address));
                ledger.ban(&key, &bans, now)?;
            }
        }
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    }

    /// The bans of these addresses that firewalls hold. Those of all packets that are `known` need
    /// not be looked for.
    fn look_for(&mut self, addresses: &[Address], known: &Known) -> Vec<(Backend, Vec<Entry>)> {
        if addresses.is_empty() {
            return vec![];
        }
        let (ledger, usual) = (&self.ledger, &self.usual);
        let used = |backend: &Backend| {
            let known = ledger.as_ref().is_some_and(|ledger| {
                let known = ledger.knows(&backend.to_string());
                known.unwrap_or_default()
            });
            known || backend == usual
        };
        let found = self.firewalls.ask(used, |backend, firewall| {
            let key = backend.to_string();
            let is_known = |address: &&Address| known.contains(&(&*key, (**address).into()));
            let (known, unknown): (Vec<&Address>, Vec<&Address>) =
                addresses.iter().partition(is_known);
            if known.is_empty() || firewall.asked_at_once() == usize::MAX {
                return firewall.found(About::Addresses(addresses));
            }
            let [known, unknown] = [known, unknown].map(|a| a.into_iter().copied().collect());
            let (known, unknown): (Vec<Address>, Vec<Address>) = (known, unknown);
            let mut found = firewall.found(About::Addresses(&unknown))?;
            let of_ports = firewall.found(About::Ports(&known))?;
            found
                .get_or_insert_default()
                .extend(of_ports.into_iter().flatten());
            Ok(found)
        });
        let is_asked = |target: &Target| self.ports.is_empty() || self.ports.contains(&target.port);
        let entries = |held: Vec<Entry>| {
            let held = held.into_iter();
            held.filter(|(target, _)| is_asked(target)).collect()
        };
        let found = found.into_iter();
        let found = found.map(|(backend, held)| (backend, entries(held)));
        found.collect()
    }

    /// Tells a firewall the new ends; answers the addresses whose lift failed.
    fn enforce(&mut self, backend: &str) -> Result<HashSet<Target>, Failure> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(HashSet::new());
        };
        let firewall = |fault| Failure::Firewall { fault, lasts: true };
        let backend = stored(ledger, backend).map_err(firewall)?;
        let opened = self.firewalls.open(&backend).map_err(firewall)?;
        let outcome = enforce(
            ledger,
            &backend,
            opened,
            None,
            &[],
            &mut |net| self.never.protects(net),
            &mut |_| Ok(()),
        )?;
        if outcome.later {
            waiter::start(ledger.path())?;
        }
        Ok(outcome.not_lifted)
    }

    /// Prints the records whose ends are set, and reports the others; answers whether any is set.
    fn print(
        &mut self,
        batch: Vec<Record>,
        ended: &[Bans],
        until: Time,
        now: Time,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        let asked: Vec<(Address, bool)> = batch
            .iter()
            .zip(ended)
            .filter(|(_, bans)| bans.is_empty() || until <= now)
            .map(|(record, bans)| (record.address, bans.is_empty()))
            .collect();
        let around = match asked.len() {
            0..=AROUND => self.around(&asked, now)?,
            _ => HashMap::new(),
        };
        let mut done = false;
        for (mut record, bans) in batch.into_iter().zip(ended) {
            let address = record.address;
            match (bans.first(), around.get(&address)) {
                _ if bans.iter().any(|(backend, _)| backend.is_empty()) => continue,
                (Some((_, ban)), around) => {
                    let ports = bans.iter().map(|(_, ban)| ban.target.port);
                    let mut ports: Vec<u16> = ports.collect();
                    ports.sort_unstable();
                    ports.dedup();
                    match ports.contains(&0) {
                        true => record.remove("port"),
                        false => record.set("port", ports::text(&ports).as_bytes()),
                    }
                    ban.describe(&mut record);
                    output.record(&record)?;
                    done = true;
                    if self.is_held(&address, now)? {
                        complain::note(address, "still banned: others have asked for it too");
                    }
                    if let Some(network) = around {
                        let text = format!("lifted, but inside {network}, which is banned");
                        complain::note(address, text);
                    }
                }
                (None, Some(network)) => {
                    let text = format!("not banned itself, but inside {network}, which is banned");
                    complain::note(address, text);
                }
                (None, None) => {
                    self.not_banned += 1;
                    if self.not_banned <= IN_FULL {
                        complain::note(address, "not banned");
                    }
                }
            }
        }
        Ok(done)
    }

    /// The addresses of all bans that the host of `--origin` has asked for.
    pub fn of_origin(&self, now: Time) -> Result<Vec<Address>, Fault> {
        match (&self.ledger, &self.origin) {
            (Some(ledger), Some(origin)) => ledger.addresses_of(origin, now),
            _ => Ok(vec![]),
        }
    }

    /// All records were printed.
    pub fn printed(&mut self) {
        self.ledger.iter_mut().for_each(Ledger::printed);
    }

    /// Whether it is to be noted that records were printed.
    pub fn has_printed(&self) -> bool {
        self.ledger.as_ref().is_some_and(Ledger::has_printed)
    }

    /// Notes that records were printed.
    pub fn forget_printed(&mut self) -> Result<(), Fault> {
        match &mut self.ledger {
            Some(ledger) => ledger.forget_printed(),
            None => Ok(()),
        }
    }

    /// Tells how many addresses were not banned, if not each of them was told.
    pub fn finish(&self) {
        if self.not_banned > IN_FULL {
            let text = format!("{} addresses were not banned", self.not_banned);
            complain::note("in all", text);
        }
        if self.not_banned > 0 {
            whose::tell(self.state_file.as_deref());
        }
    }

    /// Whether an address is banned all the same after the ban of one host was lifted.
    fn is_held(&self, address: &Address, now: Time) -> Result<bool, Fault> {
        let Some(ledger) = self.ledger.as_ref().filter(|_| self.origin.is_some()) else {
            return Ok(false);
        };
        let held = ledger.last_ban(&self.usual.to_string(), &(*address).into(), None)?;
        Ok(held.is_some_and(|details| !details.has_ended(now)))
    }
}
