//! ban-ip: bans the addresses of records in the firewall; prints each ban that is new or longer.

mod list;
mod never;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::enforce::enforce;
use pipeban::firewall::{self, Firewall};
use pipeban::input::describe;
use pipeban::ledger::{Ban, Ledger};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::{Time, parse_duration};

use never::Never;

/// Ban the addresses of records in the firewall.
///
/// Reads records (lines that begin with an address or network) from standard input, or takes
/// addresses as operands, and prints a record with since= and until= for each ban that is new or
/// longer than before. Nothing is banned twice, and no ban is made shorter.
#[derive(Parser)]
#[command(name = "ban-ip", version)]
struct Arguments {
    /// Addresses or networks to ban; none: records from standard input
    #[arg(value_name = "ADDRESS|CIDR")]
    addresses: Vec<OsString>,

    /// How long, such as 10m or 1h; without it as a record's until= says, else until lifted
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// The firewall: nft, or none to keep the ledger only
    #[arg(long, value_name = "NAME", default_value = "nft")]
    backend: String,

    /// Never ban this address, network, or those in this file; may be given several times
    #[arg(long, value_name = "CIDR|FILE")]
    never: Vec<String>,

    /// Decide and print, but touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Print what is banned now, from the firewall and the ledger together
    #[arg(long)]
    list: bool,

    /// Where the ledger is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
}

/// Records are banned together up to this many, fewer when the input has nothing more just now.
const BATCH: usize = 10_000;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(false);
    if arguments.list {
        return list::run(
            &arguments.backend,
            arguments.state_file.as_deref(),
            &mut output,
        );
    }
    let never = Never::new(&arguments.never)?;
    let mut hand = Hand::open(&arguments)?;
    let mut records = Records::of_addresses(arguments.addresses);
    let mut batch = Vec::new();
    let (mut done, mut reader_gone) = (false, false);
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            match judge(record, arguments.duration, &never) {
                Ok(wanted) => batch.push(wanted),
                Err(why) => records.complain(why),
            }
        }
        if waits || batch.len() >= BATCH {
            done |= ban(
                &mut hand,
                std::mem::take(&mut batch),
                &arguments.backend,
                &mut output,
            )?;
            match output.flush() {
                Err(Fault::ReaderGone) => reader_gone = true,
                result => result?,
            }
        }
        // Nobody reads any more, but what had been sent by then is banned.
        if ended || (waits && reader_gone) {
            return Ok(done);
        }
    }
}

/// A record that may be banned, and until when.
struct Wanted {
    record: Record,
    until: Option<Time>,
}

/// Decides on one record; the error says why it is not to be banned.
fn judge(record: Record, duration: Option<Duration>, never: &Never) -> Result<Wanted, String> {
    never.allows(&record.address)?;
    let until = match (duration, record.get("until")) {
        (Some(duration), _) => Some(Time::now() + duration),
        (None, None) => None,
        (None, Some(text)) if text == b"never" => None,
        (None, Some(text)) => {
            let text = String::from_utf8_lossy(&text);
            Some(Time::parse(&text).ok_or_else(|| format!("not a time: until={text}"))?)
        }
    };
    Ok(Wanted { record, until })
}

/// What does the bans: ledger and firewall, or in a dry run only the thought of what they would hold.
enum Hand {
    Real {
        ledger: Ledger,
        firewall: Box<dyn Firewall>,
    },
    Dry {
        ledger: Option<Ledger>,
        decided: HashMap<Address, Ban>,
    },
}

impl Hand {
    fn open(arguments: &Arguments) -> Result<Self, Fault> {
        let state_file = arguments.state_file.as_deref();
        if arguments.dry_run {
            return Ok(Hand::Dry {
                ledger: Ledger::look(state_file)?,
                decided: HashMap::new(),
            });
        }
        let backend = &arguments.backend;
        let firewall = firewall::open(backend).map_err(|e| Fault::new(backend, describe(&e)))?;
        Ok(Hand::Real {
            ledger: Ledger::open(state_file)?,
            firewall,
        })
    }

    /// Puts these bans in place together; for each, answers what it became if it is new or longer.
    fn ban(&mut self, bans: &[Ban], backend: &str, now: Time) -> Result<Vec<Option<Ban>>, Fault> {
        match self {
            Hand::Real { ledger, firewall } => {
                let entered = ledger.ban(bans, now)?;
                enforce(ledger, backend, firewall.as_mut())?;
                Ok(entered)
            }
            Hand::Dry { ledger, decided } => {
                let mut entered = Vec::new();
                for ban in bans {
                    let in_ledger = ledger
                        .as_ref()
                        .map(|l| l.get(&ban.address, now))
                        .transpose()?;
                    let old = decided.get(&ban.address).cloned().or(in_ledger.flatten());
                    let new = ban.clone().onto(old.as_ref());
                    decided.extend(new.iter().map(|ban| (ban.address, ban.clone())));
                    entered.push(new);
                }
                Ok(entered)
            }
        }
    }
}

/// Bans a batch and prints what is new or longer; answers whether anything was.
fn ban(
    hand: &mut Hand,
    batch: Vec<Wanted>,
    backend: &str,
    output: &mut Output,
) -> Result<bool, Fault> {
    let now = Time::now();
    let wish = |w: &Wanted| Ban {
        address: w.record.address,
        since: now,
        until: w.until,
        backend: backend.into(),
    };
    let bans: Vec<Ban> = batch.iter().map(wish).collect();
    if bans.is_empty() {
        return Ok(false);
    }
    let mut done = false;
    for (mut wanted, entered) in batch.into_iter().zip(hand.ban(&bans, backend, now)?) {
        if let Some(ban) = entered {
            ban.describe(&mut wanted.record);
            output.record(&wanted.record)?;
            done = true;
        }
    }
    Ok(done)
}
