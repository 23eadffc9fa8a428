//! Bans in ledger and firewall.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::state;
use pipeban::time::Time;
use pipeban_ban::enforce::enforce;
use pipeban_ban::failure::Failure;
use pipeban_ban::firewall::{Backend, Firewall};
use pipeban_ban::ledger::{
    BackendLock, Ban, Entered, HostLift, Ledger, NewBan, Printing, lock_alone,
};
use pipeban_ban::never::Never;
use pipeban_ban::restore::{adopt, enter_changes};
use pipeban_ban::target::Target;
use pipeban_ban::unentered;
use pipeban_ban::waiter;

use crate::candidate::{Candidate, Policy};
use crate::over::Over;
use crate::printer::Printer;

/// A ledger that can't be used is tried again after this time.
const RETRY: Duration = Duration::from_secs(2);
/// If no record comes for this time, it is noted which bans were printed.
const IDLE: Duration = Duration::from_millis(100);
/// At most this number of records are entered while the firewall's lock is held: others wait.
const FEW: usize = 8;
/// The greatest number of bans that wait for the ledger.
const WAITING: usize = 200_000;

/// A run that bans.
pub struct Live {
    policy: Policy,
    backend: Backend,
    key: String,
    state_file: Option<PathBuf>,
    firewall: Box<dyn Firewall>,
    /// `None` if it can't be used just now.
    ledger: Option<Ledger>,
    /// When the ledger was last tried in vain.
    tried: Instant,
    /// That was reported.
    in_trouble: bool,
    /// Bans that are in the firewall and have still to be entered.
    unentered: Vec<NewBan>,
    /// Records whose bans are entered, and that the firewall could not be told yet.
    untold: Vec<(Candidate, Vec<Ban>)>,
    /// Bans that were not made.
    over: Over,
}

impl Live {
    /// Opens firewall and ledger.
    pub fn open(
        policy: Policy,
        backend: Backend,
        state_file: Option<&Path>,
    ) -> Result<Self, Fault> {
        let mut live = Live {
            policy,
            key: backend.to_string(),
            firewall: backend.open()?,
            backend,
            state_file: state_file.map(PathBuf::from),
            ledger: None,
            tried: Instant::now(),
            in_trouble: false,
            unentered: vec![],
            untold: vec![],
            over: Over::default(),
        };
        match live.open_ledger() {
            Ok(()) => (),
            Err(fault) if live.backend.does_alone() => live.do_without(fault)?,
            Err(fault) => return Err(fault),
        }
        Ok(live)
    }

    fn open_ledger(&mut self) -> Result<(), Fault> {
        let mut ledger = Ledger::open_or_replace(self.state_file.as_deref())?;
        adopt(&mut ledger, &self.backend, self.firewall.as_mut())?;
        ledger.prints(Printing::Bans)?;
        self.ledger = Some(ledger);
        Ok(())
    }

    /// Opens the ledger anew if its file was deleted or replaced. A new one begins with the bans of
    /// the firewall.
    fn open_if_replaced(&mut self) -> Result<(), Fault> {
        if !self.ledger.as_ref().is_some_and(Ledger::is_replaced) {
            return Ok(());
        }
        match self.open_ledger() {
            Ok(()) => Ok(()),
            Err(fault) if self.backend.does_alone() => self.do_without(fault),
            Err(fault) => Err(fault),
        }
    }

    /// Goes on without the ledger, and reports why, once for as long as that lasts. A damaged one
    /// is replaced.
    fn do_without(&mut self, fault: Fault) -> Result<(), Fault> {
        self.ledger = None;
        self.tried = Instant::now();
        let path = state::path(self.state_file.as_deref());
        let replaced = state::is_damaged(&path).then(|| Ledger::replace(&path));
        let fault = match replaced {
            Some(Ok(())) => match self.open_ledger() {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            },
            Some(Err(fault)) => fault,
            None => fault,
        };
        match std::mem::replace(&mut self.in_trouble, true) {
            true => Ok(()),
            false => complain::fault(fault),
        }
    }

    /// The moment at which [`retry`](Self::retry) is to be called, if it is.
    pub fn deadline(&self) -> Option<Instant> {
        let ledger = match &self.ledger {
            Some(ledger) => ledger.has_printed().then(|| Instant::now() + IDLE),
            None => Some(self.tried + RETRY),
        };
        ledger.into_iter().chain(self.over.deadline()).min()
    }

