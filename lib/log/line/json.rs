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

/// Appends the text of a string; `\xHH`, as nginx and Apache write a byte, is read as well. An
/// escape that is none stands as it is.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let plain = match rest.get(1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'"' | b'\\' | b'/') => rest[1],
            Some(b'u') => {
                let (c, length) = unicode(rest).unwrap_or((char::REPLACEMENT_CHARACTER, 2));
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[length..];
                continue;
            }
            Some(b'x') => match hex(rest.get(2..4)) {
                Some(byte) => {
                    out.push(byte as u8);
                    rest = &rest[4..];
                    continue;
                }
                None => b'\\',
            },
            _ => {
                out.push(b'\\');
                rest = &rest[1..];
                continue;
            }
        };
        out.push(plain);
        rest = &rest[2..];
    }
    out.extend_from_slice(rest);
}

/// The character of `\u00e4` or of a pair of surrogates, and the length in bytes.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = hex(text.get(2..6))?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = text
        .get(6..8)
        .filter(|u| *u == b"\\u")
        .and_then(|_| hex(text.get(8..12)));
    let pair = second.filter(|low| (0xdc00..0xe000).contains(low) && first < 0xdc00);
    Some(match pair {
        Some(low) => {
            let c = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(c)?, 12)
        }
        None => (char::REPLACEMENT_CHARACTER, 6),
    })
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?
        .iter()
        .try_fold(0, |n, b| Some(n * 16 + (*b as char).to_digit(16)?))
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

    #[test]
    fn unescaped() {
        for (raw, expected) in [
            (r#"a\n\t\"\\\/b"#, "a\n\t\"\\/b"),
            (
                r"\u00e4\ud83d\ude00\ud83d\ud83dx\udc00",
                "ä😀\u{fffd}\u{fffd}x\u{fffd}",
            ),
            (r"\x41\xzz\q\", "A\\zz\\q\\"),
            (r"\u12", "\u{fffd}12"),
        ] {
            let mut out = Vec::new();
            unescape(raw.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{raw}");
        }
    }
}
