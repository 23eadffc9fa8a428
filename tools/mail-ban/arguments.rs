//! The arguments of mail-ban.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use pipeban::program;
use pipeban::time::parse_duration;

/// Mail the bans that pass by.
///
/// Reads records (lines that begin with an address or network) and prints them unchanged. The first
/// is mailed at once, with its evidence and the answer of whois; those that follow within --digest
/// of a mail are collected for the next one. A process of its own sends the mail, also after this
/// one has ended: a slow or failing mailer or whois never holds up a record. With --run a command
/// gets the bans in place of a mail.
#[derive(Parser)]
#[command(name = "mail-ban", version)]
pub struct Arguments {
    /// Records to read; none, or -: standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<OsString>,

    /// The recipient of the mail
    #[arg(long, value_name = "ADDRESS", value_parser = parse_recipient)]
    #[arg(required_unless_present = "run")]
    pub to: Option<String>,

    /// Hand the bans to this program's standard input in place of a mail
    #[arg(long, value_name = "COMMAND", value_parser = parse_command)]
    #[arg(conflicts_with_all = ["to", "from", "smtp", "whois"])]
    pub run: Option<CommandLine>,

    /// The form in which --run hands them over
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        default_value = "json",
        conflicts_with = "to"
    )]
    pub format: Format,

    /// The sender of the mail, if not the user who runs this at this host
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<lettre::Address>,

    /// At most one mail in this time, however many bans
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    pub digest: Duration,

    /// Hand mail to this SMTP server, unencrypted; without it to the program sendmail(8)
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_server)]
    pub smtp: Option<Server>,

    /// Ask this whois server, or with `none` nobody; without it the program whois(1) is run, if it
    /// is installed
    #[arg(long, value_name = "HOST:PORT|none", value_parser = parse_whois)]
    pub whois: Option<Whois>,

    /// Print each record as a JSON object
    #[arg(long)]
    pub json: bool,

    /// Where the outbox is kept, if not in the usual state
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<PathBuf>,

    /// Deliver the mail that waits: for this program's own use
    #[arg(long, hide = true)]
    pub deliver: bool,
}

impl Arguments {
    /// The name of the outbox: the recipient, or the command. No recipient has a blank.
    pub fn outbox(&self) -> String {
        match (&self.run, &self.to) {
            (Some(command), _) => format!("run {}", command.text),
            (None, to) => to.clone().unwrap_or_default(),
        }
    }
}

/// A command that an administrator gives.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The words as they were given.
    pub text: String,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// The form of a digest for a program.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    /// A JSON object for each ban, one a line
    Json,
    /// The CSV of AbuseIPDB's bulk report
    Abuseipdb,
}

/// A server on the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// A name or an address.
    pub host: String,
    pub port: u16,
}

/// The source of whois answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Whois {
    /// The program whois(1).
    Program,
    Server(Server),
    None,
}

/// Reads a recipient: an address, or the name of a local user as sendmail takes it. The error is a
/// phrase.
fn parse_recipient(text: &str) -> Result<String, String> {
    let is_local = !text.is_empty()
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if is_local || text.parse::<lettre::Address>().is_ok() {
        Ok(text.into())
    } else {
        Err(format!("not a mail address: \"{text}\""))
    }
}

/// Reads `HOST:PORT`; an IPv6 address stands in brackets.
fn parse_server(text: &str) -> Result<Server, String> {
    let wrong = || format!("not HOST:PORT: \"{text}\"");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    if host.is_empty() || (bare.is_none() && host.contains(':')) {
        return Err(wrong());
    }
    let port = port.parse().map_err(|_| wrong())?;
    Ok(Server {
        host: host.into(),
        port,
    })
}

fn parse_command(text: &str) -> Result<CommandLine, String> {
    Ok(CommandLine {
        text: text.into(),
        words: program::words(text).map_err(|e| e.to_string())?,
    })
}

fn parse_whois(text: &str) -> Result<Whois, String> {
    match text {
        "none" => Ok(Whois::None),
        server => parse_server(server).map(Whois::Server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (text, expected) in [
            ("mail.example.org:25", Some(("mail.example.org", 25))),
            ("192.0.2.1:2525", Some(("192.0.2.1", 2525))),
            ("[2001:db8::1]:25", Some(("2001:db8::1", 25))),
            ("2001:db8::1", None),
            ("mail.example.org", None),
            ("mail.example.org:", None),
            ("mail.example.org:99999", None),
            (":25", None),
            ("", None),
        ] {
            let read = parse_server(text).ok();
            let read = read.as_ref().map(|s| (s.host.as_str(), s.port));
            assert_eq!(read, expected, "{text}");
        }
    }
}
