//! Tables of ranges as text: CSV, or columns with TABs between them.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::input::{Event, Input};

use crate::entry::{ASN, COUNTRY, Entry, ORG, parse_country};
use crate::table::{Builder, Table};

/// The columns of the names, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Columns {
    asn: Option<usize>,
    org: Option<usize>,
    country: Option<usize>,
}

impl Columns {
    /// From the names in the table's first line.
    fn named(cells: &[Cow<str>]) -> Option<Self> {
        let place = |names: &[&str]| {
            let is = |name: &&str| {
                cells
                    .iter()
                    .position(|c| c.trim().eq_ignore_ascii_case(name))
            };
            names.iter().find_map(is)
        };
        let columns = Columns {
            asn: place(&ASN),
            org: place(&ORG),
            country: place(&COUNTRY),
        };
        (columns != Columns::default()).then_some(columns)
    }

    /// By the number of cells behind the range: `asn,org`, `country`, or `asn,country,org`.
    fn counted(cells: &[Cow<str>]) -> Self {
        let (asn, org, country) = match cells {
            [_] if parse_country(&cells[0]).is_some() => (None, None, Some(0)),
            [_] => (Some(0), None, None),
            [_, _] => (Some(0), Some(1), None),
            _ => (Some(0), Some(2), Some(1)),
        };
        Columns { asn, org, country }
    }
}

/// Reads all ranges. A line that can't be read is reported and left out.
pub fn read(path: &Path) -> Result<Table, Fault> {
    let mut input = Input::new(vec![path.into()]);
    input.fail_on_error();
    let mut builder = Builder::default();
    let mut named = None;
    let mut first = true;
    loop {
        let line = match input.next(None)? {
            Event::End => break,
            Event::Idle => continue,
            Event::Data(line) => line,
        };
        let line = String::from_utf8_lossy(line);
        let line = line.trim_start_matches('\u{feff}').trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells = split(line);
        let is_first = std::mem::take(&mut first);
        let Some((from, to, used)) = range(&cells) else {
            named = Columns::named(&cells).filter(|_| is_first);
            if named.is_none() {
                let text: String = line.chars().take(200).collect();
                complain::bad_line(input.place(), format!("no range: \"{text}\""));
            }
            continue;
        };
        let columns = match named {
            Some(columns) => columns,
            // Their places count from the line's beginning.
            None => Columns::counted(&cells[used..]),
        };
        let skipped = if named.is_some() { 0 } else { used };
        let cell = |place: Option<usize>| {
            let cell = place.and_then(|place| cells.get(place + skipped));
            cell.map_or("", |cell| cell)
        };
        let entry = Entry::new(cell(columns.asn), cell(columns.org), cell(columns.country));
        if entry.is_empty() {
            continue;
        }
        let refuse = |what: String| Fault::new(path.display(), what);
        let place = builder.entry(entry).map_err(refuse)?;
        if let Err(what) = builder.add(from, to, place) {
            if from <= to && from.is_ipv4() == to.is_ipv4() {
                return Err(refuse(what));
            }
            complain::bad_line(input.place(), what);
        }
    }
    Ok(builder.build())
}

/// The range at the beginning of a line, and the number of its cells: a network, or the first and
/// the last address.
fn range(cells: &[Cow<str>]) -> Option<(IpAddr, IpAddr, usize)> {
    let net = Address::parse(cells.first()?.as_bytes())?;
    let last = cells
        .get(1)
        .and_then(|cell| Address::parse(cell.as_bytes()));
    match last.filter(|last| last.is_host() && net.is_host()) {
        Some(last) => Some((net.ip(), last.ip(), 2)),
        None => Some((net.ip(), net.last(), 1)),
    }
}

/// The cells of a line: between TABs, if there are any, else between commas, in quotes where a
/// comma is part of one (RFC 4180).
fn split(line: &str) -> Vec<Cow<'_, str>> {
    if line.contains('\t') {
        return line.split('\t').map(Cow::from).collect();
    }
    let mut cells = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        if let Some(quoted) = text.strip_prefix('"') {
            let (cell, after) = unquote(quoted);
            cells.push(cell);
            rest = after.split_once(',').map(|(_, after)| after);
        } else {
            let (cell, after) = text
                .split_once(',')
                .map_or((text, None), |(a, b)| (a, Some(b)));
            cells.push(cell.trim().into());
            rest = after;
        }
    }
    cells
}

/// The text up to the closing quote, and the text behind that.
fn unquote(text: &str) -> (Cow<'_, str>, &str) {
    let mut from = 0;
    while let Some(at) = text[from..].find('"').map(|at| from + at) {
        if !text[at + 1..].starts_with('"') {
            let cell = match text[..at].contains('"') {
                true => text[..at].replace("\"\"", "\"").into(),
                false => text[..at].into(),
            };
            return (cell, &text[at + 1..]);
        }
        from = at + 2;
    }
    (text.into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        for (line, expected) in [
            ("a,b,c", "a|b|c"),
            ("a,\"b, \"\"c\"\"\",d", "a|b, \"c\"|d"),
            ("a\tb,c\td", "a|b,c|d"),
            ("a,", "a|"),
            ("\"a", "a"),
            ("\"a\"x,\"\"", "a|"),
        ] {
            assert_eq!(split(line).join("|"), expected, "{line}");
        }
    }
}
