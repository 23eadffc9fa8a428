//! The networks that `--networks` asks for.

use std::str::FromStr;

use regex::bytes::Regex;

use crate::entry::{Entry, parse_asn, parse_country};

/// One choice of networks.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Those of this autonomous system.
    Asn(u32),
    /// Those of this country.
    Country([u8; 2]),
    /// Those whose owner's name matches.
    Org(Regex),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(code) = text.strip_prefix("country:") {
            let code = parse_country(code);
            return code
                .map(Choice::Country)
                .ok_or("a country's code has two letters".into());
        }
        if let Some(pattern) = text.strip_prefix("org:") {
            return Regex::new(pattern)
                .map(Choice::Org)
                .map_err(|e| e.to_string());
        }
        let number = parse_asn(text).filter(|n| *n > 0).map(Choice::Asn);
        number.ok_or_else(|| "AS64500, country:XX or org:REGEX is wanted".into())
    }
}

impl Choice {
    /// Whether networks with this entry are meant.
    pub fn takes(&self, entry: &Entry) -> bool {
        match self {
            Choice::Asn(number) => entry.asn() == format!("\tasn=AS{number}").as_bytes(),
            Choice::Country(code) => entry.country().strip_prefix(b"\tcountry=") == Some(code),
            Choice::Org(regex) => {
                let name = entry.org().strip_prefix(b"\torg=");
                name.is_some_and(|name| regex.is_match(name))
            }
        }
    }
}
