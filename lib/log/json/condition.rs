//! A condition about a value: `status=401,403`, `status!=200`.

use super::path::Path;
use super::walk::{Paths, Values};

/// A condition about the value of a path.
#[derive(Clone, Debug)]
pub struct Condition {
    path: usize,
    /// Whether the value must be one of these; else it must be none of them.
    equals: bool,
    values: Vec<Vec<u8>>,
}

impl Condition {
    /// Reads `PATH=VALUE`, `PATH=VALUE,VALUE` (any of them) or `PATH!=…` (none of them), and adds
    /// its path. A comma in a value is written `\,`. The error is a sentence.
    pub fn parse(text: &str, paths: &mut Paths) -> Result<Condition, String> {
        let end = end_of_path(text).ok_or_else(|| format!("no = in it: \"{text}\""))?;
        let (path, values) = (&text[..end], &text[end + 1..]);
        let (path, equals) = match path.strip_suffix('!') {
            Some(path) if !path.ends_with('\\') => (path, false),
            _ => (path, true),
        };
        let path = paths.add(&Path::parse(path)?);
        let values = split(values);
        Ok(Condition {
            path,
            equals,
            values,
        })
    }

    /// Whether an object with these values meets it. Text is compared unescaped, a number or a word
    /// as it is written; of an array one member is enough. A value that is not there equals
    /// nothing.
    pub fn holds(&self, values: &Values, room: &mut Vec<u8>) -> bool {
        let is_one = values.get(self.path).is_some_and(|value| {
            value.any(|value| {
                let text = value.text(room);
                text.is_some_and(|text| self.values.iter().any(|v| v == text))
            })
        });
        is_one == self.equals
    }

    /// The values of which an object must have one; `None` where it must not.
    pub fn required(&self) -> Option<&[Vec<u8>]> {
        self.equals.then_some(&self.values)
    }
}

/// The first `=` that is not escaped.
fn end_of_path(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let ends = b == b'=' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

/// The values, split at commas.
fn split(text: &str) -> Vec<Vec<u8>> {
    let mut values = vec![Vec::new()];
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b',' => {
                values.push(Vec::new());
                continue;
            }
            b'\\' => bytes.next_if(|b| matches!(b, b',' | b'\\')).unwrap_or(byte),
            byte => byte,
        };
        if let Some(value) = values.last_mut() {
            value.push(byte);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold() {
        let object = br#"{"a":{"b":"x,y"},"status":401,"t":true,"n":null,"list":["p","q\n"],
            "s":"\u0034\x30\u0031","empty":"","a=b!":"c\\d","o":{}}"#;
        for (text, expected) in [
            ("status=401", true),
            ("status=4", false),
            ("status=200,401", true),
            ("status!=401", false),
            ("status!=200", true),
            ("s=401", true),
            (r"a.b=x\,y", true),
            ("a.b=x,y", false),
            ("t=true", true),
            ("n=null", true),
            ("empty=", true),
            ("missing=", false),
            ("missing!=x", true),
            ("list=q,p", true),
            ("list=q\n", true),
            ("list=r", false),
            ("list!=p", false),
            ("o=", false),
            (r"a\=b\!=c\\d", true),
            (r"a\=b\!=c\d", true),
        ] {
            let mut paths = Paths::default();
            let condition = Condition::parse(text, &mut paths).unwrap();
            let values = paths.read(None, Some(object)).unwrap();
            assert_eq!(
                condition.holds(&values, &mut Vec::new()),
                expected,
                "{text}"
            );
        }
        for wrong in ["", "a", "=x", "a.=x", r"a\=x"] {
            assert!(Condition::parse(wrong, &mut Paths::default()).is_err());
        }
    }
}
