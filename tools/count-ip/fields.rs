//! The fields of a line by which it is grouped, told apart and forgiven.

use std::borrow::Cow;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::record::Record;

use crate::arguments::Arguments;
use crate::line::field;
use crate::value::{LONGEST, Value, Values};

/// The field that holds the network of an address; this is what is printed where events are counted
/// by it.
pub const NET: &str = "net";

/// The keys of the fields that a rule reads.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Events are counted by this field, not by address.
    pub by: Option<String>,
    /// Distinct values of this field are counted, not events.
    pub distinct: Option<String>,
    /// An event with this field and value is a success.
    pub forgive: Option<(String, String)>,
}

/// The fields of one line.
#[derive(Clone, Debug)]
pub struct Fields {
    /// The value by which the event is counted, where that is not its address.
    pub by: Option<Vec<u8>>,
    /// The value that is to be distinct, or [`Value::NONE`] where the rule asks for none.
    pub distinct: Value,
    /// The user where successes forgive, or [`Value::NONE`].
    pub user: Value,
    /// Whether the event is a success that forgives failures.
    pub success: bool,
}

impl Keys {
    /// The keys that the command line names; `None` if it names none.
    pub fn new(arguments: &Arguments) -> Option<Self> {
        let keys = Keys {
            by: arguments.by.clone(),
            distinct: arguments.distinct.clone(),
            forgive: arguments.forgive.clone(),
        };
        let any = keys.by.is_some() || keys.distinct.is_some() || keys.forgive.is_some();
        any.then_some(keys)
    }

    /// The fields without which an event cannot be counted, for a message.
    pub fn needed(&self) -> String {
        let keys = self.by.iter().chain(&self.distinct);
        let keys: Vec<_> = keys.map(|key| format!("{key}=")).collect();
        keys.join(" or ")
    }

    /// Reads the value that is to be distinct of a line as [`read`](Self::read) does, where nothing
    /// else is asked for, and not the address.
    #[inline]
    pub fn read_distinct(&self, line: &[u8], address: &Address, values: Values) -> Option<Value> {
        let key = self.distinct.as_deref()?;
        let is_plain = line.first().is_some_and(u8::is_ascii_hexdigit);
        match field(line, key).filter(|_| is_plain) {
            Some(text) if memchr(b'\\', text).is_none() => Some(values.text(text)),
            _ => self
                .read(line, address, values)
                .map(|fields| fields.distinct),
        }
    }

    /// Reads the fields of a line, which is empty for a bare address; `None` if it lacks one
    /// without which it cannot be counted.
    pub fn read(&self, line: &[u8], address: &Address, values: Values) -> Option<Fields> {
        // A JSON object, or a line in a form that the fast search does not read.
        let record = line
            .trim_ascii_start()
            .starts_with(b"{")
            .then(|| parse(line));
        let record = record.flatten();
        let get = |key: &str| -> Option<Cow<[u8]>> {
            if key == "address" {
                let mut text = Vec::with_capacity(43);
                address.write(&mut text);
                return Some(text.into());
            }
            if let Some(record) = &record {
                return record.get(key).map(Cow::Owned);
            }
            let text = field(line, key)?;
            if text.contains(&b'\\') {
                return parse(line)?.get(key).map(Cow::Owned);
            }
            Some(text.into())
        };
        let value = |key: &str| get(key).map(|text| values.text(&text));
        let forgive = self.forgive.as_ref();
        let success = forgive.is_some_and(|(key, wanted)| {
            get(key).is_some_and(|value| *value == *wanted.as_bytes())
        });
        let mut by = None;
        if let Some(key) = self.by.as_deref() {
            let mut text = get(key)?.into_owned();
            text.truncate(LONGEST);
            // The value of `net=` is printed as an address.
            if key == NET {
                Address::parse(&text)?;
            }
            by = Some(text);
        }
        let distinct = match self.distinct.as_deref() {
            // A success is not counted, so it needs no value that is distinct.
            Some(key) => value(key).or(success.then_some(Value::NONE))?,
            None => Value::NONE,
        };
        Some(Fields {
            by,
            distinct,
            user: forgive.and_then(|_| value("user")).unwrap_or(Value::NONE),
            success,
        })
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    Record::parse(line).ok().flatten()
}
