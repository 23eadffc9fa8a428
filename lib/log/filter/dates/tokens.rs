//! The `%` tokens of `datepattern`.

/// Replaces the tokens by patterns; with `groups`, by capture groups.
pub(super) fn tokens(text: &str, groups: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let found = TOKENS.iter().find(|(name, _)| rest.starts_with(name));
        let Some((name, pattern)) = found else {
            return Err(format!("datepattern: an unknown token in \"{text}\""));
        };
        rest = &rest[name.len()..];
        match (*name, groups) {
            ("%", _) => out.push('%'),
            (_, true) => out.push_str(&format!("({pattern})")),
            (_, false) => out.push_str(&format!("(?:{pattern})")),
        }
    }
    Ok(out + rest)
}

/// strptime(3)'s tokens and fail2ban's own; of two names that begin alike the longer comes first.
const TOKENS: [(&str, &str); 35] = [
    ("ExY", r"(?:19|20)\d\d"),
    ("Exy", r"\d\d"),
    ("Exm", r"0[1-9]|1[0-2]"),
    ("Exd", r"0[1-9]|[12]\d|3[01]"),
    ("ExH", r"[01]\d|2[0-3]"),
    ("Exk", r" ?(?:[01]?\d|2[0-3])"),
    ("Exl", r" ?(?:1[0-2]|\d)"),
    ("ExM", r"[0-5]\d"),
    ("ExS", r"[0-5]\d|6[01]"),
    ("ExZ", r"[A-Z](?:[A-Z]{2,4})?"),
    (
        "Exz",
        r"(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\d(?::?\d{2})?|[A-Z](?:[A-Z]{2,4})?",
    ),
    ("a", "mon|tue|wed|thu|fri|sat|sun"),
    (
        "A",
        "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
    ),
    ("b", "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"),
    (
        "B",
        "january|february|march|april|may|june|july|august|september|october|november|december",
    ),
    ("d", r"[12]\d|3[01]|[0 ]?[1-9]"),
    ("m", r"1[0-2]|0?[1-9]"),
    ("Y", r"\d{4}"),
    ("y", r"\d\d"),
    ("H", r"2[0-3]|[01]?\d"),
    ("I", r"1[0-2]|0?[1-9]"),
    ("k", r" ?[0-2]?\d"),
    ("l", r" ?1?\d"),
    ("M", r"[0-5]?\d"),
    ("S", r"6[01]|[0-5]?\d"),
    ("f", r"\d{1,6}"),
    ("p", "am|pm"),
    ("z", r"Z|UTC|GMT|[+-][01]\d(?::?\d{2})?"),
    ("Z", r"Z|[A-Z]{3,5}"),
    (
        "j",
        r"36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]",
    ),
    ("U", r"5[0-3]|[0-4]\d|\d"),
    ("W", r"5[0-3]|[0-4]\d|\d"),
    ("w", "[0-6]"),
    ("u", "[1-7]"),
    ("%", "%"),
];
