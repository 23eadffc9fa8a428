//! The command line.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use clap::{Parser, value_parser};
use clap_complete::engine::ArgValueCompleter;

use crate::complete;

/// Print the IP addresses in logs, one record a line.
///
/// Reads the lines of files or standard input and prints a record for each IPv4 and IPv6 address
/// and network in them, in order.
#[derive(Parser)]
#[command(name = "extract-ip", version)]
pub(crate) struct Arguments {
    /// Files to read; none, or -: standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<OsString>,

    /// Only the Nth field, split at white space, counted from 1; of several addresses the last
    #[arg(short, long, value_name = "N")]
    pub(crate) field: Option<NonZeroUsize>,

    /// Only lines that match; <IP> in it is the address to print (several times)
    #[arg(short = 'e', long, value_name = "RE")]
    pub(crate) regex: Vec<String>,

    /// But not lines that match this (several times)
    #[arg(short = 'v', long, value_name = "RE")]
    pub(crate) exclude: Vec<String>,

    /// Ready patterns for a service: sshd, dovecot, ...; several with commas; all; list prints
    /// them; ./FILE: one's own
    #[arg(short, long, value_name = "NAME", add = ArgValueCompleter::new(complete::preset))]
    pub(crate) preset: Vec<String>,

    /// Try the examples of the presets, hostile text in them, and their speed
    #[arg(long, requires = "preset")]
    pub(crate) check: bool,

    /// The patterns of a fail2ban filter as they are: FILE or FILE[mode=aggressive] (several times)
    #[arg(long, value_name = "FILE", add = ArgValueCompleter::new(complete::filter))]
    pub(crate) filter: Vec<String>,

    /// Only lines that are JSON objects; the address stands at this key: request.remote_ip
    #[arg(long, value_name = "PATH")]
    pub(crate) key: Option<String>,

    /// Only lines that are JSON objects with this value; PATH!=VALUE: without it; VALUE,VALUE: any
    #[arg(long = "where", value_name = "PATH=VALUE")]
    pub(crate) conditions: Vec<String>,

    /// Only the first address of a line
    #[arg(long, conflicts_with = "last")]
    pub(crate) first: bool,

    /// Only the last address of a line
    #[arg(long)]
    pub(crate) last: bool,

    /// Add at= from the line's own time stamp
    #[arg(short, long)]
    pub(crate) time: bool,

    /// The same, for time stamps of this form (strftime)
    #[arg(long, value_name = "STRFTIME")]
    pub(crate) time_format: Option<String>,

    /// The same; the zone of stamps that name none: Asia/Tokyo, +09:00, UTC [default: the local]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub(crate) timezone: Option<String>,

    /// Only lines from this time on: at(1)'s words, of the past; or 5m: that long ago
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Only lines until this time, in the same words
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// Add the log line as line=
    #[arg(short, long)]
    pub(crate) line: bool,

    /// Add what else is known of a line: host, program, pid, file, a named group of the pattern
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) with: Vec<String>,

    /// Only IPv4
    #[arg(short = '4', conflicts_with = "only6")]
    pub(crate) only4: bool,

    /// Only IPv6
    #[arg(short = '6')]
    pub(crate) only6: bool,

    /// Only globally routable addresses
    #[arg(long)]
    pub(crate) global: bool,

    /// Leave these out: an address, a network, or a file of them (several times)
    #[arg(long, value_name = "CIDR|FILE")]
    pub(crate) not: Vec<String>,

    /// Only these: an address, a network, or a file of them (several times)
    #[arg(long, value_name = "CIDR|FILE")]
    pub(crate) only: Vec<String>,

    /// Print the whole lines as they stand, once each, in place of records
    #[arg(long, conflicts_with_all = ["json", "line", "time", "with"])]
    pub(crate) whole: bool,

    /// Print only the number of such lines
    #[arg(short, long, conflicts_with_all = ["json", "line", "time", "with"])]
    pub(crate) count: bool,

    /// Threads, at most; the output is that of one [default: as many as there are processors, if
    /// they pay]
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..))]
    pub(crate) threads: Option<u8>,

    /// Say to a person how each line is judged, and how a pattern could be abused
    #[arg(long, conflicts_with_all = ["json", "line", "time", "time_format"])]
    #[arg(conflicts_with_all = ["timezone", "since", "until", "whole", "count"])]
    pub(crate) explain: bool,

    /// Print each record as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl Arguments {
    /// Whether records have `at=`.
    pub(crate) fn wants_time(&self) -> bool {
        let asked = self.time || self.time_format.is_some() || self.timezone.is_some();
        asked && !self.wants_lines()
    }

    /// Whether whole lines are printed or counted, not records.
    pub(crate) fn wants_lines(&self) -> bool {
        self.whole || self.count
    }
}
