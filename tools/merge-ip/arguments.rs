//! The arguments of merge-ip.

use std::ffi::OsString;

use clap::Parser;

/// Merge lists of networks.
///
/// Reads lists of addresses and networks, as ban-ip reads them, and prints the smallest set of
/// networks that means the same, in address order, IPv4 first. With --minus and --and, it prints
/// the addresses that are in no list of the one, and in every list of the other.
#[derive(Parser)]
#[command(name = "merge-ip", version)]
pub struct Arguments {
    /// Lists to merge; none, or -: standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<OsString>,

    /// Leave out the addresses of this list, network or address
    #[arg(long, value_name = "CIDR|FILE")]
    pub minus: Vec<String>,

    /// Keep only the addresses that are in this list, network or address, too
    #[arg(long, value_name = "CIDR|FILE")]
    pub and: Vec<String>,

    /// Print ranges, first-last, in place of networks
    #[arg(long, conflicts_with = "json")]
    pub ranges: bool,

    /// Merge nothing: print the records whole, in address order
    #[arg(long, conflicts_with_all = ["minus", "and", "ranges"])]
    pub sort: bool,

    /// Print records as JSON objects
    #[arg(long)]
    pub json: bool,
}
