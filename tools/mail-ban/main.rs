//! mail-ban: passes records through and mails them, at most one mail in a while.
//!
//! The filter only prints, and puts what it printed into an outbox in the state file. A process of its own,
//! the postman, asks whois and sends the mail, so neither can hold up the pipeline or the shell that started it.

mod compose;
mod inert;
mod outbox;
mod postman;
mod send;
mod whois;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::parse_duration;

use outbox::Outbox;
use postman::Hired;

/// Mail the bans that pass by.
///
/// Reads records (lines that begin with an address or network) and prints them unchanged. The first
/// is mailed at once, with its evidence and what whois says; those that follow within --digest
/// of a mail are collected for the next one. A process of its own sends the mail, also after this one
/// has ended: a slow or failing mailer or whois never holds up a record.
#[derive(Parser)]
#[command(name = "mail-ban", version)]
struct Arguments {
    /// Records to read; none, or -: standard input
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,

    /// Who gets the mail
    #[arg(long, value_name = "ADDRESS", value_parser = compose::parse_recipient)]
    to: String,

    /// Who the mail is from, if not the user who runs this at this host
    #[arg(long, value_name = "ADDRESS")]
    from: Option<lettre::Address>,

    /// At most one mail in this time, however many bans
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    digest: Duration,

    /// Hand mail to this SMTP server, unencrypted; without it to the program sendmail(8)
    #[arg(long, value_name = "HOST:PORT", value_parser = send::parse_server)]
    smtp: Option<send::Server>,

    /// Ask this whois server, or with `none` nobody; without it the program whois(1) is run, if it is installed
    #[arg(long, value_name = "HOST:PORT|none", value_parser = whois::parse_source)]
    whois: Option<whois::Source>,

    /// Print each record as a JSON object
    #[arg(long)]
    json: bool,

    /// Where the outbox is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,

    /// Be the postman: for this program's own use
    #[arg(long, hide = true)]
    postman: bool,
}

/// Records are put into the outbox together up to this many, fewer when the input has nothing more just now.
const BATCH: usize = 1_000;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    if arguments.postman {
        return postman::run(&arguments);
    }
    let mut output = Output::new(arguments.json);
    let mut records = Records::of_files(arguments.files.clone());
    let mut mail = Mail::open(&arguments);
    let mut batch = Vec::new();
    let mut done = false;
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            output.record(&record)?;
            batch.push(record);
            done = true;
        }
        if waits || batch.len() >= BATCH {
            // What nobody reads any more is mailed all the same: the bans are in place.
            let printed = output.flush();
            mail.put(std::mem::take(&mut batch));
            printed?;
        }
        if ended {
            mail.wait_for_a_person();
            return Ok(done);
        }
    }
}

/// The outbox and the postman. What goes wrong with them is told, and the records pass by all the same.
struct Mail {
    outbox: Option<Outbox>,
    hired: Option<Hired>,
}

impl Mail {
    /// Also sends on its way what an earlier run left behind.
    fn open(arguments: &Arguments) -> Self {
        let mut mail = Mail {
            outbox: None,
            hired: None,
        };
        match Outbox::open(arguments.state_file.as_deref(), &arguments.to) {
            Ok(outbox) => mail.outbox = Some(outbox),
            Err(fault) => tell(fault),
        }
        mail.send();
        mail
    }

    fn put(&mut self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        match self.outbox.as_mut().map(|outbox| outbox.put(&records)) {
            Some(Ok(())) => self.send(),
            Some(Err(fault)) => tell(fault),
            None => {}
        }
    }

    fn send(&mut self) {
        match self.outbox.as_ref().map(postman::hire) {
            Some(Ok(Some(hired))) => self.hired = Some(hired),
            Some(Err(fault)) => tell(fault),
            _ => {}
        }
    }

    /// Before a person's eyes a mail that is due now goes first, so that its failure is told here, but not for long.
    /// Nothing else waits: in a chain that is started for one event the wait would be the next event's.
    fn wait_for_a_person(&mut self) {
        if let Some(hired) = self.hired.take()
            && io::stderr().is_terminal()
        {
            hired.wait_a_moment();
        }
    }
}

fn tell(fault: Fault) {
    if let Fault::Error { place, what } = fault {
        complain::error(place, what);
    }
}
