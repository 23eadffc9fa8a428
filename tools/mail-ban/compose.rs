//! Writes the mail. Text from outside goes through [`printable`], and stands behind a mark in its
//! line.

use std::collections::HashMap;

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::{Address as MailAddress, Message};
use nix::unistd::{User, geteuid, gethostname};
use pipeban::address::Address;
use pipeban::record::Record;

use crate::outbox::KEYS;
use crate::printable::printable;

/// A mail shows the evidence and the whois answers of this number of bans.
const TOP: usize = 5;

/// The bans whose evidence a mail shows: those with the most events; of equal ones, the first.
pub fn top(records: &[Record]) -> Vec<&Record> {
    let mut top: Vec<&Record> = records.iter().collect();
    top.sort_by_key(|record| std::cmp::Reverse(number(record, "count")));
    top.truncate(TOP);
    top
}

/// The contents of a mail.
pub struct Contents<'a> {
    /// At least one.
    pub records: &'a [Record],
    /// The number of bans that the outbox had no room to keep.
    pub left_out: u64,
    /// The number of bans that wait for the next mail.
    pub waiting: u64,
    /// The answer of whois for each address that has one.
    pub whois: &'a HashMap<Address, Vec<u8>>,
    /// This host's name.
    pub host: &'a str,
}

/// The mail, ready to be sent; the error is a phrase.
pub fn compose(
    to: &str,
    from: Option<&MailAddress>,
    contents: &Contents,
) -> Result<Message, String> {
    let host = contents.host;
    let at_host = |user: &str| {
        MailAddress::new(user, host)
            .or_else(|_| MailAddress::new(user, "localhost"))
            .map_err(|e| format!("{user}@{host}: {e}"))
    };
    let from = match from {
        Some(from) => from.clone(),
        None => {
            let user = User::from_uid(geteuid()).ok().flatten();
            at_host(&user.map_or("root".into(), |user| user.name))?
        }
    };
    let recipient = to.parse().or_else(|_| at_host(to))?;
    let envelope = Envelope::new(Some(from.clone()), vec![recipient]);
    // In the header a bare name stays bare: sendmail's aliases are for such.
    let raw = |name: &'static str, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.into())
    };
    Message::builder()
        .from(Mailbox::new(Some("pipeban".into()), from))
        .raw_header(raw("To", to))
        .subject(subject(contents))
        .message_id(None)
        // RFC 3834: no holiday reply, please.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .header(ContentType::TEXT_PLAIN)
        .envelope(envelope.map_err(|e| e.to_string())?)
        .body(encode(body(contents)))
        .map_err(|e| e.to_string())
}

/// Plain ASCII stays as it is, for mailers that decode nothing; other text is quoted-printable.
fn encode(text: String) -> Body {
    // RFC 5322, 2.1.1: no line is longer than 998 characters.
    if text.is_ascii() && text.lines().all(|line| line.len() < 998) {
        let text = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit);
    }
    Body::new(text)
}

fn subject(contents: &Contents) -> String {
    let host = contents.host;
    match contents.records {
        [one] => match number(one, "count") {
            0 => format!("{} banned on {host}", one.address),
            count => format!("{} banned on {host} after {count} events", one.address),
        },
        many => format!("{} bans on {host}", many.len()),
    }
}

fn body(contents: &Contents) -> String {
    let records = contents.records;
    let mut text = String::new();
    if let [one] = records {
        text += &format!("{} was banned on {}.\n", one.address, contents.host);
        details(one, contents, &mut text);
    } else {
        text += &format!("{} bans on {}:\n\n", records.len(), contents.host);
        let width = records.iter().map(|r| r.address.to_string().len()).max();
        let width = width.unwrap_or(0).max("address".len());
        text += &format!(
            "{:<width$}  {:>5}  {:<25}  rule\n",
            "address", "count", "until"
        );
        for record in records {
            let row = format!(
                "{:<width$}  {:>5}  {:<25}  {}",
                record.address.to_string(),
                field(record, "count"),
                field(record, "until"),
                field(record, "rule")
            );
            text += row.trim_end();
            text.push('\n');
        }
        let top = top(records);
        if top.len() < records.len() {
            text += &format!("\nThe {} with the most events:\n", top.len());
        }
        for record in top {
            text += &format!("\n{}\n", record.address);
            details(record, contents, &mut text);
        }
    }
    if contents.left_out > 0 {
        text += &format!(
            "\n{} more bans could not be kept for a mail; ban-ip --list has them.\n",
            contents.left_out
        );
    }
    if contents.waiting > 0 {
        text += &format!(
            "\n{} more bans follow in the next mail.\n",
            contents.waiting
        );
    }
    text += &format!("\nTo let one go: unban-at now {}\n", records[0].address);
    text
}

fn details(record: &Record, contents: &Contents, text: &mut String) {
    text.push('\n');
    for key in KEYS {
        let value = field(record, key);
        if !value.is_empty() {
            *text += &format!("  {key:<8} {value}\n");
        }
    }
    let lines: Vec<_> = record.all("line").collect();
    if !lines.is_empty() {
        *text += "\n  evidence:\n";
        lines.iter().for_each(|line| quote(line, text));
    }
    if let Some(answer) = contents.whois.get(&record.address) {
        *text += "\n  whois:\n";
        answer
            .split(|b| *b == b'\n')
            .for_each(|line| quote(line, text));
    }
}

/// Adds a line of a stranger's text behind a mark: at the beginning of a line some mailers obey
/// `~`, `.` or `From `.
fn quote(line: &[u8], text: &mut String) {
    *text += &format!("  | {}\n", printable(line));
}

fn field(record: &Record, key: &str) -> String {
    printable(&record.get(key).unwrap_or_default())
}

fn number(record: &Record, key: &str) -> u64 {
    field(record, key).parse().unwrap_or(0)
}

/// This host's name, if it can stand in a mail address.
pub fn host() -> String {
    let name = gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| MailAddress::new("root", name).is_ok())
        .unwrap_or_else(|| "localhost".into())
}
