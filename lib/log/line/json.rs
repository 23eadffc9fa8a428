//! Objects of JSON in lines, walked from the left; nothing is kept of them.

use std::ops::Range;

use memchr::memchr2;

/// A value, by where it stands in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The bytes between the quotes, and whether a backslash is among them.
    Text(Range<usize>, bool),
    /// A number, `true`, `false`, `null`, an array or an object, as it is written.
    Other(Range<usize>),
}

/// The members of the object that a text begins with.
///
/// A key or a value ends where JSON (RFC 8259) says, so no bytes inside a string are ever taken for
/// a key. The walk ends where the text is no object any more; [`is_whole`](Self::is_whole) tells
/// whether it came to the end of the text.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    text: &'a [u8],
    at: usize,
    first: bool,
    whole: bool,
}

/// Arrays and objects inside one another more deeply than this are not walked through.
const DEEPEST: u32 = 64;

impl<'a> Members<'a> {
    /// `None` if the text does not begin with a brace.
    pub(super) fn new(text: &'a [u8], at: usize) -> Option<Self> {
        (text.get(at) == Some(&b'{')).then_some(Members {
            text,
            at: at + 1,
            first: true,
            whole: false,
        })
    }

    /// Whether all members were read, and the text ends with the object.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    fn blanks(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.blanks()? == byte).then(|| self.at += 1)
    }

    /// A string, whose first quote stands here.
    fn string(&mut self) -> Option<(Range<usize>, bool)> {
        self.skip(b'"')?;
        let (start, mut escaped) = (self.at, false);
        // Most keys and many values are too short for a search to pay.
        let near = &self.text[start..self.text.len().min(start + 16)];
        let mut length = 0;
        while length < near.len() && near[length] != b'\\' {
            if near[length] == b'"' {
                self.at = start + length + 1;
                return Some((start..start + length, false));
            }
            length += 1;
        }
        self.at += length;
        loop {
            self.at += memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Some((start..self.at - 1, escaped));
            }
            escaped = true;
            self.at += 2;
        }
    }

    fn value(&mut self) -> Option<Value> {
        let first = self.blanks()?;
        if first == b'"' {
            return self
                .string()
                .map(|(range, escaped)| Value::Text(range, escaped));
        }
        let start = self.at;
        let mut depth = 0;
        loop {
            match self.text.get(self.at)? {
                b'"' => _ = self.string()?,
                b'{' | b'[' if depth == DEEPEST => return None,
                b'{' | b'[' => (depth, self.at) = (depth + 1, self.at + 1),
                b'}' | b']' if depth > 0 => (depth, self.at) = (depth - 1, self.at + 1),
                b',' | b'}' if depth == 0 => break,
                b' ' | b'\t' if depth == 0 => break,
                b']' | b':' | b'\\' if depth == 0 => return None,
                _ => self.at += 1,
            }
        }
        (self.at > start).then_some(Value::Other(start..self.at))
    }
}

impl Iterator for Members<'_> {
    type Item = (Range<usize>, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.blanks()?;
        if next == b'}' {
            self.at += 1;
            self.whole = self.blanks().is_none();
            return None;
        }
        if !std::mem::replace(&mut self.first, false) {
            self.skip(b',')?;
        }
        self.blanks()?;
        let (key, escaped) = self.string()?;
        self.skip(b':')?;
        let value = self.value()?;
        // A key that is written with an escape is none that a writer of logs has: it counts as
        // nameless.
        let key = if escaped { key.start..key.start } else { key };
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> (Vec<(&str, &str)>, bool) {
        let mut members = Members::new(text.as_bytes(), 0).unwrap();
        let mut out = Vec::new();
        for (key, value) in &mut members {
            let (Value::Text(range, _) | Value::Other(range)) = value;
            out.push((&text[key], &text[range]));
        }
        (out, members.is_whole())
    }

    #[test]
    fn walked() {
        let both = |a, b| vec![("a", a), ("b", b)];
        for (text, expected, whole) in [
            (r#"{"a":"x","b":1}"#, both("x", "1"), true),
            (r#" {"a":"x"}"#, vec![], false),
            (
                r#"{ "a" : [1,{"b":"]}"}] , "b" : {"c":"\"}"} } "#,
                both(r#"[1,{"b":"]}"}]"#, r#"{"c":"\"}"}"#),
                true,
            ),
            (
                r#"{"a":"\",\"b\":2,\"c\":\"","b":1}"#,
                both(r#"\",\"b\":2,\"c\":\""#, "1"),
                true,
            ),
            (r#"{"a":"x","b":1} x"#, both("x", "1"), false),
            (r#"{"a":"x","b":1"#, vec![("a", "x")], false),
            (r#"{"a":"x","b":"1"#, vec![("a", "x")], false),
            (r#"{"a":"x" "b":1}"#, vec![("a", "x")], false),
            (r#"{"a":,"b":1}"#, vec![], false),
            (r#"{"a":"x\"#, vec![], false),
            (r#"{"\u0061":"x"}"#, vec![("", "x")], true),
            ("{}", vec![], true),
            ("{", vec![], false),
        ] {
            if text.starts_with('{') {
                assert_eq!(members(text), (expected, whole), "{text}");
            } else {
                assert!(Members::new(text.as_bytes(), 0).is_none());
            }
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(members(&deep), (vec![], false));
    }
}
