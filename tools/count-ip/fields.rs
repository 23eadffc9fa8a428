//! The fields of a line by which it is grouped, told apart and forgiven.

use std::borrow::Cow;

use pipeban::address::Address;
use pipeban::record::Record;

use crate::arguments::Arguments;
use crate::line::field;
use crate::value::LONGEST;

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
    /// The value that is to be distinct, where the rule asks for one.
    pub distinct: Option<Vec<u8>>,
    pub user: Option<Vec<u8>>,
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

    /// Reads the fields of a line, which is empty for a bare address; `None` if it lacks one
    /// without which it cannot be counted.
    pub fn read(&self, line: &[u8], address: &Address) -> Option<Fields> {
        // A JSON object, or a line in a form that the fast search does not read.
        let record = line
            .trim_ascii_start()
            .starts_with(b"{")
            .then(|| parse(line));
        let record = record.flatten();
        let get = |key: &str| -> Option<Cow<[u8]>> {
            if key == "address" {
                return Some(address.to_string().into_bytes().into());
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
        let value = |key: &str| {
            let mut value = get(key)?.into_owned();
            value.truncate(LONGEST);
            Some(value)
        };
        let forgive = self.forgive.as_ref();
        let success = forgive.is_some_and(|(key, wanted)| {
            get(key).is_some_and(|value| *value == *wanted.as_bytes())
        });
        let by = self.by.as_deref().map(value);
        let distinct = self.distinct.as_deref().map(value);
        // A success is not counted, so it needs no value that is distinct.
        if by == Some(None) || (distinct == Some(None) && !success) {
            return None;
        }
        // The value of `net=` is printed as an address.
        if let (Some(NET), Some(Some(net))) = (self.by.as_deref(), &by) {
            Address::parse(net)?;
        }
        Some(Fields {
            by: by.flatten(),
            distinct: distinct.flatten(),
            user: forgive.and_then(|_| value("user")),
            success,
        })
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    Record::parse(line).ok().flatten()
}
