//! extract-ip: prints a record for each address in the lines of logs.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use pipeban::complain::Fault;
use pipeban::finder::{self, Found};
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::record::Record;
use regex::bytes::{Regex, RegexSet};

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

    /// Only the last address in the Nth field, split at white space, counted from 1
    #[arg(short, long, value_name = "N")]
    field: Option<std::num::NonZeroUsize>,

    /// Only lines that match; <IP> in it stands for the address to print; may be given several times
    #[arg(short = 'e', long, value_name = "RE")]
    regex: Vec<String>,

    /// But not lines that match this; may be given several times
    #[arg(short = 'v', long, value_name = "RE")]
    exclude: Vec<String>,

    /// Only the first address of a line
    #[arg(long, conflicts_with = "last")]
    first: bool,

    /// Only the last address of a line
    #[arg(long)]
    last: bool,

    /// Add the log line as line=
    #[arg(short, long)]
    line: bool,
}

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let chooser = Chooser::new(&arguments)?;
    let mut input = Input::new(arguments.files);
    let mut output = Output::new(false);
    let mut done = false;
    loop {
        match input.next(None)? {
            Event::Data(line) => {
                for found in chooser.choose(line) {
                    let mut record = Record::new(found.address);
                    if arguments.line {
                        record.push("line", line);
                    }
                    output.record(&record)?;
                    done = true;
                }
            }
            Event::Idle => output.flush()?,
            Event::End => break,
        }
    }
    output.flush()?;
    Ok(done)
}

/// Which lines, and which addresses in them.
struct Chooser {
    /// A pattern, and the number of its group that names the address.
    patterns: Vec<(Regex, Option<usize>)>,
    exclude: RegexSet,
    field: Option<usize>,
    first: bool,
    last: bool,
}

impl Chooser {
    fn new(arguments: &Arguments) -> Result<Self, Fault> {
        let fault =
            |flag| move |e: regex::Error| Fault::new(flag, e.to_string().replace('\n', " "));
        let patterns = arguments
            .regex
            .iter()
            .map(|pattern| compile(pattern))
            .collect::<Result<_, _>>();
        Ok(Chooser {
            patterns: patterns.map_err(fault("--regex"))?,
            exclude: RegexSet::new(&arguments.exclude).map_err(fault("--exclude"))?,
            field: arguments.field.map(|n| n.get()),
            first: arguments.first,
            last: arguments.last,
        })
    }

    fn choose(&self, line: &[u8]) -> Vec<Found> {
        let mut named = None;
        if !self.patterns.is_empty() {
            let mut hits = self
                .patterns
                .iter()
                .filter_map(|(re, group)| Some((re.captures(line)?, group)));
            let Some((captures, group)) = hits.next() else {
                return vec![];
            };
            named = group.map(|group| captures.get(group).map_or(0..0, |m| m.range()));
        }
        if self.exclude.is_match(line) {
            return vec![];
        }
        if let Some(range) = named {
            return finder::first(&line[range]).into_iter().collect();
        }
        if let Some(n) = self.field {
            let mut fields = line
                .split(u8::is_ascii_whitespace)
                .filter(|field| !field.is_empty());
            return fields
                .nth(n - 1)
                .and_then(finder::last)
                .into_iter()
                .collect();
        }
        if self.first {
            return finder::first(line).into_iter().collect();
        }
        if self.last {
            return finder::last(line).into_iter().collect();
        }
        let mut all = Vec::new();
        finder::find_all(line, |found| all.push(found));
        all
    }
}

/// `<IP>`, `<HOST>` or `<ADDR>` becomes a group of what may be an address or network.
fn compile(pattern: &str) -> Result<(Regex, Option<usize>), regex::Error> {
    const QUAD: &str = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}";
    const COLONS: &str = "[0-9A-Fa-f]*:[0-9A-Fa-f:]*";
    let address = format!("(?P<pipeban_ip>(?:(?:{COLONS})?{QUAD}|{COLONS})(?:/[0-9]{{1,3}})?)");
    let tag = ["<IP>", "<HOST>", "<ADDR>"]
        .into_iter()
        .find(|tag| pattern.contains(tag));
    let pattern = tag.map_or(pattern.into(), |tag| pattern.replacen(tag, &address, 1));
    let regex = Regex::new(&pattern)?;
    let group = regex
        .capture_names()
        .position(|name| name == Some("pipeban_ip"));
    Ok((regex, group))
}
