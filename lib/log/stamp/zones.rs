//! Names of time zones, as stamps have them.

/// A zone's abbreviation and how far it is ahead of UTC, in seconds.
///
/// Many names have several meanings; this table has the one of most people (tzdata's backward
/// names, RFC 5322 for America's). A reader whose own zone has the name means that one: `CST` in
/// Shanghai is China's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Named {
    pub name: &'static str,
    /// Seconds east of UTC.
    pub offset: i32,
}

const fn hours(name: &'static str, hours: i32) -> Named {
    minutes(name, hours * 60)
}

const fn minutes(name: &'static str, minutes: i32) -> Named {
    let offset = minutes * 60;
    Named { name, offset }
}

#[rustfmt::skip]
const ZONES: [Named; 62] = [
    hours("UTC", 0), hours("GMT", 0), hours("UT", 0), hours("UCT", 0), hours("WET", 0),
    hours("WEST", 1), hours("BST", 1), minutes("IST", 330), hours("CET", 1), hours("CEST", 2),
    hours("MET", 1), hours("MEST", 2), hours("MEZ", 1), hours("MESZ", 2), hours("EET", 2),
    hours("EEST", 3), hours("MSK", 3), hours("MSD", 4), hours("SAMT", 4), hours("YEKT", 5),
    hours("OMST", 6), hours("NOVT", 7), hours("KRAT", 7), hours("IRKT", 8), hours("YAKT", 9),
    hours("VLAT", 10), hours("TRT", 3), hours("IDT", 3), hours("AST", -4), hours("ADT", -3),
    hours("EST", -5), hours("EDT", -4), hours("CST", -6), hours("CDT", -5), hours("MST", -7),
    hours("MDT", -6), hours("PST", -8), hours("PDT", -7), hours("AKST", -9), hours("AKDT", -8),
    hours("HST", -10), minutes("NST", -210), minutes("NDT", -150), hours("BRT", -3),
    hours("ART", -3), hours("CLT", -4), hours("SAST", 2), hours("EAT", 3), hours("CAT", 2),
    hours("WAT", 1), hours("PKT", 5), hours("WIB", 7), hours("ICT", 7), hours("SGT", 8),
    hours("HKT", 8), hours("JST", 9), hours("KST", 9), minutes("ACST", 570), hours("AEST", 10),
    hours("AEDT", 11), hours("NZST", 12), hours("NZDT", 13),
];

/// The zone of this name, which is in capital letters.
pub(super) fn find(name: &[u8]) -> Option<Named> {
    ZONES
        .iter()
        .copied()
        .find(|zone| zone.name.as_bytes() == name)
}
