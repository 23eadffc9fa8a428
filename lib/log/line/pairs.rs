//! Lines of `key=value` pairs (logfmt).

use std::ops::Range;

use memchr::memchr2;

/// The pairs that a text begins with; the walk ends where something else stands.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    text: &'a [u8],
    at: usize,
}

/// One pair, by where key and value stand in the text; a quoted value without its quotes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub key: Range<usize>,
    pub value: Range<usize>,
    /// The value has quotes around it, in which a backslash escapes.
    pub quoted: bool,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Pairs { text, at: 0 }
    }

    /// Whether all of the text was pairs.
    pub(super) fn is_whole(&self) -> bool {
        self.at >= self.text.len()
    }
}

impl Iterator for Pairs<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        let mut at = self.at;
        let key = at;
        let name = |b: &u8| b.is_ascii_alphanumeric() || b"_.@-".contains(b);
        while self.text.get(at).is_some_and(name) {
            at += 1;
        }
        if at == key || self.text.get(at) != Some(&b'=') {
            return None;
        }
        let key = key..at;
        at += 1;
        let quoted = self.text.get(at) == Some(&b'"');
        let value = if quoted {
            let start = at + 1;
            at = start;
            loop {
                at += memchr2(b'"', b'\\', self.text.get(at..)?)?;
                if self.text[at] == b'"' {
                    break;
                }
                at += 2;
            }
            at += 1;
            start..at - 1
        } else {
            let start = at;
            while self.text.get(at).is_some_and(|b| *b != b' ' && *b != b'"') {
                at += 1;
            }
            start..at
        };
        match self.text.get(at) {
            None => {}
            Some(b' ') => {
                while self.text.get(at) == Some(&b' ') {
                    at += 1;
                }
            }
            Some(_) => return None,
        }
        self.at = at;
        Some(Pair { key, value, quoted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walked() {
        for (text, expected, whole) in [
            (
                r#"ts=1 level=info msg="a \"b\" c=d""#,
                r#"ts:1 level:info msg:a \"b\" c=d"#,
                true,
            ),
            (r#"a=  b="""#, "a: b:", true),
            (r#"a=1 b c=2"#, "a:1", false),
            (r#"a=1 b="x"y c=2"#, "a:1", false),
            (r#"a=1 b="x"#, "a:1", false),
            (r#"a=1 b=x"y" c=2"#, "a:1", false),
            (r#"a=1 b="x\"#, "a:1", false),
            ("text", "", false),
            ("=1", "", false),
        ] {
            let mut pairs = Pairs::new(text.as_bytes());
            let mut out = Vec::new();
            for pair in &mut pairs {
                out.push(format!("{}:{}", &text[pair.key], &text[pair.value]));
            }
            assert_eq!(
                (out.join(" ").as_str(), pairs.is_whole()),
                (expected, whole),
                "{text}"
            );
        }
    }
}
