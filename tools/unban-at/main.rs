//! unban-at: sets the end of the bans of records; prints each with the `until=` it now has.

mod due;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::{Time, parse_at};
use pipeban_ban::enforce::enforce;
use pipeban_ban::firewall::{self, Firewall};
use pipeban_ban::ledger::Ledger;
use pipeban_ban::privilege::keep_network_only;
use pipeban_ban::waiter;

/// Set when bans end.
///
/// Reads records (lines that begin with an address or network) from standard input, or takes
/// addresses as operands, lets the ban of each end at TIME, sooner or later than before, and prints
/// the record with its until=. TIME is what at(1) reads, such as now, now+1hour, 'now + 2 days',
/// 16:00, 'noon tomorrow', or a duration from now such as 1h30m.
///
/// Where the firewall does not end bans by itself (iptables, exec), one process stays behind that
/// lifts each in time.
#[derive(Parser)]
#[command(name = "unban-at", version)]
struct Arguments {
    /// When the bans end; now lifts at once
    #[arg(required_unless_present_any = ["list", "due"])]
    time: Option<String>,

    /// Addresses or networks; none: records from standard input
    #[arg(value_name = "ADDRESS|CIDR")]
    addresses: Vec<OsString>,

    /// Print what is to be lifted, and when
    #[arg(long, conflicts_with_all = ["time", "due"])]
    list: bool,

    /// Lift what is due and print it
    #[arg(long, conflicts_with = "time")]
    due: bool,

    /// With --due: go on and lift each ban in time, till none is left
    #[arg(long, requires = "due")]
    wait: bool,

    /// Leave the waiting to a process in the background
    #[arg(long, requires = "wait", hide = true)]
    background: bool,

    /// Print records as JSON objects
    #[arg(long)]
    json: bool,

    /// Where the ledger is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
}

/// Bans are ended together up to this many, fewer when the input has nothing more just now.
const BATCH: usize = 10_000;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(arguments.json);
    let Some(time) = &arguments.time else {
        return if arguments.list {
            list(&arguments, &mut output)
        } else {
            due::run(&arguments, &mut output)
        };
    };
    // Read before anything is done, and each batch anew: "now + 1 hour" moves on with the clock.
    parse_at(time, Time::now()).map_err(|e| Fault::new("TIME", e))?;
    let mut hand = Hand {
        ledger: Ledger::open(arguments.state_file.as_deref())?,
        firewalls: HashMap::new(),
    };
    // From here on others choose what is read.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut batch = Vec::new();
    let (mut done, mut reader_gone) = (false, false);
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            batch.push(record);
        }
        if waits || batch.len() >= BATCH {
            done |= hand.end_bans(std::mem::take(&mut batch), time, &mut output)?;
            match output.flush() {
                Err(Fault::ReaderGone) => reader_gone = true,
                result => result?,
            }
        }
        // Nobody reads any more, but what had been sent by then is done.
        if ended || (waits && reader_gone) {
            return Ok(done);
        }
    }
}

/// The ledger and the firewalls that it named so far.
struct Hand {
    ledger: Ledger,
    firewalls: HashMap<String, Box<dyn Firewall>>,
}

impl Hand {
    /// Ends the bans of these records at `time` and prints them; answers whether there was any.
    fn end_bans(
        &mut self,
        batch: Vec<Record>,
        time: &str,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        if batch.is_empty() {
            return Ok(false);
        }
        let now = Time::now();
        let until = parse_at(time, now).map_err(|e| Fault::new("TIME", e))?;
        let addresses: Vec<_> = batch.iter().map(|record| record.address).collect();
        let ended = self.ledger.end(&addresses, until, now)?;
        let backends: HashSet<&String> = ended.iter().flatten().map(|(b, _)| b).collect();
        for backend in &backends {
            self.enforce(backend)?;
        }
        for (mut record, bans) in batch.into_iter().zip(&ended) {
            match bans.first() {
                Some((_, ban)) => {
                    ban.describe(&mut record);
                    output.record(&record)?;
                }
                None => complain::note(record.address, "not banned"),
            }
        }
        Ok(!backends.is_empty())
    }

    fn enforce(&mut self, backend: &str) -> Result<(), Fault> {
        if !self.firewalls.contains_key(backend) {
            let opened = firewall::open(backend)
                .map_err(|e| Fault::new(firewall::name(backend), describe(&e)))?;
            self.firewalls.insert(backend.to_owned(), opened);
        }
        if let Some(firewall) = self.firewalls.get_mut(backend)
            && enforce(&mut self.ledger, backend, firewall.as_mut())?.later
        {
            waiter::summon(self.ledger.path())?;
        }
        Ok(())
    }
}

/// Prints the bans that have an end, the first to end first.
fn list(arguments: &Arguments, output: &mut Output) -> Result<bool, Fault> {
    let Some(ledger) = Ledger::look(arguments.state_file.as_deref())? else {
        return Ok(false);
    };
    let stories = ledger.current(Time::now())?;
    let mut bans: Vec<_> = stories.iter().map(|story| story.ban).collect();
    bans.retain(|ban| ban.until.is_some());
    bans.sort_by_key(|ban| ban.until);
    for ban in &bans {
        let mut record = Record::new(ban.address);
        ban.describe(&mut record);
        output.record(&record)?;
    }
    output.flush()?;
    Ok(!bans.is_empty())
}
