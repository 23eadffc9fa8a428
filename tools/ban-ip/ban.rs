//! Reads records and bans them in batches.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::records::{Item, Records};
use pipeban_ban::firewall::Backend;
use pipeban_ban::ledger::BanFormatter;
use pipeban_ban::privilege::keep_network_only;

use crate::arguments::Arguments;
use crate::candidate::{Candidate, Policy};
use crate::dry_run::DryRun;
use crate::live::Live;
use crate::never::Never;

/// The largest batch of records, and its largest size in bytes; a batch ends earlier when the input
/// has nothing more just now.
const BATCH: usize = 20_000;
const BATCH_BYTES: usize = 8 << 20;

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
    fn ban(&mut self, batch: Vec<Candidate>, output: &mut Output) -> Result<bool, Fault> {
        if batch.is_empty() {
            return Ok(false);
        }
        let bans = match self {
            Mode::Live(live) => live.ban(&batch)?,
            Mode::DryRun(dry_run) => dry_run.ban(&batch)?,
        };
        let mut done = false;
        let mut formatter = BanFormatter::default();
        for (mut candidate, ban) in batch.into_iter().zip(bans) {
            if let Some(ban) = ban {
                formatter.describe(&ban, &mut candidate.record);
                output.record(&candidate.record)?;
                done = true;
            }
        }
        Ok(done)
    }
}

/// Bans all records of the input; answers whether any ban is new or longer.
pub fn run(arguments: &Arguments, backend: Backend, output: &mut Output) -> Result<bool, Fault> {
    let mut never = Never::new(arguments)?;
    let mut mode = Mode::open(arguments, backend)?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut batch = Vec::new();
    let mut bytes = 0;
    let (mut done, mut reader_gone) = (false, false);
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            let candidate = never
                .allows(&record.address)
                .and_then(|()| Candidate::read(record, arguments.dry_run));
            match candidate {
                Ok(candidate) => {
                    bytes += candidate.record.fields_text().len();
                    batch.push(candidate);
                }
                Err(why) => records.complain(why),
            }
        }
        if waits || batch.len() >= BATCH || bytes >= BATCH_BYTES {
            done |= mode.ban(std::mem::take(&mut batch), output)?;
            bytes = 0;
            match output.flush() {
                Err(Fault::ReaderGone) => reader_gone = true,
                result => result?,
            }
            never.look_again();
        }
        // Nobody reads any more, but the records that had been sent by then are banned.
        if ended || (waits && reader_gone) {
            return Ok(done);
        }
    }
}
