//! The command line of count-ip, and which of its flags go together.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, value_parser};
use pipeban::complain::Fault;
use pipeban::time::parse_duration;

use crate::table::counts::Limits;

/// Count the addresses of records.
///
/// Reads records (lines that begin with an address or network). Without a threshold it prints
/// totals at the end of input, most first. With one it prints a record at the moment that an
/// address reaches it, and begins again at 0.
#[derive(Parser)]
#[command(name = "count-ip", version)]
pub struct Arguments {
    /// Files of records; none, or -, is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<OsString>,

    /// Print an address when it reaches N events, then begin again at 0
    #[arg(short = 'n', long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub threshold: Option<u64>,

    /// Only events this close together count, such as 90, 10m or 1h30m (sliding, exact)
    #[arg(short = 'w', long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(conflicts_with = "merge")]
    pub within: Option<Duration>,

    /// Count IPv4 networks of this size in place of single addresses, such as 24; or of several,
    /// 24,16
    #[arg(long, value_name = "LEN", value_delimiter = ',')]
    #[arg(value_parser = value_parser!(u8).range(..=32))]
    pub prefix4: Vec<u8>,

    /// The same for IPv6, such as 64, or 64,56,48
    #[arg(long, value_name = "LEN", value_delimiter = ',')]
    #[arg(value_parser = value_parser!(u8).range(..=128))]
    pub prefix6: Vec<u8>,

    /// Print a network when N distinct addresses in it have been seen
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    #[arg(conflicts_with = "merge")]
    pub hosts: Option<u64>,

    /// Count an address at most once in this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(conflicts_with = "merge")]
    pub throttle: Option<Duration>,

    /// The threshold counts distinct values of this field, not events
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    #[arg(conflicts_with_all = ["hosts", "merge"])]
    pub distinct: Option<String>,

    /// Count by this field in place of the address; at the threshold print each address that took
    /// part
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    #[arg(conflicts_with_all = ["hosts", "prefix4", "prefix6"])]
    pub by: Option<String>,

    /// An event with this field is a success: earlier failures of its user at its address no
    /// longer count
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_field, conflicts_with = "hosts")]
    pub forgive: Option<(String, String)>,

    /// Totals by time slot, such as 1h or 1d, as records with at=; on a terminal bars over time
    #[arg(long, value_name = "DURATION", value_parser = parse_slot)]
    #[arg(conflicts_with_all = ["by", "plain"])]
    pub per: Option<Duration>,

    /// Of the totals, only the K largest
    #[arg(long, value_name = "K")]
    pub top: Option<usize>,

    /// Of the totals, only those of at least N
    #[arg(long, value_name = "N")]
    pub min: Option<u64>,

    /// Input records carry count=: add them up, so that the output of several runs is the input
    /// of one
    #[arg(long)]
    pub merge: bool,

    /// Hold at most this many addresses, and let go of those silent for longest (default: as many
    /// as 256 MiB hold)
    #[arg(long, value_name = "N", value_parser = parse_addresses)]
    pub max_addresses: Option<usize>,

    /// Keep the line= of the events counted, at most the threshold's number, and print them
    #[arg(long)]
    pub evidence: bool,

    /// Print totals as uniq -c does
    #[arg(long)]
    pub plain: bool,

    /// Print records as JSON objects, one a line
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,

    /// Threads for totals of files, at most; the output is that of one [default: as many as there
    /// are processors, if they pay]
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..))]
    pub threads: Option<u8>,

    /// Remember between runs
    #[arg(long)]
    pub state: bool,

    /// Remember in this file; implies --state
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<PathBuf>,
}

impl Arguments {
    /// Whether addresses are printed in the stream, not totals at the end.
    pub fn is_watching(&self) -> bool {
        self.threshold.is_some() || self.hosts.is_some()
    }