    /// Tries the ledger again if it is time, or if this is the `last` time, and enters the bans
    /// that wait for it. Tells of bans that were not made. If there is no batch just now, it is
    /// noted which bans were printed.
    pub fn retry(&mut self, idle: bool, last: bool, never: &mut Never) -> Result<(), Fault> {
        self.over.tell(last);
        if let Some(ledger) = self.ledger.as_mut().filter(|_| idle)
            && let Err(fault) = ledger.forget_printed()
        {
            self.do_without(fault)?;
        }
        if self.ledger.is_none() && (last || self.tried.elapsed() >= RETRY) {
            self.tried = Instant::now();
            if self.open_ledger().is_err() {
                return Ok(());
            }
        }
        let Some(ledger) = self.ledger.as_mut().filter(|_| !self.unentered.is_empty()) else {
            return Ok(());
        };
        unentered::as_held(self.firewall.as_mut(), &mut self.unentered);
        match ledger.ban(&self.key, &self.unentered, Time::now()) {
            Ok(_) => {
                self.unentered.clear();
                self.in_trouble = false;
            }
            Err(fault) => return self.do_without(fault),
        }
        let done = self.enforce(None, &[], never, &mut |_| Ok(()));
        self.printed();
        match done {
            Err(Failure::Ledger(fault)) => self.do_without(fault),
            done => done.map_err(Fault::from),
        }
    }

    /// Bans a batch and prints the bans that are new or longer or were put back; answers whether
    /// there was any.
    pub fn ban(
        &mut self,
        batch: Vec<Candidate>,
        never: &mut Never,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        let mut printer = Printer::new(batch, output);
        self.open_if_replaced()?;
        if self.ledger.is_some() {
            match self.ban_by_ledger(&mut printer, never) {
                Ok(()) => {
                    self.printed();
                    return Ok(printer.done());
                }
                Err(Failure::Firewall { fault, lasts: true }) => return Err(fault),
                Err(Failure::Firewall { fault, .. }) => {
                    complain::fault(fault)?;
                    self.untold.extend(printer.unprinted());
                    return Ok(printer.done());
                }
                Err(Failure::Ledger(fault)) if self.backend.does_alone() => {
                    self.do_without(fault)?;
                }
                Err(Failure::Ledger(fault)) => return Err(fault),
            }
        }
        if self.ledger.is_some() {
            // It was replaced just now.
            match self.ban_by_ledger(&mut printer, never) {
                Err(Failure::Ledger(fault)) => self.do_without(fault)?,
                done => {
                    done.map_err(Fault::from)?;
                    self.printed();
                    return Ok(printer.done());
                }
            }
        }
        self.ban_alone(&mut printer)?;
        Ok(printer.done())
    }

    /// Lifts the bans that other hosts have asked for and lift again, and prints their records;
    /// answers whether there was any.
    pub fn lift(
        &mut self,
        batch: Vec<Candidate>,
        never: &mut Never,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        let lift = |c: &Candidate| HostLift {
            address: c.record.address,
            ports: c.ports.clone(),
            origin: c.origin.clone(),
            at: c.lifted.unwrap_or(Time::MIN),
        };
        let lifts: Vec<HostLift> = batch.iter().map(lift).collect();
        self.open_if_replaced()?;
        let Some(ledger) = &mut self.ledger else {
            let text = "the ledger can't be used: nobody can say whose ban it is";
            complain::error("lifted=", text);
            return Ok(false);
        };
        // The firewall's error comes again when it is told.
        let firewall = self.firewall.as_mut();
        if let Err(Failure::Ledger(fault)) = enter_changes(ledger, &self.backend, firewall, false) {
            return self.do_without(fault).map(|()| false);
        }
        let lifted = match ledger.lift_for_hosts(&self.key, &lifts, Time::now()) {
            Ok(lifted) => lifted,
            Err(fault) => return self.do_without(fault).map(|()| false),
        };
        if !lifted.contains(&true) {
            return Ok(false);
        }
        match self.enforce(None, &[], never, &mut |_| Ok(())) {
            Ok(()) => (),
            // It is told again by the next run.
            Err(Failure::Firewall {
                fault,
                lasts: false,
            }) => complain::fault(fault)?,
            Err(failure) => return Err(failure.into()),
        }
        let lifted = batch.iter().zip(&lifted).filter(|(_, lifted)| **lifted);
        for (candidate, _) in lifted {
            output.record(&candidate.record)?;
        }
        output.flush()?;
        self.printed();
        Ok(true)
    }

    /// All changes were printed, but those that the firewall could not be told yet.
    fn printed(&mut self) {
        if let Some(ledger) = self.ledger.as_mut().filter(|_| self.untold.is_empty()) {
            ledger.printed();
        }
    }

