//! extract-ip: prints a record for each address in the lines of logs.

mod choose;
mod explain;
mod extract;
mod hostile;
mod keep;
mod pattern;
mod pick;
mod ready;
mod stamps;
mod workers;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::output::Output;

use choose::Chooser;
use extract::Extract;
use keep::Keep;
use pattern::Pattern;

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
    let keep = Arc::new(Keep::new(&arguments)?);
    if arguments.explain {
        let chooser = Chooser::new(&arguments, keep)?;
        return explain::run(chooser, Input::new(arguments.files));
    }
    let count = workers::count(&arguments);
    let extracts = (0..count).map(|_| Extract::new(&arguments, keep.clone()));
    let mut extracts = extracts.collect::<Result<Vec<_>, _>>()?;
    let mut input = Input::new(arguments.files);
    input.show_progress();
    let mut output = Output::new(arguments.json);
    if count > 1 {
        return workers::run(extracts, input, output);
    }
    let Some(mut extract) = extracts.pop() else {
        return Ok(false);
    };
    loop {
        match input.next_block(None)? {
            Event::Idle => output.flush()?,
            Event::End => break,
            Event::Data(block) => extract.block(block, &mut output)?,
        }
    }
    output.flush()?;
    Ok(extract.end())
}
