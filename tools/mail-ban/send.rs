//! Hands a mail on, to the program sendmail(8) or to an SMTP server; or a digest to a command.

use std::io;
use std::process::Command;
use std::time::Duration;

use lettre::Message;
use pipeban::complain::describe;
use pipeban::program::{self, Bounds, within};

use crate::arguments::{CommandLine, Server};
use crate::printable::printable;
use crate::smtp::{self, Letter};

/// The bounds of a run of sendmail.
const SENDMAIL: Bounds = Bounds {
    time: Duration::from_secs(60),
    output: 64 << 10,
};
/// The bounds of a run of an administrator's command, which may send the bans far away.
const COMMAND: Bounds = Bounds {
    time: Duration::from_secs(120),
    output: 1 << 20,
};
/// The part of a program's last line that is shown, in bytes.
const SHOWN: usize = 1_000;
/// The time for a conversation with an SMTP server, and for the look-up of its name.
const SMTP: Duration = Duration::from_secs(130);

/// Sends the mail; the error is a phrase.
pub fn send(message: &Message, smtp: Option<&Server>, host: &str) -> Result<(), String> {
    match smtp {
        Some(server) => by_smtp(message, server, host),
        None => by_program(message),
    }
}

/// `sendmail -t`, which finds the recipient in the mail's own header.
fn by_program(message: &Message) -> Result<(), String> {
    // Programs expect lines that end as in files.
    let text = message.formatted();
    let lines = text.split(|b| *b == b'\n');
    let text = lines
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect::<Vec<_>>()
        .join(&b'\n');
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sendmail");
    command
        .arg("-t")
        .env("PATH", format!("{path}:/usr/sbin:/usr/lib"));
    let hint = " (--smtp HOST:PORT does without)";
    hand("sendmail", &mut command, &text, &SENDMAIL, hint)
}

/// Hands a text to a command's standard input; the error is a phrase.
pub fn to_command(command: &CommandLine, text: &[u8]) -> Result<(), String> {
    let [name, arguments @ ..] = &command.words[..] else {
        return Err("no command".into());
    };
    let mut run = Command::new(name);
    run.args(arguments).env("PATH", program::search_path());
    hand(name, &mut run, text, &COMMAND, "")
}

/// Runs a program with this text as its standard input; the error is a phrase with its last words.
fn hand(
    name: &str,
    command: &mut Command,
    text: &[u8],
    bounds: &Bounds,
    hint: &str,
) -> Result<(), String> {
    match program::run(command, text, bounds) {
        Ok((status, _)) if status.success() => Ok(()),
        Ok((status, output)) => {
            let last = output.trim_ascii_end().rsplit(|b| *b == b'\n').next();
            let words = last.unwrap_or_default();
            let words = printable(&words[..words.len().min(SHOWN)]);
            let colon = if words.is_empty() { "" } else { ": " };
            Err(format!("{name}: {status}{colon}{words}"))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(format!("{name}: no such program{hint}"))
        }
        Err(e) => Err(format!("{name}: {}", describe(&e))),
    }
}

fn by_smtp(message: &Message, server: &Server, host: &str) -> Result<(), String> {
    let envelope = message.envelope();
    let from = envelope.from().map(ToString::to_string).unwrap_or_default();
    let (server, host) = (server.clone(), host.to_owned());
    let (place, text) = (
        format!("{}:{}", server.host, server.port),
        message.formatted(),
    );
    for to in envelope.to().iter().map(ToString::to_string) {
        let (server, host, from) = (server.clone(), host.clone(), from.clone());
        let text = text.clone();
        // The system looks names up, with time-outs of its own.
        let sent = within(SMTP, move || {
            let letter = Letter {
                host: &host,
                from: &from,
                to: &to,
                text: &text,
            };
            smtp::send(&server, &letter).map_err(io::Error::other)
        });
        sent.map_err(|e| format!("{place}: {}", describe(&e)))?;
    }
    Ok(())
}
