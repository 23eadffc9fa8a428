//! Commands of the administrator's, for any other firewall.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::interface::{About, Counted, Entry, Firewall};
use crate::target::Target;
use pipeban::program::{self, Bounds};

const COMMAND: Bounds = Bounds {
    time: Duration::from_secs(30),
    output: 1 << 20,
};

pub(super) struct Exec {
    ban: Vec<String>,
    lift: Vec<String>,
}

impl Exec {
    /// See [`Backend::exec`](super::Backend::exec).
    pub(super) fn new(ban: &str, lift: &str) -> io::Result<Self> {
        Ok(Exec {
            ban: split(ban)?,
            lift: split(lift)?,
        })
    }
}

/// The words of a command; one of its arguments must have `{address}` in it.
pub(super) fn split(command: &str) -> io::Result<Vec<String>> {
    let words = program::words(command)?;
    if words.iter().skip(1).any(|word| word.contains("{address}")) {
        return Ok(words);
    }
    let text = format!("a command with {{address}} in an argument is wanted, not \"{command}\"");
    Err(io::Error::new(ErrorKind::InvalidInput, text))
}

/// Whether a command is for bans of single ports, or else for those of all packets; the error is a
/// phrase.
pub(super) fn is_for(command: &[String], single_ports: bool) -> Result<(), &'static str> {
    let takes_port = command.iter().skip(1).any(|word| word.contains("{port}"));
    match (takes_port, single_ports) {
        (true, false) => Err("a command with {port} is for bans of single ports"),
        (false, true) => Err("a command with {port} in an argument is wanted for a single port"),
        _ => Ok(()),
    }
}

/// Runs a command for a target.
fn run(command: &[String], target: &Target) -> io::Result<()> {
    is_for(command, target.port != 0).map_err(|text| {
        let text = format!("{target}: {text}");
        io::Error::new(ErrorKind::InvalidInput, text)
    })?;
    let family = if target.is_ipv4() { "ipv4" } else { "ipv6" };
    let fill = |word: &String| {
        word.replace("{address}", &target.address.to_string())
            .replace("{port}", &target.port.to_string())
            .replace("{family}", family)
    };
    let arguments: Vec<String> = command[1..].iter().map(fill).collect();
    program::output(&command[0], &arguments, b"", &COMMAND)
        .map(drop)
        .map_err(|e| io::Error::new(e.kind(), format!("{target}: {e}")))
}

impl Firewall for Exec {
    fn ensure(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn restored(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        entries.iter().try_for_each(|(a, _)| run(&self.ban, a))
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        targets.iter().try_for_each(|a| run(&self.lift, a))
    }

    fn counted(&mut self, _: About) -> io::Result<Option<Vec<Counted>>> {
        Ok(None)
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        Err(io::Error::new(
            ErrorKind::Unsupported,
            "only you can tell whether your commands work",
        ))
    }

    fn expires(&self, _: Duration) -> bool {
        false
    }

    fn at_once(&self) -> usize {
        1
    }
}
