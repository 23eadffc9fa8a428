//! A value, as it is written, and the reasons to refuse a line.

use std::fmt;

use super::text::unescape;

/// Objects and arrays inside one another more deeply than this are refused.
pub(super) const DEEPEST: u32 = 64;

/// A reason to refuse a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not one whole object.
    NotOneObject,
    /// This key on a path stands twice in its object.
    Twice(Vec<u8>),
    /// Objects and arrays stand inside one another more than 64 deep.
    TooDeep,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Refused::NotOneObject => f.write_str("not one whole JSON object"),
            Refused::Twice(key) => {
                let key = String::from_utf8_lossy(key);
                write!(f, "the key \"{key}\" stands twice in its object")
            }
            Refused::TooDeep => write!(f, "objects more than {DEEPEST} deep"),
        }
    }
}

/// The same, while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    NotOneObject,
    /// With the number of the key's node.
    Twice(u32),
    TooDeep,
}

/// A value, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The bytes between the quotes of a string, and whether a backslash is among them.
    Text(&'a [u8], bool),
    /// A number, `true`, `false` or `null`.
    Plain(&'a [u8]),
    /// An array, with its brackets.
    Array(&'a [u8]),
    /// An object, with its braces.
    Object(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The text of a string, unescaped into `room` where that is needed, or the number or word as
    /// it is written; `None` of an array or an object.
    pub fn text<'r>(self, room: &'r mut Vec<u8>) -> Option<&'r [u8]>
    where
        'a: 'r,
    {
        match self {
            Value::Text(raw, false) | Value::Plain(raw) => Some(raw),
            Value::Text(raw, true) => {
                room.clear();
                unescape(raw, room);
                Some(room)
            }
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    Escaped,
    Plain,
    Array,
    Object,
}

impl Place {
    pub(super) fn of<'a>(&self, text: &'a [u8]) -> Value<'a> {
        let text = &text[self.start..self.end];
        match self.kind {
            Kind::Text => Value::Text(text, false),
            Kind::Escaped => Value::Text(text, true),
            Kind::Plain => Value::Plain(text),
            Kind::Array => Value::Array(text),
            Kind::Object => Value::Object(text),
        }
    }
}
