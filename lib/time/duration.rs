//! Durations as people write them: `90`, `90s`, `10m`, `1h30m`, `2d`, `1w`.

use std::time::Duration;

const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

/// Reads whole seconds, or numbers each followed by `w`, `d`, `h`, `m` or `s`, added up; at most
/// 2,147,483,647 seconds (68 years).
///
/// The error is a phrase for a usage message.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("not a duration such as 90, 10m, 1h30m or 2d: \"{text}\"");
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let (_, unit) = UNITS
            .iter()
            .find(|(name, _)| *name == c)
            .ok_or_else(wrong)?;
        let count: u64 = number.parse().map_err(|_| wrong())?;
        seconds = count
            .checked_mul(*unit)
            .and_then(|s| seconds.checked_add(s))
            .ok_or_else(wrong)?;
        number.clear();
    }
    if !number.is_empty() {
        // A number alone is seconds. Behind a unit it is refused: `1h30` could mean either.
        if number.len() != text.len() {
            return Err(wrong());
        }
        seconds = number.parse().map_err(|_| wrong())?;
    } else if text.is_empty() {
        return Err(wrong());
    }
    if seconds > i32::MAX as u64 {
        Err(wrong())
    } else {
        Ok(Duration::from_secs(seconds))
    }
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
            ("", None),
            ("m", None),
            ("1h30", None),
            ("-5", None),
            ("+5", None),
            ("1.5h", None),
            ("10 m", None),
            ("10min", None),
            ("99999999999999999999", None),
            ("9999999w", None),
        ] {
            let read = parse_duration(text).ok().map(|d| d.as_secs());
            assert_eq!(read, seconds, "{text}");
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
