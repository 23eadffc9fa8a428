//! The path of a value: the keys of the objects around it.

/// The path of a value: the keys of the objects around it, from the outermost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub(super) keys: Vec<Vec<u8>>,
}

impl Path {
    /// Reads `request.remote_ip`. A dot in a key is written `\.`, a backslash `\\`. The error is a
    /// sentence.
    pub fn parse(text: &str) -> Result<Path, String> {
        let mut keys = vec![Vec::new()];
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let byte = match byte {
                b'.' => {
                    keys.push(Vec::new());
                    continue;
                }
                b'\\' => match bytes.next() {
                    Some(escaped @ (b'.' | b'\\' | b'=' | b'!')) => escaped,
                    _ => {
                        return Err(format!(
                            "a backslash stands before . or \\ only: \"{text}\""
                        ));
                    }
                },
                byte => byte,
            };
            if let Some(key) = keys.last_mut() {
                key.push(byte);
            }
        }
        match keys.iter().any(Vec::is_empty) {
            true => Err(format!("a key in it is empty: \"{text}\"")),
            false => Ok(Path { keys }),
        }
    }

    /// The last key.
    pub fn last(&self) -> &[u8] {
        self.keys.last().map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read() {
        for (text, expected) in [
            ("a", Ok("a")),
            ("request.remote_ip", Ok("request|remote_ip")),
            (r"a\.b.c\\d", Ok(r"a.b|c\d")),
            (r"a\=b\!", Ok("a=b!")),
            ("", Err(())),
            ("a..b", Err(())),
            ("a.", Err(())),
            (r"a\", Err(())),
            (r"a\x", Err(())),
        ] {
            let path = Path::parse(text).map_err(|_| ());
            let keys = path.map(|p| String::from_utf8(p.keys.join(&b"|"[..])).unwrap());
            assert_eq!(keys, expected.map(String::from), "{text}");
        }
    }
}
