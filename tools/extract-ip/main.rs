//! extract-ip: prints a record for each address in the lines of logs.

mod choose;
mod explain;
mod hostile;
mod keep;
mod pattern;
mod pick;
mod ready;
mod stamps;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;
use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::record::Record;

use choose::Chooser;
use keep::Keep;
use pattern::Pattern;
use stamps::Stamps;

/// Print the IP addresses in logs, one record a line.
///
/// Reads the lines of files or standard input and prints a record for each IPv4 and IPv6 address
/// and network in them, in order.
#[derive(Parser)]
#[command(name = "extract-ip", version)]
struct Arguments {
    /// Files to read; none, or -: standard input
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,

    /// Only the Nth field, split at white space, counted from 1; of several addresses in it the last
    #[arg(short, long, value_name = "N")]
    field: Option<NonZeroUsize>,

    /// Only lines that match; <IP> in it stands for the address to print; may be given several times
    #[arg(short = 'e', long, value_name = "RE")]
    regex: Vec<String>,

    /// But not lines that match this; may be given several times
    #[arg(short = 'v', long, value_name = "RE")]
    exclude: Vec<String>,

    /// Ready patterns for a service: sshd, dovecot, ...; several with commas; all; list prints them
    #[arg(short, long, value_name = "NAME")]
    preset: Vec<String>,

    /// The patterns of a fail2ban filter as they are: FILE, or FILE[mode=aggressive]; may be given several times
    #[arg(long, value_name = "FILE")]
    filter: Vec<String>,

    /// Only the first address of a line
    #[arg(long, conflicts_with = "last")]
    first: bool,

    /// Only the last address of a line
    #[arg(long)]
    last: bool,

    /// Add at= from the line's own time stamp
    #[arg(short, long)]
    time: bool,

    /// The same, for time stamps of this form (strftime)
    #[arg(long, value_name = "STRFTIME")]
    time_format: Option<String>,

    /// The same; the zone of time stamps that name none: Asia/Tokyo, +09:00, UTC [default: the local one]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    timezone: Option<String>,

    /// Add the log line as line=
    #[arg(short, long)]
    line: bool,

    /// Only IPv4
    #[arg(short = '4', conflicts_with = "only6")]
    only4: bool,

    /// Only IPv6
    #[arg(short = '6')]
    only6: bool,

    /// Only globally routable addresses
    #[arg(long)]
    global: bool,

    /// Leave these out: an address, a network, or a file of them; may be given several times
    #[arg(long, value_name = "CIDR|FILE")]
    not: Vec<String>,

    /// Say to a person what becomes of each line, and how a pattern could be abused
    #[arg(long, conflicts_with_all = ["json", "line", "time", "time_format", "timezone"])]
    explain: bool,

    /// Print each record as a JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    if arguments.preset.iter().any(|name| name == "list") {
        let mut output = Output::new(false);
        ready::list(output.buffer());
        output.flush()?;
        return Ok(true);
    }
    let keep = Keep::new(&arguments)?;
    let mut chooser = Chooser::new(&arguments, keep)?;
    let mut stamps = Stamps::new(&arguments)?;
    let mut input = Input::new(arguments.files);
    if arguments.explain {
        return explain::run(chooser, input);
    }
    input.show_progress();
    let mut output = Output::new(arguments.json);
    let bare = !(arguments.line || arguments.json || stamps.is_some());
    // A line that does not count still has a time.
    let literals = if stamps.is_some() {
        None
    } else {
        chooser.literals()
    };
    let mut done = false;
    loop {
        let block = match input.next_block(None)? {
            Event::Idle => {
                output.flush()?;
                continue;
            }
            Event::End => break,
            Event::Data(block) => block,
        };
        if bare && chooser.takes_every_line() {
            let out = output.buffer();
            let before = out.len();
            chooser.choose_all(block, |found| {
                found.write(block, out);
                out.push(b'\n');
            });
            done |= out.len() > before;
            output.flush_if_full()?;
            continue;
        }
        for line in choose::lines(block, literals.as_ref()) {
            if let Some(stamps) = &mut stamps {
                stamps.read(line);
            }
            let mut result = Ok(());
            chooser.choose(line, |choice| {
                done = true;
                if bare && choice.rule.is_none() {
                    choice.found.write(choice.text, output.buffer());
                    output.buffer().push(b'\n');
                    return;
                }
                let mut record = Record::new(choice.found.address);
                if let Some(time) = stamps.as_mut().and_then(Stamps::time) {
                    record.push("at", time.to_string().as_bytes());
                }
                if let Some(rule) = choice.rule {
                    record.push("rule", rule.as_bytes());
                }
                if arguments.line {
                    record.push("line", line);
                }
                if result.is_ok() {
                    result = output.record(&record);
                }
            });
            result?;
            output.flush_if_full()?;
        }
    }
    if let Some(stamps) = stamps {
        stamps.report();
    }
    output.flush()?;
    Ok(done)
}