    /// Enters a batch and enforces it.
    fn ban_by_ledger(&mut self, printer: &mut Printer, never: &mut Never) -> Result<(), Failure> {
        let now = Time::now();
        let Some(ledger) = &mut self.ledger else {
            return Ok(());
        };
        // A few are entered under the firewall's lock, if it is free: then all that it has to be
        // told is known.
        let lock = match printer.batch.len() {
            ..=FEW => ledger.try_lock(self.backend.name())?,
            _ => None,
        };
        let firewall = self.firewall.as_mut();
        let entered = enter_changes(ledger, &self.backend, firewall, lock.is_some());
        if let Err(failure @ Failure::Ledger(_)) = entered {
            return Err(failure);
        }
        // The firewall's error comes again when it is told the bans, which are entered by then.
        let mut bans = Vec::with_capacity(printer.batch.len());
        let mut records = Vec::with_capacity(printer.batch.len());
        for (place, candidate) in printer.batch.iter().enumerate() {
            let earlier = match self.policy.escalate {
                Some(_) => ledger.earlier(&candidate.record.address, now)?,
                None => 0,
            };
            for target in candidate.targets() {
                bans.push(self.policy.new_ban(candidate, target, now, earlier));
                records.push(place);
            }
        }
        let entered = ledger.ban(&self.key, &bans, now)?;
        drop(bans);
        self.in_trouble = false;
        count_over(&mut self.over, &self.policy, printer, &entered, &records);
        printer.expect(entered, records, std::mem::take(&mut self.untold));
        let known = printer.known();
        self.enforce(lock, &known, never, &mut |bans| printer.made(bans))?;
        // Another process may have told the firewall bans of this one.
        if let Some(ledger) = &self.ledger {
            for ban in printer.expected() {
                if ledger.find(&self.key, &ban.target, None)?.is_some() {
                    printer.made(&[ban])?;
                }
            }
        }
        Ok(())
    }

    fn enforce(
        &mut self,
        lock: Option<BackendLock>,
        known: &[Ban],
        never: &mut Never,
        made: &mut dyn FnMut(&[Ban]) -> Result<(), Fault>,
    ) -> Result<(), Failure> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(());
        };
        let firewall = self.firewall.as_mut();
        let refuses = &mut |net: &Address| Ok(never.protects(net));
        let outcome = enforce(ledger, &self.backend, firewall, lock, known, refuses, made)?;
        if outcome.later {
            waiter::start(ledger.path())?;
        }
        Ok(())
    }

    /// Bans a batch in the firewall alone, and remembers the bans for the ledger.
    fn ban_alone(&mut self, printer: &mut Printer) -> Result<(), Fault> {
        let _lock = lock_alone(self.state_file.as_deref(), self.backend.name());
        let fault = |e: &std::io::Error| self.backend.fault(e);
        self.firewall.ensure().map_err(|e| fault(&e))?;
        let now = Time::now();
        let targets: Vec<Target> = printer.batch.iter().flat_map(|c| c.targets()).collect();
        let held = self.firewall.held(&targets).map_err(|e| fault(&e))?;
        let mut held: HashMap<Target, Ban> = held
            .into_iter()
            .flatten()
            .map(|(target, left)| (target, NewBan::held(target, left, now).ban))
            .collect();
        let mut entered = Vec::with_capacity(targets.len());
        let batch = printer.batch.iter().enumerate();
        let all = batch.flat_map(|(i, c)| c.targets().into_iter().map(move |t| (i, c, t)));
        let mut records = Vec::with_capacity(targets.len());
        for (place, candidate, target) in all {
            records.push(place);
            let mut new = self.policy.new_ban(candidate, target, now, 0);
            let old = held.get(&target);
            if new.ban.has_ended(now) {
                entered.push(Entered::Over);
                continue;
            }
            let ban = new.ban.onto(old, now);
            let left = ban.and_then(|ban| ban.left(now));
            if left.is_some_and(|left| !self.firewall.expires(left)) {
                let text = "not banned: nothing would lift it, without the ledger";
                complain::error(target, text);
                entered.push(Entered::Nothing);
                continue;
            }
            entered.push(ban.map_or(Entered::Nothing, Entered::New));
            if let Some(ban) = ban {
                held.insert(target, ban);
                new.ban = ban;
                // It may be lifted before it is entered.
                new.said.get_or_insert(now);
                self.unentered.push(new);
            }
        }
        let bans: Vec<_> = entered
            .iter()
            .filter_map(|entered| match entered {
                Entered::New(ban) => Some((ban.target, ban.left(now))),
                _ => None,
            })
            .collect();
        if !bans.is_empty() {
            let banned = self.firewall.ban_unentered(&bans);
            banned.map_err(|e| self.backend.fault(&e))?;
        }
        if self.unentered.len() > WAITING {
            let more = self.unentered.len() - WAITING;
            self.unentered.truncate(WAITING);
            let text = format!("{more} bans are in the firewall only");
            complain::error("ledger", text);
        }
        count_over(&mut self.over, &self.policy, printer, &entered, &records);
        printer.expect(entered, records, vec![]);
        for ban in printer.expected() {
            printer.made(&[ban])?;
        }
        Ok(())
    }
}

/// Counts the records whose bans would be over: one for several ports has several bans.
fn count_over(
    over: &mut Over,
    policy: &Policy,
    printer: &Printer,
    entered: &[Entered],
    records: &[usize],
) {
    let mut last = None;
    for (_, place) in entered
        .iter()
        .zip(records)
        .filter(|(e, _)| **e == Entered::Over)
    {
        if last.replace(place) == Some(place) {
            continue;
        }
        let candidate = &printer.batch[*place];
        match (policy.named_end(candidate), candidate.at) {
            (Some(end), _) => over.add_end(end),
            (None, Some(event)) => over.add(event),
            (None, None) => (),
        }
    }
}
