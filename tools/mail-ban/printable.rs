//! Text that a stranger wrote, made safe to show in a mail, on a terminal or in a header.

/// Writes `text` so that no program interprets it.
///
/// Letters, digits, ASCII punctuation and spaces stand for themselves. Every other character, such
/// as a control, format or direction character, becomes an escape (`\n`, `\u{1b}`, `\xff`), and a
/// backslash is doubled.
pub fn printable(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                ' '..='~' => out.push(c),
                c if c.is_alphanumeric() => out.push(c),
                c if c.is_ascii() => out.extend(c.escape_default()),
                c => out.extend(c.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn rows() {
        for (text, expected) in [
            (
                &b"user=root rhost=203.0.113.7"[..],
                "user=root rhost=203.0.113.7",
            ),
            ("利用者 müller".as_bytes(), "利用者 müller"),
            (b"\n~!touch /tmp/x", "\\n~!touch /tmp/x"),
            (
                b"x\r\nBcc: victim@example.org",
                "x\\r\\nBcc: victim@example.org",
            ),
            (
                b"\x1b]0;title\x07\x1b[2J",
                "\\u{1b}]0;title\\u{7}\\u{1b}[2J",
            ),
            (
                "a\u{9b}2J\u{202e}b\u{2028}".as_bytes(),
                "a\\u{9b}2J\\u{202e}b\\u{2028}",
            ),
            (b"\0\xff\x7f", "\\u{0}\\xff\\u{7f}"),
            // A character that a bound has cut in two is no character.
            (b"a\xc3", "a\\xc3"),
            (b"C:\\n", "C:\\\\n"),
            (b"", ""),
        ] {
            assert_eq!(printable(text), expected);
        }
    }
}
