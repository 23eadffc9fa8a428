//! One line of a list, read as the networks that it means.

use serde_json::{Map, Value};

use super::forms;
use crate::address::Address;
use crate::record::Record;

pub use super::forms::Form;

/// The meaning of a line.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// None: it is blank, a comment, or a line of the format that names no network.
    Blank,
    /// One address or network, with its fields.
    Record(Record),
    /// Several networks, or a network in another form, or a doubt.
    Form(Form),
}

/// UTF-8's byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The lines of published formats that name no network: Tor's list of exits, DShield's header.
const WITHOUT_NETWORK: [&[u8]; 4] = [
    b"ExitNode ",
    b"Published ",
    b"LastStatus ",
    b"Start\tEnd\tNetmask",
];

/// Reads a line. The error is the text that is no address.
///
/// An address or network comes first, and is a [`Record`] if its fields or prose follow. These
/// forms are read too, where the whole line has them:
///
/// - `a-b` and `a - b`, a range; `net mask` without host bits;
/// - DShield's columns; `[v6]`; `ExitAddress a …`, as Tor lists its exits;
/// - a JSON object with `address` (a record) or `cidr` (Spamhaus);
/// - CSV with the address first, also in quotes; `1.2.3.4#comment`; a byte order mark.
///
/// `net /len`, and a line with several addresses, mean more to protect than to ban: see [`Form`].
pub fn parse(line: &[u8]) -> Result<Line, &[u8]> {
    let line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii_start();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.first() {
        None | Some(b'#' | b';') => return Ok(Line::Blank),
        Some(b'{') => return json(line).ok_or(line),
        Some(b'E' | b'P' | b'L' | b'S') => {
            if WITHOUT_NETWORK.iter().any(|start| line.starts_with(start)) {
                return Ok(Line::Blank);
            }
        }
        Some(_) => {}
    }
    // Tor's time behind the address is prose.
    let line = line.strip_prefix(b"ExitAddress ").unwrap_or(line);
    let (token, rest) = first_token(line);
    let Some(address) = Address::parse(token) else {
        return dashed(token, line).map(Line::Form).ok_or(token);
    };
    if rest.is_empty() {
        return Ok(Line::Record(Record::new(address)));
    }
    if let Some(form) = forms::columns(address, rest) {
        return Ok(Line::Form(form));
    }
    let record = Record::with_rest(address, rest);
    // A remote party may have written the fields of a record: they are no form.
    if !record.fields_text().is_empty() {
        return Ok(Line::Record(record));
    }
    Ok(match forms::read(address, rest) {
        Some(form) => Line::Form(form),
        None => Line::Record(record),
    })
}

/// The networks that a text means that is an address, a network, `[v6]` or `a-b`, and nothing else.
pub fn networks(text: &[u8]) -> Option<Vec<Address>> {
    let is_one_word = !text.iter().any(|b| b" \t;,#\"{\r".contains(b));
    match parse(text).ok().filter(|_| is_one_word)? {
        Line::Record(record) => Some(vec![record.address]),
        Line::Form(form) => form.protected.filter(|_| form.doubt.is_none()),
        Line::Blank => None,
    }
}

/// The first word of a line, without quotes or brackets, and the text behind it.
fn first_token(line: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |b: &u8| b" \t;,#".contains(b);
    let closing = match line.first() {
        Some(b'"') => Some(b'"'),
        Some(b'[') => Some(b']'),
        _ => None,
    };
    if let Some(closing) = closing {
        let end = line.iter().skip(1).position(|b| *b == closing);
        if let Some(end) = end {
            let (token, rest) = (&line[1..=end], &line[end + 2..]);
            let right = rest.first().is_none_or(is_end);
            if right && (closing == b'"' || token.contains(&b':') && !token.contains(&b'/')) {
                return (token, rest);
            }
        }
    }
    line.split_at(line.iter().position(is_end).unwrap_or(line.len()))
}

/// `a-b`.
fn dashed(token: &[u8], line: &[u8]) -> Option<Form> {
    let dash = token.iter().position(|b| *b == b'-')?;
    let first = Address::parse(&token[..dash]).filter(Address::is_host)?;
    // In quotes the token is the whole of it.
    let text = match line.first() {
        Some(b'"') => &token[dash + 1..],
        _ => &line[dash + 1..],
    };
    forms::range(first, text, false).filter(|form| form.doubt.is_none())
}

fn json(line: &[u8]) -> Option<Line> {
    let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let key = ["address", "cidr"]
        .into_iter()
        .find(|key| object.contains_key(*key));
    match key {
        Some(key) => Record::from_object(&object, key).map(Line::Record),
        // Spamhaus's last line.
        None if object.get("type")? == "metadata" => Some(Line::Blank),
        None => None,
    }
}
