//! Durations as people write them: `90`, `90s`, `10m`, `1h30m`, `1 hour`, `2d`, `1w`, `1mo`, `1y`.

use std::time::Duration;

/// The units of a duration that is written, the largest first, in seconds.
const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

/// The names of the units of a duration that is read, in seconds. The case of a single letter
/// matters: to systemd(1) `M` is a month, to others a minute.
const NAMES: [(&[&str], u64); 7] = [
    (&["y", "yr", "yrs", "year", "years"], 365 * 86_400),
    (&["mo", "mon", "month", "months"], 30 * 86_400),
    (&["w", "wk", "wks", "week", "weeks"], 604_800),
    (&["d", "day", "days"], 86_400),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["s", "sec", "secs", "second", "seconds"], 1),
];

/// Reads whole seconds, or numbers each followed by a unit, added up, with or without blanks
/// between: `1h30m`, `1 hour 30 minutes`. A month has 30 days and a year 365. At most
/// 2,147,483,647 seconds (68 years).
///
/// The error is a phrase for a usage message.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("not a duration such as 90, 10m, 1h30m or 2d: \"{text}\"");
    let too_long = || format!("too long, 68 years at most: \"{text}\"");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        let (name, after) = split(after.trim_start(), |c| c.is_ascii_alphabetic());
        // A number alone is seconds. Behind a unit it is refused: `1h30` could mean either.
        let unit = match name {
            "" if digits == text.trim() => 1,
            _ => unit(name).ok_or_else(wrong)?,
        };
        if digits.is_empty() {
            return Err(wrong());
        }
        // Digits alone fail only if they are too many.
        let count = digits.parse::<u64>().map_err(|_| too_long())?;
        let sum = count.checked_mul(unit).and_then(|s| seconds.checked_add(s));
        seconds = sum.ok_or_else(too_long)?;
        rest = after.trim_start();
    }
    match seconds > i32::MAX as u64 {
        true => Err(too_long()),
        false => Ok(Duration::from_secs(seconds)),
    }
}

/// The characters at the beginning that are of a kind, and the rest.
fn split(text: &str, is_of_kind: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_of_kind(c)).unwrap_or(text.len()))
}

/// The seconds of a unit.
fn unit(name: &str) -> Option<u64> {
    let is = |known: &&str| match known.len() {
        1 => *known == name,
        _ => known.eq_ignore_ascii_case(name),
    };
    let found = NAMES.iter().find(|(names, _)| names.iter().any(is));
    found.map(|(_, seconds)| *seconds)
}

/// Writes a duration for a person, in its two largest units: `1h30m`. Less than a second is `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut text = String::new();
    let mut parts = 0;
    for (name, unit) in UNITS {
        if rest >= unit && parts < 2 {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
            parts += 1;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        for (text, seconds) in [
            ("90", Some(90)),
            ("0", Some(0)),
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5_400)),
            ("2d", Some(172_800)),
            ("1w", Some(604_800)),
            ("1w2d3h4m5s", Some(788_645)),
            ("1hour", Some(3_600)),
            ("1 h", Some(3_600)),
            (" 1 Hour 30 minutes ", Some(5_400)),
            ("10min", Some(600)),
            ("10 m", Some(600)),
            ("1mo", Some(2_592_000)),
            ("2 months", Some(5_184_000)),
            ("1y", Some(31_536_000)),
            ("68y", Some(2_144_448_000)),
            ("1M", None),
            ("1 30m", None),
            ("1h,30m", None),
            ("1fortnight", None),
            (" ", None),
            ("", None),
            ("m", None),
            ("1h30", None),
            ("-5", None),
            ("+5", None),
            ("1.5h", None),
            ("99999999999999999999", None),
            ("9999999w", None),
        ] {
            let read = parse_duration(text).ok().map(|d| d.as_secs());
            assert_eq!(read, seconds, "{text}");
        }
    }

    #[test]
    fn too_long() {
        for text in ["5200w", "69y", "2147483648", "99999999999999999999y"] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.starts_with("too long"), "{error}");
        }
    }

    #[test]
    fn written_for_people() {
        let text = |seconds| format_duration(Duration::from_secs(seconds));
        assert_eq!(text(0), "0s");
        assert_eq!(text(5_400), "1h30m");
        assert_eq!(text(788_645), "1w2d");
    }
}
