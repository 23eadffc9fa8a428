//! The entry of a database: whose a network is.

use pipeban::address::write_number;
use pipeban::record::escape;

/// The length at which an organisation's name is cut, in bytes.
pub const LONGEST: usize = 256;

/// Names of the number of a network's owner (autonomous system), in the databases that are known:
/// keys of an MMDB, and of the first line of a table. The first that is there counts.
pub const ASN: [&str; 3] = ["autonomous_system_number", "asn", "as_number"];

/// Names of the owner's name.
pub const ORG: [&str; 6] = [
    "autonomous_system_organization",
    "as_name",
    "as_organization",
    "as_description",
    "org",
    "organization",
];

/// Names of the country's code.
pub const COUNTRY: [&str; 3] = ["country_code", "country_iso_code", "country"];

/// The names of a network, as fields of a record: each empty, or with a TAB before its key, and
/// escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Entry {
    text: Box<[u8]>,
    asn_end: u16,
    org_end: u16,
}

impl Entry {
    /// From the values of a database. `asn` is a number, with or without `AS` before it; 0 stands
    /// for a network that nobody announces, which has no owner. `country` is a code of two letters.
    /// Other values are left out.
    pub fn new(asn: &str, org: &str, country: &str) -> Self {
        let number = parse_asn(asn);
        let nobody = number == Some(0);
        let mut text = Vec::new();
        if let Some(number) = number.filter(|n| *n > 0) {
            text.extend_from_slice(b"\tasn=AS");
            write_number(number.into(), &mut text);
        }
        let asn_end = text.len();
        let org = org.trim();
        if !org.is_empty() && !nobody {
            text.extend_from_slice(b"\torg=");
            let end = (0..=LONGEST.min(org.len())).rfind(|end| org.is_char_boundary(*end));
            escape(&org.as_bytes()[..end.unwrap_or(0)], &mut text);
        }
        let org_end = text.len();
        if let Some(code) = parse_country(country) {
            text.extend_from_slice(b"\tcountry=");
            text.extend_from_slice(&code);
        }
        Entry {
            text: text.into(),
            // An escaped name is at most twice as long as LONGEST.
            asn_end: asn_end as u16,
            org_end: org_end as u16,
        }
    }

    /// `asn=`.
    pub fn asn(&self) -> &[u8] {
        &self.text[..self.asn_end.into()]
    }

    /// `org=`.
    pub fn org(&self) -> &[u8] {
        &self.text[self.asn_end.into()..self.org_end.into()]
    }

    /// `country=`.
    pub fn country(&self) -> &[u8] {
        &self.text[self.org_end.into()..]
    }

    /// All three.
    pub fn fields(&self) -> &[u8] {
        &self.text
    }

    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// The number of an autonomous system, with or without `AS` before it.
pub fn parse_asn(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = match text.get(..2) {
        Some(start) if start.eq_ignore_ascii_case("AS") => &text[2..],
        _ => text,
    };
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// The code of a country, in capital letters.
pub fn parse_country(text: &str) -> Option<[u8; 2]> {
    let code: [u8; 2] = text.trim().as_bytes().try_into().ok()?;
    let is_code = code.iter().all(u8::is_ascii_alphabetic);
    is_code.then(|| code.map(|b| b.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let long = "é".repeat(200);
        for (asn, org, country, expected) in [
            (
                "64500",
                "Example",
                "jp",
                "\tasn=AS64500\torg=Example\tcountry=JP",
            ),
            (
                "AS64500",
                " Example, Inc. ",
                "",
                "\tasn=AS64500\torg=Example, Inc.",
            ),
            ("0", "Not routed", "None", ""),
            ("", "Example", "Japan", "\torg=Example"),
            ("+1", "a", "", "\torg=a"),
            ("1", "a\tb\\\nc", "", "\tasn=AS1\torg=a\\tb\\\\\\nc"),
            ("4294967296", "", "ZZ", "\tcountry=ZZ"),
            ("", &long, "", &format!("\torg={}", &long[..256])),
            ("", "", "12", ""),
        ] {
            let entry = Entry::new(asn, org, country);
            assert_eq!(String::from_utf8_lossy(entry.fields()), expected);
            let parts = [entry.asn(), entry.org(), entry.country()].concat();
            assert_eq!(parts, entry.fields());
        }
    }
}
