//! The arguments of name-ip.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

use crate::choice::Choice;

/// Name the networks of addresses.
///
/// Reads records (lines that begin with an address or network) and prints them with asn=, org=,
/// country= and net=, as databases of yours have them. On a terminal it prints columns. With
/// --networks it prints the networks themselves.
#[derive(Parser)]
#[command(name = "name-ip", version)]
pub struct Arguments {
    /// Files of records; none, or -, is standard input
    #[arg(value_name = "FILE", conflicts_with = "networks")]
    pub files: Vec<OsString>,

    /// A database: MMDB, or a table of ranges; several may be given. Without it, those that
    /// $PIPEBAN_DB names, with colons between them
    #[arg(long, value_name = "FILE")]
    pub db: Vec<PathBuf>,

    /// Print the networks of AS64500, country:XX or org:REGEX as records; several may be given
    #[arg(long, value_name = "WHOSE")]
    pub networks: Vec<Choice>,

    /// Print records as JSON objects
    #[arg(long)]
    pub json: bool,
}
