//! The message about a ban: a record in one line. It comes from another host, which may lie.

use pipeban::record::Record;
use pipeban::time::Time;

use crate::counts::Reason;
use crate::target::Target;

/// The longest message, in bytes.
pub const LONGEST: usize = 512;

/// Fields that are handed on as they are.
const NOTES: [&str; 2] = ["count", "rule"];
/// The longest of them, in bytes.
const NOTE: usize = 64;

/// The end of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It ends by itself; `None` is never.
    Until(Option<Time>),
    /// It was lifted.
    Lifted(Time),
}

/// A ban or a lift, as its host says.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The packets that it drops.
    pub target: Target,
    /// The beginning, by the host's clock.
    pub since: Option<Time>,
    /// The end, by the host's clock.
    pub end: End,
    /// `count=` and `rule=`, each with the TAB before it.
    pub notes: Vec<u8>,
}

impl Message {
    /// Takes the fields that are shared from a record of this target; `None` if it has neither
    /// `until=` nor `lifted=`. Times are in whole seconds.
    pub fn of_record(target: Target, record: &Record) -> Result<Option<Self>, Reason> {
        let time = |key| match record.get(key) {
            None => Ok(None),
            Some(text) => Time::parse(&text).map(whole).map(Some).ok_or(Reason::Form),
        };
        let never = record.get("until").is_some_and(|until| until == b"never");
        let end = match (time("lifted")?, never) {
            (Some(lifted), _) => Some(End::Lifted(lifted)),
            (None, true) => Some(End::Until(None)),
            (None, false) => time("until")?.map(|until| End::Until(Some(until))),
        };
        let mut notes = Record::new(target.address);
        for key in NOTES {
            let value = record.get(key);
            let short = value.filter(|v| v.len() <= NOTE && v.iter().all(is_printable));
            short.iter().for_each(|value| notes.push(key, value));
        }
        let since = time("since")?;
        Ok(end.map(|end| Message {
            target,
            since,
            end,
            notes: notes.fields_text().to_vec(),
        }))
    }

    /// Reads the payload of a message of this host, or a line of a page.
    pub fn parse(payload: &[u8], origin: &str) -> Result<Self, Reason> {
        let record = read_line(payload)?;
        if record.get("origin").is_some_and(|o| o != origin.as_bytes()) {
            return Err(Reason::Origin);
        }
        let targets = Target::of_record(&record).ok_or(Reason::Form)?;
        let [target] = targets[..] else {
            return Err(Reason::Form);
        };
        Message::of_record(target, &record)?.ok_or(Reason::Form)
    }

    /// The record: `ADDRESS`, then `port=`, the notes, `since=`, `until=` or `lifted=`.
    pub fn record(&self) -> Record {
        let mut record = Record::with_fields(self.target.address, &self.notes);
        self.target.push_port(&mut record);
        if let Some(since) = self.since {
            record.push("since", since.to_string().as_bytes());
        }
        match self.end {
            End::Until(None) => record.push("until", b"never"),
            End::Until(Some(until)) => record.push("until", until.to_string().as_bytes()),
            End::Lifted(at) => record.push("lifted", at.to_string().as_bytes()),
        }
        record
    }

    /// The payload.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.record().write(&mut bytes);
        bytes
    }
}

/// Reads a record that is one line of printable ASCII.
pub fn read_line(payload: &[u8]) -> Result<Record, Reason> {
    if payload.contains(&b'\n') || payload.contains(&b'\r') {
        return Err(Reason::Newline);
    }
    if !payload.iter().all(|b| is_printable(b) || *b == b'\t') {
        return Err(Reason::Control);
    }
    if payload.len() > LONGEST || payload.first() == Some(&b'{') {
        return Err(Reason::Form);
    }
    Record::parse(payload).ok().flatten().ok_or(Reason::Form)
}

/// In whole seconds, as records have it.
pub fn whole(time: Time) -> Time {
    Time::from_secs(time.secs())
}

