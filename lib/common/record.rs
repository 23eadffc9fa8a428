//! The record: a line that begins with an address, then TAB-separated `key=value` fields.

use memchr::memchr;
use serde_json::{Map, Value};

use crate::address::Address;

/// An address with its fields. Fields keep their order, and pass through unchanged where nothing
/// sets them.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The address or network.
    pub address: Address,
    /// All fields as they stand in the line, each with the TAB before it.
    text: Vec<u8>,
}

impl Record {
    /// A record without fields.
    pub fn new(address: Address) -> Self {
        Record {
            address,
            text: Vec::new(),
        }
    }

    /// Begins another record, without fields, in the memory of this one.
    pub fn begin(&mut self, address: Address) {
        self.address = address;
        self.text.clear();
    }

    /// A record with fields as [`fields_text`](Self::fields_text) gives them.
    pub fn with_fields(address: Address, text: &[u8]) -> Self {
        let text = text.to_vec();
        Record { address, text }
    }

    /// Makes room for fields of this length in all.
    pub fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// All fields as they stand in the line, each with the TAB before it.
    pub fn fields_text(&self) -> &[u8] {
        &self.text
    }

    /// Reads a line. `Ok(None)` is a blank line or a comment; the error is the text that is no
    /// address.
    pub fn parse(line: &[u8]) -> Result<Option<Self>, &[u8]> {
        let line = line.trim_ascii_start();
        // A carriage return inside a value is written `\r`; a raw one here ends the line.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.first() {
            None | Some(b'#' | b';') => return Ok(None),
            Some(b'{') => return parse_json(line).map(Some).ok_or(line),
            Some(_) => {}
        }
        let end = line
            .iter()
            .position(|b| b" \t;,".contains(b))
            .unwrap_or(line.len());
        let (token, rest) = line.split_at(end);
        let address = Address::parse(token).ok_or(token)?;
        Ok(Some(Record::with_rest(address, rest)))
    }

    /// A record with the fields of `rest`, the text behind the address in its line. Prose, such as
    /// the text before the first TAB, is left out.
    pub fn with_rest(address: Address, rest: &[u8]) -> Self {
        let mut record = Record::new(address);
        for (_, field) in fields(rest) {
            record.text.push(b'\t');
            record.text.extend_from_slice(field);
        }
        record
    }

    /// A record from a JSON object that has its address at `key`; the other keys are its fields.
    /// `None` where there is no address.
    pub fn from_object(object: &Map<String, Value>, key: &str) -> Option<Self> {
        let address = object.get(key)?.as_str()?;
        let mut record = Record::new(Address::parse(address.as_bytes())?);
        for (name, value) in object {
            if name == key || !is_key(name.as_bytes()) {
                continue;
            }
            let values = match value {
                Value::Array(values) => values.as_slice(),
                value => std::slice::from_ref(value),
            };
            for value in values {
                match value {
                    Value::String(text) => record.push(name, text.as_bytes()),
                    other => record.push(name, other.to_string().as_bytes()),
                }
            }
        }
        Some(record)
    }

    /// Keys and values in their order, the values escaped.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        parts(&self.text).filter_map(key_and_value)
    }

    /// The value of the first field of this name.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.all(key).next()
    }

    /// The values of all fields of this name: `line` may stand several times.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
        self.fields()
            .filter(move |(k, _)| *k == key.as_bytes())
            .map(|(_, v)| unescape(v))
    }

    /// Adds a field at the end.
    pub fn push(&mut self, key: &str, value: &[u8]) {
        // As a rule no byte of the value is escaped.
        self.text.reserve(key.len() + value.len() + 2);
        self.text.push(b'\t');
        self.text.extend_from_slice(key.as_bytes());
        self.text.push(b'=');
        escape(value, &mut self.text);
    }

    /// Adds fields at the end, as [`fields_text`](Self::fields_text) gives them.
    pub fn push_text(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Adds all fields of another record at the end.
    pub fn append(&mut self, other: &Record) {
        self.text.extend_from_slice(&other.text);
    }

    /// Replaces all fields of this name by one at the end.
    pub fn set(&mut self, key: &str, value: &[u8]) {
        self.remove(key);
        self.push(key, value);
    }

    /// Takes out all fields of this name.
    pub fn remove(&mut self, key: &str) {
        if self.fields().any(|(k, _)| k == key.as_bytes()) {
            let kept = self.fields().filter(|(k, _)| *k != key.as_bytes());
            self.text = kept
                .flat_map(|(k, v)| [b"\t", k, b"=", v].concat())
                .collect();
        }
    }

    /// Appends the line, without a newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.address.write(out);
        out.extend_from_slice(&self.text);
    }

    /// Appends the record as one JSON object: `count` and `hosts` are numbers, `line` is an array.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let text = |v: &[u8]| Value::from(String::from_utf8_lossy(&unescape(v)).into_owned());
        let mut object = Map::new();
        object.insert("address".into(), self.address.to_string().into());
        for (key, value) in self.fields() {
            let key = String::from_utf8_lossy(key).into_owned();
            let number = std::str::from_utf8(value)
                .ok()
                .and_then(|v| v.parse::<u64>().ok());
            match (key.as_str(), number) {
                ("line", _) => match object.entry(key).or_insert_with(|| Value::Array(vec![])) {
                    Value::Array(lines) => lines.push(text(value)),
                    _ => unreachable!("`line` is only ever an array"),
                },
                ("count" | "distinct" | "hosts" | "packets" | "bytes", Some(n)) => {
                    _ = object.insert(key, n.into())
                }
                _ => _ = object.insert(key, text(value)),
            }
        }
        serde_json::to_writer(out, &object).expect("a Vec takes every write");
    }
}

