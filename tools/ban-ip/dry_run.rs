//! Decides as a live run would, and touches nothing.

use std::collections::HashMap;
use std::path::Path;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::time::Time;
use pipeban_ban::firewall::Backend;
use pipeban_ban::ledger::{Ban, BanFormatter, Ledger};
use pipeban_ban::target::Target;

use crate::candidate::{Candidate, Policy};

/// A run that changes neither ledger nor firewall.
pub struct DryRun {
    policy: Policy,
    backend: String,
    /// The ledger as it is, if there is one.
    ledger: Option<Ledger>,
    /// The bans decided so far, each with the number of bans before it.
    decided: HashMap<Target, (Ban, u32)>,
}

impl DryRun {
    /// Opens the ledger to read it.
    pub fn open(
        policy: Policy,
        backend: &Backend,
        state_file: Option<&Path>,
    ) -> Result<Self, Fault> {
        Ok(DryRun {
            policy,
            backend: backend.to_string(),
            ledger: Ledger::look(state_file)?,
            decided: HashMap::new(),
        })
    }

    /// Prints the records whose bans would be new or longer; answers whether there was any.
    pub fn ban(&mut self, batch: Vec<Candidate>, output: &mut Output) -> Result<bool, Fault> {
        let (mut done, mut formatter) = (false, BanFormatter::default());
        for mut candidate in batch {
            let mut longest = None;
            for target in candidate.targets() {
                longest = longest.or(self.decide(&candidate, target)?);
            }
            if let Some(ban) = longest {
                formatter.describe(&ban, &mut candidate.record);
                output.record(&candidate.record)?;
                done = true;
            }
        }
        Ok(done)
    }

    /// Prints the records that would lift a ban which their host has asked for; answers whether
    /// there was any.
    pub fn lift(&mut self, batch: Vec<Candidate>, output: &mut Output) -> Result<bool, Fault> {
        let Some(ledger) = &self.ledger else {
            return Ok(false);
        };
        let mut done = false;
        for candidate in batch {
            let target = candidate.targets()[0];
            let origin = (candidate.origin != "*").then_some(candidate.origin.as_str());
            let found = ledger.last_ban(&self.backend, &target, origin)?;
            if found.is_some_and(|details| !details.has_ended(Time::now())) {
                output.record(&candidate.record)?;
                done = true;
            }
        }
        Ok(done)
    }

    /// The ban of a record at its time.
    fn decide(&mut self, candidate: &Candidate, target: Target) -> Result<Option<Ban>, Fault> {
        let now = candidate.at.unwrap_or_else(Time::now);
        let decided = self.decided.get(&target).copied();
        let (mut old, mut earlier) = (None, 0);
        if let Some((ban, before)) = decided {
            let ended = ban.has_ended(now);
            earlier = before + u32::from(ended);
            old = (!ended).then_some(ban);
        } else if let Some(ledger) = &self.ledger {
            old = ledger.find(&self.backend, &target, Some(now))?;
            earlier = ledger.earlier(&target, now)?;
        }
        let until = self.policy.until(candidate, now, earlier);
        let ban = Ban {
            target,
            since: now,
            until,
        };
        let new = Some(ban)
            .filter(|b| !b.has_ended(now))
            .and_then(|b| b.onto(old.as_ref(), now));
        if let Some(ban) = new {
            self.decided.insert(target, (ban, earlier));
        }
        Ok(new)
    }
}