fn is_printable(byte: &u8) -> bool {
    (b' '..=b'~').contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "203.0.113.7\tsince=2026-03-30T02:16:17Z\tuntil=2026-03-30T03:16:17Z";

    #[test]
    fn payloads() {
        let long = format!("{GOOD}\tx={}", "a".repeat(LONGEST));
        for (text, expected) in [
            (GOOD, None),
            ("203.0.113.7\tuntil=never\tcount=5\trule=sshd", None),
            ("203.0.113.7\tport=22\tlifted=2026-03-30T02:16:17Z", None),
            ("203.0.113.7\tuntil=never\torigin=web1", None),
            (
                "203.0.113.7\tuntil=never\torigin=web2",
                Some(Reason::Origin),
            ),
            (
                "203.0.113.7\tuntil=never\norigin=web2",
                Some(Reason::Newline),
            ),
            ("203.0.113.7\tuntil=never\r", Some(Reason::Newline)),
            (
                "203.0.113.7\tuntil=never\tcount=\u{1b}[2J",
                Some(Reason::Control),
            ),
            (
                "203.0.113.7\tuntil=never\tcount=\u{202e}",
                Some(Reason::Control),
            ),
            ("203.0.113.7\tuntil=tomorrow", Some(Reason::Form)),
            ("203.0.113.7\tsince=x\tuntil=never", Some(Reason::Form)),
            ("203.0.113.7\tport=22,80\tuntil=never", Some(Reason::Form)),
            ("203.0.113.7", Some(Reason::Form)),
            ("# 203.0.113.7\tuntil=never", Some(Reason::Form)),
            (
                "{\"address\":\"203.0.113.7\",\"until\":\"never\"}",
                Some(Reason::Form),
            ),
            ("", Some(Reason::Form)),
            (&long, Some(Reason::Form)),
        ] {
            assert_eq!(
                Message::parse(text.as_bytes(), "web1").err(),
                expected,
                "{text}"
            );
        }
        assert_eq!(Message::parse(b"\xff", "web1").err(), Some(Reason::Control));
    }

    #[test]
    fn notes() {
        let line = format!("{GOOD}\tcount=5\tline=x\trule=sshd\tuser=y\tpackets=7");
        let message = Message::parse(line.as_bytes(), "web1").expect("good");
        assert_eq!(message.notes, b"\tcount=5\trule=sshd");
        let line = format!("{GOOD}\trule={}", "a".repeat(NOTE + 1));
        let message = Message::parse(line.as_bytes(), "web1").expect("good");
        assert_eq!(message.notes, b"");
    }

    /// Any message comes back as it was, and bytes that are changed never make two lines.
    #[test]
    fn random_messages() {
        let mut random = fastrand::Rng::with_seed(20);
        for _ in 0..20_000 {
            let ip = match random.bool() {
                true => std::net::IpAddr::from(random.u32(..).to_be_bytes()),
                false => std::net::IpAddr::from(random.u128(..).to_be_bytes()),
            };
            let time = |random: &mut fastrand::Rng| Time::from_secs(random.i64(0..4_000_000_000));
            let mut text = Vec::new();
            pipeban::address::Address::from(ip).write(&mut text);
            let target = Target {
                address: pipeban::address::Address::parse(&text).expect("an address"),
                port: if random.bool() { random.u16(..) } else { 0 },
            };
            let message = Message {
                target,
                since: random.bool().then(|| time(&mut random)),
                end: match random.u8(..3) {
                    0 => End::Until(None),
                    1 => End::Until(Some(time(&mut random))),
                    _ => End::Lifted(time(&mut random)),
                },
                notes: b"\tcount=5\trule=a b"[..if random.bool() { 17 } else { 8 }].to_vec(),
            };
            let mut bytes = message.bytes();
            assert!(bytes.len() <= LONGEST);
            assert_eq!(Message::parse(&bytes, "web1"), Ok(message));
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            if let Ok(message) = Message::parse(&bytes, "web1") {
                assert!(
                    message
                        .bytes()
                        .iter()
                        .all(|b| is_printable(b) || *b == b'\t')
                );
            }
        }
    }
}
