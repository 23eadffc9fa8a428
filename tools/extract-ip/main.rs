//! extract-ip: prints a record for each address in the lines of logs.

mod choose;
mod explain;
mod hostile;
mod keep;
mod pattern;
mod ready;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;
use pipeban::complain::Fault;
use pipeban::finder;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::record::Record;

use choose::Chooser;
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
    #[arg(long, conflicts_with_all = ["json", "line"])]
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
    let mut output = Output::new(arguments.json);
    let mut chooser = Chooser::new(&arguments, keep)?;
    let plain = !(arguments.line || arguments.json);
    let mut input = Input::new(arguments.files);
    if arguments.explain {
        return explain::run(chooser, input);
    }
    let mut done = false;
    loop {
        match input.next_block(None)? {
            Event::Idle => output.flush()?,
            Event::End => break,
            Event::Data(block) if plain && chooser.takes_all() => {
                done |= copy_all(block, &chooser.keep, &mut output);
                output.flush_if_full()?;
            }
            Event::Data(block) => {
                let mut fault = Ok(());
                chooser.choose_all(block, |line, choice| {
                    done = true;
                    if plain && choice.rule.is_none() {
                        choice.found.write(choice.text, output.buffer());
                        output.buffer().push(b'\n');
                        return;
                    }
                    let mut record = Record::new(choice.found.address);
                    if let Some(rule) = choice.rule {
                        record.push("rule", rule.as_bytes());
                    }
                    if arguments.line {
                        record.push("line", line);
                    }
                    if fault.is_ok() {
                        fault = output.record(&record);
                    }
                });
                fault?;
                output.flush_if_full()?;
            }
        }
    }
    output.flush()?;
    Ok(done)
}

/// Prints every address of a block that is kept, without looking for lines.
fn copy_all(block: &[u8], keep: &Keep, output: &mut Output) -> bool {
    let out = output.buffer();
    let before = out.len();
    if keep.keeps_all() {
        finder::find_all(block, |found| {
            found.write(block, out);
            out.push(b'\n');
        });
    } else {
        finder::find_all(block, |found| {
            if keep.keeps(&found.address) {
                found.write(block, out);
                out.push(b'\n');
            }
        });
    }
    out.len() > before
}
