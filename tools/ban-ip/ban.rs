//! Reads records and bans them in batches.

use std::time::Instant;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::Records;
use pipeban_ban::firewall::Backend;
use pipeban_ban::privilege::keep_network_only;

use crate::arguments::Arguments;
use crate::candidate::{Candidate, Policy};
use crate::dry_run::DryRun;
use crate::live::Live;
use crate::refusals::Never;

/// Whether bans are made, or only decided.
enum Mode {
    Live(Live),
    DryRun(DryRun),
}

impl Mode {
    fn open(arguments: &Arguments, backend: Backend) -> Result<Self, Fault> {
        let policy = Policy::new(arguments);
        let state_file = arguments.state_file.as_deref();
        Ok(if arguments.dry_run {
            Mode::DryRun(DryRun::open(policy, &backend, state_file)?)
        } else {
            Mode::Live(Live::open(policy, backend, state_file)?)
        })
    }

    /// Bans a batch and prints the bans that are new or longer; answers whether there was any.
    fn ban(
        &mut self,
        batch: Vec<Candidate>,
        never: &mut Never,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        match self {
            Mode::Live(live) => live.ban(batch, never, output),
            Mode::DryRun(dry_run) => dry_run.ban(batch, output),
        }
    }

    /// The moment at which [`retry`](Self::retry) is to be called, if it is.
    fn deadline(&self) -> Option<Instant> {
        match self {
            Mode::Live(live) => live.deadline(),
            Mode::DryRun(_) => None,
        }
    }

    /// Tries again what failed before; see [`Live::retry`].
    fn retry(&mut self, last: bool, never: &mut Never) -> Result<(), Fault> {
        match self {
            Mode::Live(live) => live.retry(last, never),
            Mode::DryRun(_) => Ok(()),
        }
    }
}

/// Bans all records of the input; answers whether any ban is new or longer or was put back.
pub fn run(arguments: &Arguments, backend: Backend) -> Result<bool, Fault> {
    let mut never = Never::new(arguments)?;
    let mut mode = Mode::open(arguments, backend)?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut output = Output::enduring(arguments.json);
    let mut done = false;
    loop {
        never.wait();
        let accept = |record: Record| {
            let allowed = never.allows(&record.address);
            allowed.and_then(|()| Candidate::read(record, arguments.dry_run))
        };
        let batch = records.next_batch(&mut output, mode.deadline(), accept)?;
        let Some(batch) = batch else { break };
        done |= mode.ban(batch, &mut never, &mut output)?;
    }
    mode.retry(true, &mut never)?;
    Ok(done)
}
