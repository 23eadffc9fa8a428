//! The arguments of share-ban.

use std::path::PathBuf;

use clap::Parser;

/// Share bans with other hosts.
///
/// Reads records of this host's bans, as ban-ip --list --follow --origin . prints them, and keeps
/// them at an MQTT 5 broker. Prints the bans of other hosts, and their lifts, as records for
/// ban-ip --origin '*'.
#[derive(Parser)]
#[command(name = "share-ban", version)]
pub struct Arguments {
    /// The configuration: a file with mode 0600
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Prove that the broker keeps and delivers what it should, and print each finding
    #[arg(long)]
    pub verify: bool,

    /// Print records as JSON objects
    #[arg(long, conflicts_with = "verify")]
    pub json: bool,
}
