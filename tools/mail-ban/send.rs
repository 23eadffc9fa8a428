//! Hands a mail on: to the program sendmail(8), or to an SMTP server.

use std::io;
use std::process::Command;
use std::time::Duration;

use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport};
use pipeban::complain::describe;
use pipeban::program::{self, Bounds, within};

use crate::inert::inert;

const SENDMAIL: Bounds = Bounds {
    time: Duration::from_secs(60),
    output: 64 << 10,
};
/// For each step of the conversation with an SMTP server, and for all of it.
const SMTP_STEP: Duration = Duration::from_secs(30);
const SMTP: Duration = Duration::from_secs(120);

/// A server on the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub host: String,
    pub port: u16,
}

/// Reads `HOST:PORT`; an IPv6 address stands in brackets.
pub fn parse_server(text: &str) -> Result<Server, String> {
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

/// Sends the mail; the error is a phrase.
pub fn send(message: &Message, smtp: Option<&Server>, host: &str) -> Result<(), String> {
    match smtp {
        Some(server) => by_smtp(message, server, host),
        None => by_program(message),
    }
}

/// `sendmail -t`, which finds the recipient in the mail's own header.
fn by_program(message: &Message) -> Result<(), String> {
    // What programs read ends its lines as files do.
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
            let words = inert(last.unwrap_or_default());
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
    let transport = SmtpTransport::builder_dangerous(&server.host)
        .port(server.port)
        .hello_name(ClientId::Domain(host.into()))
        .timeout(Some(SMTP_STEP))
        .build();
    let message = message.clone();
    let sent = within(SMTP, move || {
        transport.send(&message).map_err(io::Error::other)
    });
    sent.map(|_| ())
        .map_err(|e| format!("{}:{}: {e}", server.host, server.port))
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
