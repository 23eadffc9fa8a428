//! The fields of a line by which it is grouped, told apart and forgiven.

use std::borrow::Cow;

use pipeban::address::Address;
use pipeban::record::Record;

use crate::arguments::Arguments;
use crate::line::field;
use crate::usual::{Searched, Usual};
use crate::value::{Text, Value, Values};

/// The field that holds the network of an address; this is what is printed where events are counted
/// by it.
pub const NET: &str = "net";

/// Stands for the address of a record, as if it were a field.
const ADDRESS: &str = "address";

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
    pub by: Option<Text>,
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

    /// The keys that are to be looked for in a line.
    pub fn searched(&self) -> Searched {
        let forgive = self.forgive.as_ref();
        let of_forgive = forgive.map(|(key, _)| [key.as_str(), "user"]);
        let keys = self.by.iter().chain(&self.distinct).map(String::as_str);
        let keys = keys.chain(of_forgive.into_iter().flatten());
        Searched::new(keys.filter(|key| *key != ADDRESS))
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
            if let Some(record) = &record {
                return record.get(key).map(Cow::Owned);
            }
            let text = field(line, key)?;
            if text.contains(&b'\\') {
                return parse(line)?.get(key).map(Cow::Owned);
            }
            Some(text.into())
        };
        self.choose(get, address, values)
    }

    /// The same of a line in which the [`searched`](Self::searched) keys were looked for.
    pub fn of_usual(
        &self,
        searched: &Searched,
        line: &Usual,
        address: &Address,
        values: Values,
    ) -> Option<Fields> {
        let get = |key: &str| searched.get(line, key).map(Cow::Borrowed);
        self.choose(get, address, values)
    }

    #[inline(always)]
    fn choose<'a>(
        &self,
        get: impl Fn(&str) -> Option<Cow<'a, [u8]>>,
        address: &Address,
        values: Values,
    ) -> Option<Fields> {
        let get = |key: &str| match key {
            ADDRESS => Some(address.to_string().into_bytes().into()),
            key => get(key),
        };
        let value = |key: &str| match key {
            ADDRESS => Some(values.address(address)),
            key => get(key).map(|text| values.text(&text)),
        };
        let forgive = self.forgive.as_ref();
        let success = forgive.is_some_and(|(key, wanted)| {
            get(key).is_some_and(|value| *value == *wanted.as_bytes())
        });
        let mut by = None;
        if let Some(key) = self.by.as_deref() {
            let text = get(key)?;
            // The value of `net=` is printed as an address.
            if key == NET {
                Address::parse(&text)?;
            }
            by = Some(values.with_text(&text));
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
