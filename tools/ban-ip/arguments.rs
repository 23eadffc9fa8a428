//! The arguments of ban-ip.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::{PossibleValuesParser, UnknownArgumentValueParser};
use pipeban::address::Address;
use pipeban::complain::{Fault, describe};
use pipeban::time::parse_duration;
use pipeban_ban::firewall::Backend;
use pipeban_ban::never::Protected;
use pipeban_ban::ports;

use crate::speaker::is_host_name;

/// The flags that say whom to ban, and for how long.
const BANS: [&str; 5] = ["addresses", "duration", "port", "escalate", "max"];
/// The flags that protect from bans.
const PROTECTS: [&str; 4] = ["never", "even_me", "max_prefix4", "max_prefix6"];
/// The flags that choose a firewall.
const FIREWALL: [&str; 3] = ["backend", "ban_command", "unban_command"];

/// Ban the addresses of records in the firewall.
///
/// Reads records (lines that begin with an address or network) from standard input, or takes
/// addresses as operands, and prints a record with since= and until= for each ban that is new or
/// longer than before. Nothing is banned twice, and no ban is made shorter.
#[derive(Parser)]
#[command(name = "ban-ip", version)]
pub struct Arguments {
    /// Addresses or networks to ban; none: records from standard input
    #[arg(value_name = "ADDRESS|CIDR")]
    pub addresses: Vec<OsString>,

    /// How long, such as 10m or 1h, from a record's at= on; without it as a record's until= says,
    /// else until lifted
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,

    /// Only packets of TCP and UDP to these ports, or those of these services; without it as a
    /// record's port= says, else all packets
    #[arg(long, value_name = "PORT[,PORT]...", value_parser = parse_ports)]
    pub port: Vec<Ports>,

    /// Times FACTOR for each earlier ban of that address that the ledger remembers, without those
    /// that were lifted before their end
    #[arg(long, value_name = "FACTOR", requires = "duration", value_parser = parse_factor)]
    pub escalate: Option<f64>,

    /// No longer than this, whatever a record says, and this long where nothing says how long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub max: Option<Duration>,

    /// The host that the records are from, whatever their origin= says: it bans, and lifts what it
    /// banned; '*' believes origin=. With --list: only the bans of this host, '.' is this one's own
    #[arg(long, value_name = "NAME", value_parser = parse_origin)]
    #[arg(conflicts_with_all = ["why", "sync", "verify"])]
    pub origin: Option<String>,

    /// The firewall: nft, ipset, iptables, exec (commands of your own) or none (the ledger only);
    /// without it nft, where the kernel has it
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Backend::NAMES))]
    pub backend: Option<String>,

    /// With --backend exec: the command that bans, such as 'fw add {address}'; {family} is ipv4 or
    /// ipv6; it is split at blanks, and no shell runs it
    #[arg(long, value_name = "COMMAND", required_if_eq("backend", "exec"))]
    pub ban_command: Option<String>,

    /// With --backend exec: the command that lifts a ban
    #[arg(long, value_name = "COMMAND", required_if_eq("backend", "exec"))]
    pub unban_command: Option<String>,

    /// Never ban this address, network, host name, or those in this file, which is read again when
    /// it changes; may be given several times; /etc/pipeban/never is always one of them
    #[arg(long, value_name = "CIDR|FILE|NAME")]
    pub never: Vec<String>,

    /// Also ban addresses that are never banned otherwise: special addresses, this host's own, its
    /// gateways, the peer of this SSH session
    #[arg(long)]
    pub even_me: bool,

    /// Refuse IPv4 networks wider than this
    #[arg(long, value_name = "LEN", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=32))]
    pub max_prefix4: u8,

    /// Refuse IPv6 networks wider than this
    #[arg(long, value_name = "LEN", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=128))]
    pub max_prefix6: u8,

    /// Decide and print, but touch nothing; records with at= are judged at that time; with --sync:
    /// what it would do
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Print what is banned now, from the firewall and the ledger together
    #[arg(long, group = "mode", conflicts_with_all = BANS.iter().chain(&PROTECTS))]
    #[arg(conflicts_with = "dry_run")]
    pub list: bool,

    /// With --list: then print each change of the ledger as it comes, after a line `# now`
    #[arg(long, requires = "list")]
    pub follow: bool,

    /// Print what the ledger remembers of this address and of networks around it
    #[arg(long, value_name = "ADDRESS|CIDR", group = "mode", value_parser = parse_address)]
    #[arg(conflicts_with_all = BANS.iter().chain(&PROTECTS).chain(&FIREWALL))]
    #[arg(conflicts_with = "dry_run")]
    pub why: Option<Address>,

    /// Make the firewall hold what the ledger says
    #[arg(long, group = "mode", conflicts_with_all = BANS)]
    #[arg(conflicts_with_all = ["max_prefix4", "max_prefix6"])]
    pub sync: bool,

    /// Report what would let a banned address through; with addresses, or '-' for records from
    /// standard input: their lines since the ban against the packets dropped
    #[arg(long, group = "mode", conflicts_with_all = BANS[1..].iter().chain(&PROTECTS))]
    #[arg(conflicts_with_all = ["dry_run", "json"])]
    pub verify: bool,

    /// No flag of ban-ip
    #[arg(long, hide = true, value_name = "ADDRESS", aliases = ["lift", "delete", "remove"])]
    #[arg(value_parser = UnknownArgumentValueParser::suggest("unban-at now ADDRESS lifts a ban"))]
    unban: Option<String>,

    /// Print records as JSON objects
    #[arg(long)]
    pub json: bool,

    /// Where the ledger is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<PathBuf>,
}

