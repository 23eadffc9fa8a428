//! Text for a terminal: a remote party that wrote some of it can't move the cursor, set the title,
//! or reorder the words.

use std::env;

/// The width of standard output's terminal, in columns; 80 where it is not known.
pub fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into())
}

/// Whether colours are wanted: not where NO_COLOR is set (no-color.org), and not by a terminal that
/// knows none.
pub fn has_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && !is_dumb()
}

/// Whether characters beyond ASCII are drawn, such as those of bars: in a locale of UTF-8, by a
/// terminal that is more than a teletype (locale(7), term(7)).
pub fn has_blocks() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| {
        let value = env::var(name).ok()?;
        (!value.is_empty()).then_some(value)
    });
    let is_utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.ends_with("utf-8") || locale.ends_with("utf8") || locale.contains("utf-8@")
    });
    is_utf8 && !is_dumb()
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether a terminal may obey this character instead of showing it: a control character, or one of
/// those that change the direction of text (UAX #9, 2).
pub fn is_control(c: char) -> bool {
    let direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || direction
}

/// Appends lines of text with each control character as `\r`, `\u{1b}` or `\u{202e}`, and each byte
/// that is not UTF-8 as `\x9b`. Newlines and TABs stay.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        let special = |c: char| is_control(c) && c != '\n' && c != '\t';
        while let Some(at) = rest.find(special) {
            let (before, after) = rest.split_at(at);
            out.extend_from_slice(before.as_bytes());
            let mut characters = after.chars();
            let control = characters.next().into_iter();
            control.for_each(|c| out.extend(c.escape_default().map(|c| c as u8)));
            rest = characters.as_str();
        }
        out.extend_from_slice(rest.as_bytes());
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        for (text, expected) in [
            (&b"203.0.113.7\tline=a b\n"[..], "203.0.113.7\tline=a b\n"),
            ("利用者 müller\n".as_bytes(), "利用者 müller\n"),
            (
                b"\x1b]0;title\x07\x1b[2J\r",
                "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\r",
            ),
            ("a\u{9b}2J\u{202e}b".as_bytes(), "a\\u{9b}2J\\u{202e}b"),
            (b"\x9b2J\xff\0\x7f", "\\x9b2J\\xff\\u{0}\\u{7f}"),
            (b"C:\\n", "C:\\n"),
            (b"", ""),
        ] {
            let mut out = Vec::new();
            escape(text, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