    /// Refuses flags that mean nothing together; the fault names the flag.
    pub fn check(&self) -> Result<(), Fault> {
        let refuse = |flag: &str, why: &str| {
            Err(Fault::new(
                "usage",
                format_args!("{flag} {why} (see --help)"),
            ))
        };
        let of_totals = [
            ("--top", self.top.is_some()),
            ("--min", self.min.is_some()),
            ("--plain", self.plain),
            ("--per", self.per.is_some()),
        ];
        let of_watching = [
            ("--within", self.within.is_some()),
            ("--evidence", self.evidence),
            ("--distinct", self.distinct.is_some()),
            ("--forgive", self.forgive.is_some()),
        ];
        let given = |flags: &[(&'static str, bool)]| {
            flags
                .iter()
                .find(|(_, given)| *given)
                .map(|(flag, _)| *flag)
        };
        if self.is_watching() {
            if let Some(flag) = given(&of_totals) {
                return refuse(
                    flag,
                    "is for totals, which --threshold and --hosts do not print",
                );
            }
        } else if let Some(flag) = given(&of_watching) {
            return refuse(flag, "needs --threshold or --hosts");
        } else if self.prefix4.len() > 1 || self.prefix6.len() > 1 {
            return refuse(
                "--prefix4 and --prefix6",
                "take several sizes only with --threshold or --hosts",
            );
        }
        let several = self.prefix4.len() > 1 || self.prefix6.len() > 1;
        if several && (self.distinct.is_some() || self.forgive.is_some()) {
            return refuse(
                "--prefix4 and --prefix6",
                "of several sizes take only --threshold or --hosts",
            );
        }
        if self.hosts.is_some() && self.prefix4.is_empty() && self.prefix6.is_empty() {
            return refuse("--hosts", "needs --prefix4 or --prefix6");
        }
        if self.throttle.is_some() && !self.is_watching() && self.is_remembered() {
            return refuse("--throttle", "with --state needs --threshold or --hosts");
        }
        Ok(())
    }

    /// The prefix lengths to count, of IPv4 and of IPv6, the smallest network first.
    pub fn sizes(&self) -> [Vec<u8>; 2] {
        [(&self.prefix4, 32), (&self.prefix6, 128)].map(|(given, whole)| {
            let mut sizes = if given.is_empty() {
                vec![whole]
            } else {
                given.clone()
            };
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            sizes.dedup();
            sizes
        })
    }

    /// The number of lines that are kept as evidence of an address.
    pub fn evidence_lines(&self) -> usize {
        let most = self.threshold.max(self.hosts).unwrap_or(0);
        if self.evidence {
            usize::try_from(most).unwrap_or(usize::MAX)
        } else {
            0
        }
    }

    /// Which totals are printed.
    pub fn limits(&self) -> Limits {
        Limits {
            least: self.min.unwrap_or(0),
            top: self.top.unwrap_or(usize::MAX),
        }
    }

    /// Whether counts are kept in the state file.
    pub fn is_remembered(&self) -> bool {
        self.state || self.state_file.is_some()
    }
}

/// Reads the length of a time slot.
fn parse_slot(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text)?;
    match length.as_secs() {
        0 => Err("a slot of at least a second is wanted".into()),
        _ => Ok(length),
    }
}

/// Reads the key of a field.
fn parse_key(text: &str) -> Result<String, String> {
    let is_key = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    match !text.is_empty() && text.bytes().all(is_key) {
        true => Ok(text.into()),
        false => Err("the key of a field is wanted, such as user".into()),
    }
}

/// Reads `KEY=VALUE`.
fn parse_field(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is wanted")?;
    Ok((parse_key(key)?, value.into()))
}

fn parse_addresses(text: &str) -> Result<usize, String> {
    let number = text
        .parse()
        .ok()
        .filter(|n| (1..=u32::MAX as usize - 1).contains(n));
    number.ok_or_else(|| "a number from 1 to 4294967294 is wanted".into())
}