impl Arguments {
    /// The ports of all `--port`, the lowest first.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports = self.port.concat();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// The addresses that are not to be banned.
    pub fn protected(&self) -> Protected<'_> {
        Protected {
            lists: &self.never,
            state_file: self.state_file.as_deref(),
            keep: !self.dry_run,
            even_me: self.even_me,
        }
    }

    /// The shortest prefixes of networks that may be banned, of IPv4 and of IPv6.
    pub fn widest(&self) -> (u8, u8) {
        (self.max_prefix4, self.max_prefix6)
    }

    /// Checks `--origin`, which means one thing with `--list` and another with records.
    pub fn check_origin(&self) -> Result<(), Fault> {
        let wrong = match self.origin.as_deref() {
            Some("*") if self.list => "one host's name is wanted with --list",
            Some(".") if !self.list => "that is this host, whose bans need no name",
            _ => return Ok(()),
        };
        Err(Fault::new("--origin", wrong))
    }

    /// The firewall that is named, if one is.
    pub fn named_backend(&self) -> Result<Option<Backend>, Fault> {
        for (flag, command) in [
            ("--ban-command", &self.ban_command),
            ("--unban-command", &self.unban_command),
        ] {
            if command.is_some() && self.backend.as_deref() != Some("exec") {
                return Err(Fault::new(flag, "only with --backend exec"));
            }
        }
        let Some(name) = self.backend.as_deref() else {
            return Ok(None);
        };
        let backend = match (&self.ban_command, &self.unban_command) {
            (Some(ban), Some(lift)) if name == "exec" => Backend::exec(ban, lift),
            _ => Backend::parse(name),
        };
        backend
            .map(Some)
            .map_err(|e| Fault::new(name, describe(&e)))
    }
}

fn parse_factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok();
    factor
        .filter(|f: &f64| f.is_finite() && *f >= 1.0)
        .ok_or_else(|| "a number of 1 or more is wanted".into())
}

/// The ports of one `--port`.
type Ports = Vec<u16>;

fn parse_ports(text: &str) -> Result<Ports, String> {
    ports::parse(text)
}

fn parse_origin(text: &str) -> Result<String, String> {
    match is_host_name(text) || text == "*" || text == "." {
        true => Ok(text.into()),
        false => Err("a name without blanks is wanted".into()),
    }
}

fn parse_address(text: &str) -> Result<Address, String> {
    Address::parse(text.as_bytes()).ok_or_else(|| "not an address or network".into())
}
