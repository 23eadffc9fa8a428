//! The likely mistake behind a word that means nothing here, as a part of messages.

/// `; did you mean "sshd"?` of the name that is most like a wrong one; empty where none is.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = names.into_iter().filter_map(|name| {
        let distance = distance(wrong, name)?;
        Some((distance, name))
    });
    // Of several that are as near, the first.
    let nearest = nearest.min_by_key(|(distance, _)| *distance);
    nearest.map_or(String::new(), |(_, name)| {
        format!("; did you mean \"{name}\"?")
    })
}

/// The shortest beginning that names can share, in bytes.
const BEGINNING: usize = 3;

/// The distance of a wrong name from a name; `None` if it is not meant.
fn distance(wrong: &str, name: &str) -> Option<usize> {
    let wrong = wrong.to_ascii_lowercase();
    let typing = strsim::damerau_levenshtein(&wrong, name);
    if typing <= (wrong.len() / 3).max(1) {
        return Some(typing);
    }
    // `postfix-sasl` for `postfix`, `postgres` for `postgresql`.
    let shorter = wrong.len().min(name.len());
    let begins = wrong.starts_with(name) || name.starts_with(&wrong);
    (begins && shorter >= BEGINNING).then_some(wrong.len().max(name.len()))
}

/// The complaint about a line of input that begins with this text in place of an address.
pub fn no_address(text: &[u8]) -> String {
    const SHOWN: usize = 200;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
    let hint = match begins_stamp(text) {
        true => " (a log? extract-ip reads those)",
        false => "",
    };
    format!("not an address: \"{shown}\"{hint}")
}

/// Whether a text is the first word of a log line, as far as a time stamp shows: syslog's priority,
/// a month or a day of the week, a year, or seconds since 1970.
fn begins_stamp(text: &[u8]) -> bool {
    const NAMES: [&[u8]; 19] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun",
    ];
    let text = text.strip_prefix(b"[").unwrap_or(text);
    let priority = text.strip_prefix(b"<").and_then(|rest| {
        let digits = digits(rest);
        let after = rest[digits..].strip_prefix(b">")?;
        (digits > 0).then_some(after)
    });
    let is_priority = priority.is_some();
    let text = priority.unwrap_or(text);
    match digits(text) {
        0 => is_priority || NAMES.contains(&text),
        4 => matches!(text.get(4), Some(b'-' | b'/')),
        10 => matches!(text.get(10), None | Some(b'.')),
        _ => is_priority,
    }
}

/// The number of digits at the beginning.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names = [
            "nginx",
            "nginx-error",
            "postfix",
            "postgresql",
            "sshd",
            "vsftpd",
        ];
        for (wrong, expected) in [
            ("shsd", "sshd"),
            ("ssh", "sshd"),
            ("SSHD", "sshd"),
            ("sshd-ddos", "sshd"),
            ("nginx-http-auth", "nginx"),
            ("nginx-errors", "nginx-error"),
            ("postfix-sasl", "postfix"),
            ("postgres", "postgresql"),
            ("pf", "-"),
            ("", "-"),
            ("wordpress", "-"),
        ] {
            let expected = match expected {
                "-" => String::new(),
                name => format!("; did you mean \"{name}\"?"),
            };
            assert_eq!(did_you_mean(wrong, names), expected, "{wrong}");
        }
    }

    #[test]
    fn logs() {
        for (text, expected) in [
            ("Nov", true),
            ("[Sun", true),
            ("2026-11-29T10:00:00+09:00", true),
            ("[2026/11/29", true),
            ("<34>Nov", true),
            ("<34>1", true),
            ("1790000000.123", true),
            ("1790000000", true),
            ("foo", false),
            ("Novgorod", false),
            ("10", false),
            ("203.0.113.256", false),
            ("2026", false),
            ("<34", false),
            ("", false),
        ] {
            let told = no_address(text.as_bytes());
            assert_eq!(
                told.ends_with("extract-ip reads those)"),
                expected,
                "{told}"
            );
        }
    }
}