/// The fields in the text behind an address: of each its key, and the whole of it as it stands
/// there, without the TAB. Prose is left out.
pub fn fields(rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    parts(rest).filter_map(|field| {
        let end = field.iter().position(|b| !KEY[usize::from(*b)])?;
        (end > 0 && field[end] == b'=').then_some((&field[..end], field))
    })
}

/// The parts behind each TAB; the text before the first one is none.
fn parts(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = memchr(b'\t', rest).map(|tab| &rest[tab + 1..]);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr(b'\t', text);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

fn key_and_value(field: &[u8]) -> Option<(&[u8], &[u8])> {
    memchr(b'=', field).map(|i| (&field[..i], &field[i + 1..]))
}

/// Whether a field can have this key: letters, digits, `_`, `-` and `.`.
pub fn is_key(key: &[u8]) -> bool {
    !key.is_empty() && key.iter().all(|b| KEY[usize::from(*b)])
}

/// Whether a byte can be in a key.
static KEY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let own = byte as u8;
        table[byte] = own.is_ascii_alphanumeric() || matches!(own, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

fn parse_json(line: &[u8]) -> Option<Record> {
    let object = serde_json::from_slice(line).ok()?;
    Record::from_object(&object, "address")
}

/// Appends `value` with backslash, TAB, newline and carriage return as `\\`, `\t`, `\n`, `\r`.
pub fn escape(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    let special = |b: &u8| matches!(b, b'\\' | b'\t' | b'\n' | b'\r');
    // All bytes are looked at together, as a rule in vain.
    let any = value.iter().fold(false, |any, b| any | special(b));
    while any && let Some(i) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..i]);
        out.extend_from_slice(match rest[i] {
            b'\\' => b"\\\\",
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            _ => b"\\r",
        });
        rest = &rest[i + 1..];
    }
    out.extend_from_slice(rest);
}

/// The reverse of [`escape`]; a backslash before any other byte stands for itself.
fn unescape(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(i) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..i]);
        let plain = match rest.get(i + 1) {
            Some(b'\\') => b'\\',
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            _ => {
                out.push(b'\\');
                rest = &rest[i + 1..];
                continue;
            }
        };
        out.push(plain);
        rest = &rest[i + 2..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(line: &[u8]) -> String {
        let mut out = Vec::new();
        match Record::parse(line) {
            Ok(Some(record)) => record.write(&mut out),
            Ok(None) => out.extend(b"(none)"),
            Err(text) => out.extend([b"not: ", text].concat()),
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7\r", "203.0.113.7"),
            ("  203.0.113.7 ", "203.0.113.7"),
            ("203.0.113.0/24 ; SBL1", "203.0.113.0/24"),
            ("203.0.113.7,US,8", "203.0.113.7"),
            ("203.0.113.7 count=3", "203.0.113.7"),
            (
                "203.0.113.7\tcount=3\tmine=a b=c",
                "203.0.113.7\tcount=3\tmine=a b=c",
            ),
            (
                "203.0.113.7 seen\tcount=3\tprose\t=x",
                "203.0.113.7\tcount=3",
            ),
            (
                "::ffff:203.0.113.7\tline=a\\tb\\q",
                "203.0.113.7\tline=a\\tb\\q",
            ),
            ("", "(none)"),
            ("# 203.0.113.7", "(none)"),
            ("; Spamhaus DROP", "(none)"),
            ("foo", "not: foo"),
            ("203.0.113.7:22", "not: 203.0.113.7:22"),
            (
                r#"{"address":"2001:DB8::1","count":3,"line":["a\tb","c"],"x":null}"#,
                "2001:db8::1\tcount=3\tline=a\\tb\tline=c\tx=null",
            ),
            (r#"{"count":3}"#, r#"not: {"count":3}"#),
            ("{", "not: {"),
        ] {
            assert_eq!(through(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn values_come_back() {
        let mut record = Record::new(Address::parse(b"203.0.113.7").expect("an address"));
        let value = b"a\tb\\c\nd\re\\\\n\xff\0";
        record.push("line", value);
        let mut line = Vec::new();
        record.write(&mut line);
        assert_eq!(line.iter().filter(|b| b"\t\n\r".contains(b)).count(), 1);
        let read = Record::parse(&line)
            .expect("what was written")
            .expect("a record");
        assert_eq!(read.get("line").as_deref(), Some(&value[..]));
    }

    #[test]
    fn fields_keep_their_place() {
        let line = b"203.0.113.7\tline=a\tcount=1\tline=b\tz=1";
        let mut record = Record::parse(line).expect("good").expect("a record");
        record.set("count", b"2");
        record.set("until", b"never");
        record.remove("line");
        let mut out = Vec::new();
        record.write(&mut out);
        assert_eq!(out, b"203.0.113.7\tz=1\tcount=2\tuntil=never");
        out.clear();
        record.push("line", b"\xffx");
        record.write_json(&mut out);
        let json = r#"{"address":"203.0.113.7","count":2,"line":["#.to_owned()
            + "\"\u{fffd}x\""
            + r#"],"until":"never","z":"1"}"#;
        assert_eq!(String::from_utf8_lossy(&out), json);
    }
}
