//! The text of a string.

/// Appends the text of a string; `\xHH` and `\v`, as nginx and Apache write them, are read as well.
/// An escape that is none stands as it is.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let plain = match rest.get(1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'v') => 11,
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

    #[test]
    fn unescaped() {
        for (raw, expected) in [
            (r#"a\n\t\"\\\/b\v"#, "a\n\t\"\\/b\u{b}"),
            (
                r"\u00e4\ud83d\ude00\ud83d\ud83dx\udc00",
                "ä😀\u{fffd}\u{fffd}x\u{fffd}",
            ),
            (r"\x41\x5C\x22", "A\\\""),
            (r"\u12", "\u{fffd}12"),
            (r"\q\", r"\q\"),
        ] {
            let mut out = Vec::new();
            unescape(raw.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{raw}");
        }
    }
}
