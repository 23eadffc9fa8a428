//! `--key` and `--where`: lines that are JSON objects.

use std::fmt;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban_log::finder::Found;
use pipeban_log::json::{Condition, Path, Paths, Refused, Value, Values};
use pipeban_log::line::Line;

use crate::arguments::Arguments;

/// Reads lines that are JSON objects.
pub(crate) struct Objects {
    paths: Paths,
    key: Option<usize>,
    conditions: Vec<Condition>,
    /// The paths of fields, by their number among those that are asked for.
    fields: Vec<(usize, usize)>,
    /// The facts about the object that was read last.
    object: Object,
    room: Vec<u8>,
}

/// The facts about an object that counts.
#[derive(Default)]
pub(crate) struct Object {
    /// The addresses at the key; `None` without the option.
    pub(crate) addresses: Option<Vec<Found>>,
    /// Texts of fields, by their number among those that are asked for.
    pub(crate) fields: Vec<(usize, Vec<u8>)>,
}

/// The reason why a line does not count.
#[derive(Debug)]
pub(crate) enum Passed {
    Blank,
    Refused(Refused),
    /// The condition of this number does not hold.
    Condition(usize),
    /// The object has no such key.
    NoKey,
    /// The value at the key is empty, `-` or null.
    Empty,
    /// The value at the key is this text.
    NotAnAddress(String),
}

impl Passed {
    /// Whether the line is faulty, and is told.
    fn is_fault(&self) -> bool {
        matches!(self, Passed::Refused(_) | Passed::NotAnAddress(_))
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Passed::Blank => f.write_str("a blank line"),
            Passed::Refused(refused) => refused.fmt(f),
            Passed::Condition(_) => f.write_str("a --where does not hold"),
            Passed::NoKey => f.write_str("no such key"),
            Passed::Empty => f.write_str("no address at the key"),
            Passed::NotAnAddress(text) => write!(f, "not an address: \"{text}\""),
        }
    }
}

impl Objects {
    /// `None` without either option.
    pub(crate) fn new(arguments: &Arguments) -> Result<Option<Self>, Fault> {
        if arguments.key.is_none() && arguments.conditions.is_empty() {
            return Ok(None);
        }
        let mut paths = Paths::default();
        let key = arguments.key.as_deref().map(Path::parse).transpose();
        let key = key.map_err(|e| Fault::new("--key", e))?;
        let key = key.map(|path| paths.add(&path));
        let conditions = arguments.conditions.iter();
        let conditions = conditions.map(|text| Condition::parse(text, &mut paths));
        let conditions = conditions.collect::<Result<_, _>>();
        let object = Object {
            addresses: key.map(|_| Vec::new()),
            ..Object::default()
        };
        Ok(Some(Objects {
            key,
            conditions: conditions.map_err(|e| Fault::new("--where", e))?,
            fields: Vec::new(),
            paths,
            object,
            room: Vec::new(),
        }))
    }

    /// Asks for the text at a path, as the field of this number.
    pub(crate) fn want(&mut self, number: usize, path: &str) -> Result<(), String> {
        let path = self.paths.add(&Path::parse(path)?);
        self.fields.push((number, path));
        Ok(())
    }

    /// Whether the address stands at a key.
    pub(crate) fn names_address(&self) -> bool {
        self.key.is_some()
    }

    /// The object that a line is, if it counts. A line that is none is told, with its file and its
    /// number there.
    pub(crate) fn read(
        &mut self,
        raw: &[u8],
        line: &Line,
        file: &str,
        number: Option<u64>,
    ) -> Option<&Object> {
        match self.judge(raw, line) {
            Ok(object) => Some(object),
            Err(passed) => {
                if passed.is_fault() {
                    complain::bad_line_of(file, number, passed);
                }
                None
            }
        }
    }

