//! Bans in ledger and firewall.

use std::path::Path;

use pipeban::complain::Fault;
use pipeban::time::Time;
use pipeban_ban::enforce::{Outcome, enforce};
use pipeban_ban::firewall::{Backend, Firewall};
use pipeban_ban::ledger::{Ban, Ledger, NewBan};
use pipeban_ban::waiter;

use crate::candidate::{Candidate, Policy};

/// A run that bans.
pub struct Live {
    policy: Policy,
    backend: Backend,
    ledger: Ledger,
    firewall: Box<dyn Firewall>,
}

impl Live {
    /// Opens firewall and ledger.
    pub fn open(
        policy: Policy,
        backend: Backend,
        state_file: Option<&Path>,
    ) -> Result<Self, Fault> {
        let firewall = backend.open()?;
        let ledger = Ledger::open(state_file)?;
        Ok(Live {
            policy,
            backend,
            ledger,
            firewall,
        })
    }

    /// Bans a batch; answers the ban of each candidate that is new or longer.
    pub fn ban(&mut self, batch: &[Candidate]) -> Result<Vec<Option<Ban>>, Fault> {
        let now = Time::now();
        let mut bans = Vec::with_capacity(batch.len());
        for candidate in batch {
            bans.push(self.new_ban(candidate, now)?);
        }
        let mut entered = self.ledger.ban(&self.backend.to_string(), &bans, now)?;
        if entered.iter().any(Option::is_some) {
            let outcome: Outcome =
                enforce(&mut self.ledger, &self.backend, self.firewall.as_mut())?;
            if outcome.later {
                waiter::start(self.ledger.path())?;
            }
            for ban in &mut entered {
                *ban = ban.filter(|ban| !outcome.refused.contains(&ban.address));
            }
        }
        Ok(entered)
    }

    fn new_ban(&self, candidate: &Candidate, now: Time) -> Result<NewBan, Fault> {
        let address = candidate.record.address;
        let earlier = match self.policy.escalate {
            Some(_) => self.ledger.earlier(&address, now)?,
            None => 0,
        };
        let ban = Ban {
            address,
            since: now,
            until: self.policy.until(candidate, now, earlier),
        };
        // An end that the record names decides alone.
        let names_end = self.policy.duration.is_none() && candidate.until.is_some();
        Ok(NewBan {
            ban,
            facts: candidate.facts(),
            event: candidate.at.filter(|_| !names_end),
        })
    }
}
