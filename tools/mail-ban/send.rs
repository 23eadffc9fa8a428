//! Hands a mail on: to the program sendmail(8), or to an SMTP server.

use std::io;
use std::process::Command;
use std::time::Duration;

use lettre::Message;
use pipeban::complain::describe;
use pipeban::program::{self, Bounds, within};

use crate::arguments::Server;
use crate::printable::printable;
use crate::smtp::{self, Letter};

/// The bounds of a run of sendmail.
const SENDMAIL: Bounds = Bounds {
    time: Duration::from_secs(60),
    output: 64 << 10,
};
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
    match program::run(&mut command, &text, &SENDMAIL) {
        Ok((status, _)) if status.success() => Ok(()),
        Ok((status, output)) => {
            let last = output.trim_ascii_end().rsplit(|b| *b == b'\n').next();
            let words = printable(last.unwrap_or_default());
            let colon = if words.is_empty() { "" } else { ": " };
            Err(format!("sendmail: {status}{colon}{words}"))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err("sendmail: no such program (--smtp HOST:PORT does without)".into())
        }
        Err(e) => Err(format!("sendmail: {}", describe(&e))),
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