    /// The object that a line is, if it counts, or the reason why it does not.
    pub(crate) fn judge(&mut self, raw: &[u8], line: &Line) -> Result<&Object, Passed> {
        let outer = line.object.map(|at| &raw[at..]);
        let is_object = line.text.trim_ascii_start().starts_with(b"{");
        // A remote party chooses where the rest of a cut line begins, and a text of logfmt.
        let to_end = line
            .place
            .is_some_and(|at| at + line.text.len() == raw.len());
        let is_own = (to_end || outer.is_some()) && !line.continues;
        let inner = (is_object && is_own).then_some(line.text);
        if outer.is_none() && inner.is_none() {
            return Err(match line.text.trim_ascii().is_empty() {
                true => Passed::Blank,
                false => Passed::Refused(Refused::NotOneObject),
            });
        }
        let values = self.paths.read(outer, inner).map_err(Passed::Refused)?;
        let room = &mut self.room;
        let failed = self.conditions.iter().position(|c| !c.holds(&values, room));
        if let Some(number) = failed {
            return Err(Passed::Condition(number));
        }
        if let (Some(key), Some(all)) = (self.key, &mut self.object.addresses) {
            all.clear();
            let quad = |range| Found::quad(line.text, range);
            match values.string(key).and_then(quad) {
                Some(found) => all.push(found),
                None => read_addresses(values.get(key).ok_or(Passed::NoKey)?, room, all)?,
            }
        }
        let field = |(number, path): &(usize, usize)| Some((*number, text_at(&values, *path)?));
        self.object.fields.clear();
        self.object
            .fields
            .extend(self.fields.iter().filter_map(field));
        Ok(&self.object)
    }
}

/// The text of a value, unescaped; an array or an object as it is written.
fn text_at(values: &Values, path: usize) -> Option<Vec<u8>> {
    match values.get(path)? {
        Value::Plain(b"null") => None,
        Value::Array(raw) | Value::Object(raw) => Some(raw.to_vec()),
        value => value.text(&mut Vec::new()).map(<[u8]>::to_vec),
    }
}

/// Adds the addresses that a value is: one, several with commas, or an array of such texts. All of
/// them must be addresses.
fn read_addresses(value: Value, room: &mut Vec<u8>, all: &mut Vec<Found>) -> Result<(), Passed> {
    let mut wrong = None;
    // Its place is not known: it may be unescaped.
    let found = |address| Found::new(address, 0..0);
    value.any(|value| {
        let text = value.text(room).unwrap_or(b"an array or an object");
        // Most are one, as it stands.
        if let Some(address) = Address::parse(text) {
            all.push(found(address));
            return false;
        }
        if matches!(text, b"" | b"-" | b"null") {
            return false;
        }
        for one in text.split(|b| *b == b',') {
            match Address::parse(without_port(one.trim_ascii())) {
                Some(address) => all.push(found(address)),
                None => {
                    let text = String::from_utf8_lossy(&text[..text.len().min(100)]);
                    wrong = Some(text.into_owned());
                }
            }
        }
        wrong.is_some()
    });
    match wrong {
        Some(text) => Err(Passed::NotAnAddress(text)),
        None if all.is_empty() => Err(Passed::Empty),
        None => Ok(()),
    }
}

/// An address without a port or a zone: `192.0.2.1:80`, `[2001:db8::1]:80`, `fe80::1%eth0`.
fn without_port(text: &[u8]) -> &[u8] {
    let is_port =
        |port: &[u8]| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let without_zone = |ip: &'_ [u8]| memchr::memchr(b'%', ip).unwrap_or(ip.len());
    if let Some(rest) = text.strip_prefix(b"[")
        && let Some(end) = memchr::memchr(b']', rest)
    {
        let ip = &rest[..end];
        return match &rest[end + 1..] {
            b"" => &ip[..without_zone(ip)],
            [b':', port @ ..] if is_port(port) => &ip[..without_zone(ip)],
            _ => text,
        };
    }
    match memchr::memchr(b':', text) {
        Some(at) if is_port(&text[at + 1..]) && text[..at].contains(&b'.') => &text[..at],
        Some(_) => &text[..without_zone(text)],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("192.0.2.1:", "192.0.2.1:"),
            ("192.0.2.1:123456", "192.0.2.1:123456"),
            ("192.0.2.1:x", "192.0.2.1:x"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]80", "[2001:db8::1]80"),
            ("[fe80::1%eth0]:80", "fe80::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("2001:db8::1:80", "2001:db8::1:80"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("", ""),
        ] {
            assert_eq!(without_port(text.as_bytes()), expected.as_bytes(), "{text}");
        }
    }
}
