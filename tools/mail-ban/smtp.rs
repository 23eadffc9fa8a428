//! Hands a mail to an SMTP server (RFC 5321), within bounds of time and of what the server may say.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::arguments::Server;
use crate::printable::printable;

/// The time-out of each step, and of the whole conversation.
const STEP: Duration = Duration::from_secs(30);
const ALL: Duration = Duration::from_secs(120);
/// The greatest length of a reply, in bytes; the longest line of RFC 5321 has 512 (4.5.3.1.5).
const REPLY: usize = 16 << 10;
/// The part of a reply that is shown, in bytes.
const SHOWN: usize = 200;

/// A mail as the server gets it.
pub struct Letter<'a> {
    /// The name of this host.
    pub host: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    /// Header and body; lines end in CR LF.
    pub text: &'a [u8],
}

/// Sends a mail; the error is a phrase.
pub fn send(server: &Server, letter: &Letter) -> Result<(), String> {
    let deadline = Instant::now() + ALL;
    let stream = connect(server, deadline).map_err(|e| pipeban::complain::describe(&e))?;
    let mut session = Session { stream, deadline };
    session.expect("the greeting", 220)?;
    let Letter { host, from, to, .. } = letter;
    if session.say(&format!("EHLO {host}"), 250).is_err() {
        session.say(&format!("HELO {host}"), 250)?;
    }
    session.say(&format!("MAIL FROM:<{from}>"), 250)?;
    session.say(&format!("RCPT TO:<{to}>"), 250)?;
    session.say("DATA", 354)?;
    session.write(&stuffed(letter.text))?;
    session.expect("the mail", 250)?;
    // The server has the mail; its answer to this changes nothing.
    let _ = session.write(b"QUIT\r\n");
    Ok(())
}

fn connect(server: &Server, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (server.host.as_str(), server.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// The time for the next step.
fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left.min(STEP)),
    }
}

/// The text as DATA has it (4.5.2): a dot at the beginning of a line is doubled, and a dot alone
/// ends it.
fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    for line in text.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

struct Session {
    stream: TcpStream,
    deadline: Instant,
}

impl Session {
    /// Sends a command, and reads its reply.
    fn say(&mut self, command: &str, code: u16) -> Result<(), String> {
        // A line break would begin another command.
        if !command.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(format!("not sent: {}", printable(command.as_bytes())));
        }
        self.write(format!("{command}\r\n").as_bytes())?;
        self.expect(command, code)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut write = || -> io::Result<()> {
            let mut rest = bytes;
            while !rest.is_empty() {
                self.stream.set_write_timeout(Some(left(self.deadline)?))?;
                match self.stream.write(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => rest = &rest[n..],
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        };
        write().map_err(|e| pipeban::complain::describe(&e))
    }

    /// Reads a reply; one with another code is an error, and so is a code in another class.
    fn expect(&mut self, to: &str, code: u16) -> Result<(), String> {
        let reply = self.reply().map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("no reply to {to}"),
            _ => format!("{to}: {}", pipeban::complain::describe(&e)),
        })?;
        // 4.2.1: the first digit tells whether it was accepted.
        if reply.first() == code.to_string().as_bytes().first() {
            return Ok(());
        }
        let shown = &reply[..reply.len().min(SHOWN)];
        Err(format!("{to}: {}", printable(shown.trim_ascii())))
    }

    /// The last line of a reply. The lines before it have a `-` behind the code.
    fn reply(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut block = [0; 1024];
        while bytes.len() < REPLY {
            self.stream.set_read_timeout(Some(left(self.deadline)?))?;
            match self.stream.read(&mut block) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => bytes.extend_from_slice(&block[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
            if bytes.ends_with(b"\n") {
                let last = bytes.trim_ascii_end().rsplit(|b| *b == b'\n').next();
                let last = last.unwrap_or_default();
                if last.get(3) != Some(&b'-') {
                    return Ok(last.to_vec());
                }
            }
        }
        Err(io::Error::other("the reply is too long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled() {
        for (text, expected) in [
            (
                &b"a\r\n.\r\n..b\r\nc.\r\n"[..],
                &b"a\r\n..\r\n...b\r\nc.\r\n.\r\n"[..],
            ),
            (b"a", b"a\r\n.\r\n"),
            (b"", b"\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(text), expected);
        }
    }
}
