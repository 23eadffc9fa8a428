//! Reads records and bans them in batches.

use std::ffi::OsString;
use std::time::Instant;

use pipeban::complain::Fault;
use pipeban::lists;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::Records;
use pipeban::time::parse_duration;
use pipeban_ban::firewall::Backend;
use pipeban_ban::never::Never;
use pipeban_ban::privilege::keep_network_only;

use crate::arguments::Arguments;
use crate::candidate::{Candidate, Policy};
use crate::dry_run::DryRun;
use crate::live::Live;
use crate::speaker::Speaker;

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

    /// Bans or lifts a batch in its order, and prints the bans that are new or longer and those
    /// that were lifted; answers whether there was any.
    fn take(
        &mut self,
        mut batch: Vec<Candidate>,
        never: &mut Never,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        let mut done = false;
        while let Some(first) = batch.first() {
            let is_lift = first.lifted.is_some();
            let other = batch.iter().position(|c| c.lifted.is_some() != is_lift);
            let rest = batch.split_off(other.unwrap_or(batch.len()));
            done |= match (&mut *self, is_lift) {
                (Mode::Live(live), false) => live.ban(batch, never, output)?,
                (Mode::Live(live), true) => live.lift(batch, never, output)?,
                (Mode::DryRun(dry_run), false) => dry_run.ban(batch, output)?,
                (Mode::DryRun(dry_run), true) => dry_run.lift(batch, output)?,
            };
            batch = rest;
        }
        Ok(done)
    }

    /// The moment at which [`retry`](Self::retry) is to be called, if it is.
    fn deadline(&self) -> Option<Instant> {
        match self {
            Mode::Live(live) => live.deadline(),
            Mode::DryRun(_) => None,
        }
    }

    /// Tries again what failed before; see [`Live::retry`].
    fn retry(&mut self, idle: bool, last: bool, never: &mut Never) -> Result<(), Fault> {
        match self {
            Mode::Live(live) => live.retry(idle, last, never),
            Mode::DryRun(_) => Ok(()),
        }
    }
}

/// Bans all records of the input; answers whether any ban is new or longer or was put back.
pub fn run(arguments: &Arguments, backend: Backend) -> Result<bool, Fault> {
    check_operands(&arguments.addresses)?;
    let mut never = Never::new(arguments.protected(), arguments.widest())?;
    let mut mode = Mode::open(arguments, backend.clone())?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut output = Output::enduring(arguments.json);
    output.show_table();
    let ports = arguments.ports();
    let speaker = Speaker::new(arguments.origin.as_deref());
    let mut done = false;
    loop {
        never.wait();
        let accept = |record: Record| {
            let candidate = Candidate::read(record, &speaker, &ports, arguments.dry_run)?;
            if candidate.lifted.is_none() {
                never.allows(&candidate.record.address)?;
                let taken = backend.takes(!candidate.ports.is_empty());
                taken.map_err(|why| format!("not banned: {why}"))?;
            }
            Ok(candidate)
        };
        let batch = records.next_batch(&mut output, mode.deadline(), accept)?;
        let Some(batch) = batch else { break };
        mode.retry(batch.is_empty(), false, &mut never)?;
        done |= mode.take(batch, &mut never, &mut output)?;
    }
    mode.retry(true, true, &mut never)?;
    Ok(done)
}

/// Refuses a duration among the operands: without it the others would be banned until lifted.
fn check_operands(operands: &[OsString]) -> Result<(), Fault> {
    let texts = operands.iter().filter_map(|operand| operand.to_str());
    let is_duration =
        |text: &&str| parse_duration(text).is_ok() && lists::networks(text.as_bytes()).is_none();
    match texts.into_iter().find(is_duration) {
        Some(time) => {
            let what = format!("not an address: \"{time}\"; the length of bans is --for {time}");
            Err(Fault::new("operand", what))
        }
        None => Ok(()),
    }
}
