//! ban-ip: bans the addresses of records in the firewall; prints each ban that is new or longer.

mod hand;
mod list;
mod never;
mod ssh;
mod sync;
mod verify;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::complain::describe;
use pipeban::output::Output;
use pipeban::records::{Item, Records};
use pipeban::time::parse_duration;
use pipeban_ban::firewall;
use pipeban_ban::privilege::keep_network_only;

use hand::{Hand, Wish};
use never::Never;

/// Ban the addresses of records in the firewall.
///
/// Reads records (lines that begin with an address or network) from standard input, or takes
/// addresses as operands, and prints a record with since= and until= for each ban that is new or
/// longer than before. Nothing is banned twice, and no ban is made shorter.
#[derive(Parser)]
#[command(name = "ban-ip", version)]
struct Arguments {
    /// Addresses or networks to ban; none: records from standard input
    #[arg(value_name = "ADDRESS|CIDR")]
    addresses: Vec<OsString>,

    /// How long, such as 10m or 1h; without it as a record's until= says, else until lifted
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// Times FACTOR for each earlier ban of that address that the ledger remembers
    #[arg(long, value_name = "FACTOR", requires = "duration", value_parser = parse_factor)]
    escalate: Option<f64>,

    /// But no longer than this
    #[arg(long, value_name = "DURATION", requires = "escalate", value_parser = parse_duration)]
    max: Option<Duration>,

    /// The firewall: nft, ipset, iptables, exec (commands of your own) or none (the ledger only);
    /// without it nft, where the kernel has it
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(BACKENDS))]
    backend: Option<String>,

    /// With --backend exec: the command that bans, such as 'fw add {address}'; {family} is ipv4 or
    /// ipv6; it is split at blanks, and no shell runs it
    #[arg(long, value_name = "COMMAND", required_if_eq("backend", "exec"))]
    ban_command: Option<String>,

    /// With --backend exec: the command that lifts a ban
    #[arg(long, value_name = "COMMAND", required_if_eq("backend", "exec"))]
    unban_command: Option<String>,

    /// Never ban this address, network, or those in this file; may be given several times
    #[arg(long, value_name = "CIDR|FILE")]
    never: Vec<String>,

    /// Also ban what is never banned otherwise: special addresses, this host's own, its gateways,
    /// the peer of this SSH session
    #[arg(long)]
    even_me: bool,

    /// Refuse IPv4 networks wider than this
    #[arg(long, value_name = "LEN", default_value_t = 16, value_parser = clap::value_parser!(u8).range(0..=32))]
    max_prefix4: u8,

    /// Refuse IPv6 networks wider than this
    #[arg(long, value_name = "LEN", default_value_t = 32, value_parser = clap::value_parser!(u8).range(0..=128))]
    max_prefix6: u8,

    /// Decide and print, but touch nothing; records with at= are judged at that time
    #[arg(short = 'n', long, group = "mode")]
    dry_run: bool,

    /// Print what is banned now, from the firewall and the ledger together
    #[arg(long, group = "mode", conflicts_with = "addresses")]
    list: bool,

    /// Print what the ledger remembers of this address and of networks around it
    #[arg(long, value_name = "ADDRESS|CIDR", group = "mode", conflicts_with = "addresses", value_parser = parse_address)]
    why: Option<Address>,

    /// Make the firewall hold what the ledger says
    #[arg(long, group = "mode", conflicts_with = "addresses")]
    sync: bool,

    /// Report what would let a banned address through
    #[arg(long, group = "mode", conflicts_with = "addresses")]
    verify: bool,

    /// Print records as JSON objects
    #[arg(long)]
    json: bool,

    /// Where the ledger is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
}

const BACKENDS: [&str; 5] = ["nft", "ipset", "iptables", "exec", "none"];

/// Records are banned together up to this many, or this many bytes of them; fewer when the input has nothing more
/// just now.
const BATCH: usize = 20_000;
const BATCH_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(arguments.json);
    let state_file = arguments.state_file.as_deref();
    if let Some(address) = &arguments.why {
        return why::run(address, state_file, &mut output);
    }
    let backend = backend(&arguments)?;
    if arguments.list {
        list::run(&backend, state_file, &mut output)
    } else if arguments.sync {
        let only = arguments.backend.is_some().then_some(backend.as_str());
        sync::run(only, state_file, &mut output)
    } else if arguments.verify {
        verify::run(&backend, &mut output)
    } else {
        ban_all(&arguments, backend, &mut output)
    }
}

/// The firewall to use, as the ledger knows it.
fn backend(arguments: &Arguments) -> Result<String, Fault> {
    let commands = (&arguments.ban_command, &arguments.unban_command);
    match (arguments.backend.as_deref(), commands) {
        (Some("exec"), (Some(ban), Some(unban))) => {
            firewall::exec_backend(ban, unban).map_err(|e| Fault::new("exec", describe(&e)))
        }
        (Some(name), _) => Ok(name.into()),
        (None, _) => Ok(firewall::usual().into()),
    }
}

fn ban_all(arguments: &Arguments, backend: String, output: &mut Output) -> Result<bool, Fault> {
    let mut never = Never::new(arguments)?;
    let mut hand = Hand::open(arguments, backend)?;
    // From here on others choose what is read.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut batch = Vec::new();
    let mut bytes = 0;
    let (mut done, mut reader_gone) = (false, false);
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            let wish = never
                .allows(&record.address)
                .and_then(|()| Wish::read(record, arguments.dry_run));
            match wish {
                Ok(wish) => {
                    bytes += wish.record.fields_text().len();
                    batch.push(wish);
                }
                Err(why) => records.complain(why),
            }
        }
        if waits || batch.len() >= BATCH || bytes >= BATCH_BYTES {
            done |= hand.ban(std::mem::take(&mut batch), output)?;
            bytes = 0;
            match output.flush() {
                Err(Fault::ReaderGone) => reader_gone = true,
                result => result?,
            }
            never.look_again();
        }
        // Nobody reads any more, but what had been sent by then is banned.
        if ended || (waits && reader_gone) {
            return Ok(done);
        }
    }
}

fn parse_factor(text: &str) -> Result<f64, String> {
    let factor = text
        .parse()
        .ok()
        .filter(|f: &f64| f.is_finite() && *f >= 1.0);
    factor.ok_or_else(|| "a number of 1 or more is wanted".into())
}

fn parse_address(text: &str) -> Result<Address, String> {
    Address::parse(text.as_bytes()).ok_or_else(|| "not an address or network".into())
}
