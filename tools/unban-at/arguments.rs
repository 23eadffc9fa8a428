//! The arguments of unban-at.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

/// Set when bans end.
///
/// Reads records (lines that begin with an address or network) from standard input, or takes
/// addresses as operands, lets the ban of each end at TIME, sooner or later than before, and prints
/// the record with its until=. TIME is what at(1) reads, such as now, now+1hour, 'now + 2 days',
/// 16:00, 'noon tomorrow', or a duration from now such as 1h30m.
///
/// Where the firewall does not end bans by itself (iptables, exec), one process stays behind that
/// lifts each in time.
#[derive(Parser)]
#[command(name = "unban-at", version)]
pub struct Arguments {
    /// When the bans end; now lifts at once
    #[arg(required_unless_present_any = ["list", "due"])]
    pub time: Option<String>,

    /// Addresses or networks; none: records from standard input
    #[arg(value_name = "ADDRESS|CIDR")]
    pub addresses: Vec<OsString>,

    /// Also the bans of all addresses and networks inside the networks given
    #[arg(long, conflicts_with_all = ["list", "due"])]
    pub inside: bool,

    /// Only the bans that this host has asked for; without addresses: all of them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["list", "due", "inside"])]
    pub origin: Option<String>,

    /// Print the bans that have an end, and when
    #[arg(long, conflicts_with_all = ["time", "due"])]
    pub list: bool,

    /// Lift what is due and print it
    #[arg(long, conflicts_with = "time")]
    pub due: bool,

    /// With --due: go on and lift each ban in time, till none is left
    #[arg(long, requires = "due")]
    pub wait: bool,

    /// Leave the waiting to a process in the background
    #[arg(long, requires = "wait", hide = true)]
    pub background: bool,

    /// Messages go to the system's log: the process in the background has no standard error
    #[arg(long, requires = "wait", hide = true)]
    pub system_log: bool,

    /// Print records as JSON objects
    #[arg(long)]
    pub json: bool,

    /// Where the ledger is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<PathBuf>,
}
