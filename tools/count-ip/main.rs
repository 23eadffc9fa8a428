//! count-ip: counts the addresses of records; totals at the end, or a record when one reaches a threshold.

mod tally;
mod totals;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pipeban::complain::Fault;
use pipeban::time::parse_duration;

/// Count the addresses of records.
///
/// Reads records (lines that begin with an address or network). Without a threshold it prints
/// totals at the end of input, most first. With one it prints a record at the moment that an
/// address reaches it, and begins again at 0.
#[derive(Parser)]
#[command(name = "count-ip", version)]
struct Arguments {
    /// Files of records; none, or -, is standard input
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,

    /// Print an address when it reaches N events, then begin again at 0
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    threshold: Option<u64>,

    /// Only events this close together count, such as 90, 10m or 1h30m
    #[arg(short = 'w', long, value_name = "DURATION", value_parser = parse_duration, requires = "threshold")]
    within: Option<Duration>,

    /// Of the totals, only the K largest
    #[arg(long, value_name = "K", conflicts_with = "threshold")]
    top: Option<usize>,

    /// Remember between runs
    #[arg(long)]
    state: bool,

    /// Remember in this file; implies --state
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    match arguments.threshold {
        Some(_) => watch::run(arguments),
        None => totals::run(arguments),
    }
}

impl Arguments {
    fn is_remembered(&self) -> bool {
        self.state || self.state_file.is_some()
    }
}
