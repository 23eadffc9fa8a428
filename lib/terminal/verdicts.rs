//! Records as rows of a table: whichever tool prints them, their fields are in one order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pipeban_time::Time;

use crate::table::{Column, Table, end, moment};

/// The columns. A narrow terminal shows the first ones.
const COLUMNS: [Column; 15] = [
    Column("address", 15),
    Column("count", 0),
    Column("hosts", 0),
    Column("distinct", 0),
    Column("rule", 0),
    Column("first", 0),
    Column("last", 0),
    Column("since", 0),
    Column("ends", 0),
    Column("packets", 0),
    Column("note", 0),
    Column("port", 0),
    Column("origin", 0),
    Column("firewall", 0),
    Column("more", 0),
];

/// The keys that are in one of the columns, or say less than the others.
const KNOWN: [&str; 19] = [
    "count",
    "hosts",
    "distinct",
    "rule",
    "at",
    "first",
    "last",
    "since",
    "until",
    "lifted",
    "packets",
    "bytes",
    "only",
    "firewall-until",
    "port",
    "origin",
    "backend",
    "line",
    "success",
];

/// The rules that the totals name, at most.
const RULES: usize = 8;

/// A table of records: of counts that reached a threshold, or of bans.
pub struct Verdicts {
    table: Table,
    found: usize,
    /// The number of records by rule.
    rules: BTreeMap<String, usize>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Verdicts {
            table: Table::new(&COLUMNS),
            found: 0,
            rules: BTreeMap::new(),
        }
    }
}

impl Verdicts {
    /// Adds a record, the line that a pipe would get.
    pub fn add(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let record = Fields::new(&text);
        self.found += 1;
        *self.rules.entry(record.get("rule").into()).or_default() += 1;
        self.table.row(record.cells(Time::now()));
        for evidence in record.all("line") {
            self.table.text(evidence);
        }
    }

    /// The lines of the records that were added since the last call, at first below headings.
    pub fn lines(&mut self) -> Vec<String> {
        self.table.lines()
    }

    /// A line that sums up all records: `3 in all: 2 sshd/failed, 1 without a rule`; `None` if
    /// there were none.
    pub fn totals(&self) -> Option<String> {
        let name = |rule: &str| match rule {
            "" => String::from("without a rule"),
            rule => rule.into(),
        };
        let mut ranked: Vec<_> = self.rules.iter().collect();
        ranked.sort_by_key(|(_, count)| Reverse(**count));
        let named = ranked.iter().take(RULES);
        let mut parts: Vec<_> = named
            .map(|(rule, count)| format!("{count} {}", name(rule)))
            .collect();
        let others: usize = ranked.iter().skip(RULES).map(|(_, count)| **count).sum();
        if others > 0 {
            parts.push(format!("{others} of other rules"));
        }
        let all = format!("{} in all", self.found);
        let line = match self.rules.keys().all(String::is_empty) {
            true => all,
            false => format!("{all}: {}", parts.join(", ")),
        };
        (self.found > 0).then(|| self.table.fitted(&line))
    }
}

/// A record's text. Values stay escaped.
struct Fields<'a> {
    address: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn new(line: &'a str) -> Self {
        let mut parts = line.split('\t');
        Fields {
            address: parts.next().unwrap_or_default(),
            fields: parts.filter_map(|field| field.split_once('=')).collect(),
        }
    }

    /// The value of the first field of this name; empty without one.
    fn get(&self, key: &str) -> &'a str {
        self.all(key).next().unwrap_or_default()
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(k, _)| *k == key);
        fields.map(|(_, value)| *value)
    }

    fn time(&self, key: &str) -> Option<Time> {
        Time::parse(self.get(key).as_bytes())
    }

    /// The cells of its row.
    fn cells(&self, now: Time) -> Vec<String> {
        let until = |key| match self.time(key) {
            Some(time) => end(time, now),
            None => self.get(key).into(),
        };
        let ends = match self.time("lifted") {
            Some(lifted) => format!("lifted {}", moment(lifted)),
            None => until("until"),
        };
        let note = match (self.get("only"), self.time("firewall-until")) {
            ("ledger", _) => "not in the firewall".into(),
            ("firewall", _) => "not in the ledger".into(),
            (_, Some(_)) => format!("in the firewall: {}", until("firewall-until")),
            _ => String::new(),
        };
        // Of a ban its own times are enough.
        let is_ban = !self.get("until").is_empty();
        let at = |key| match self.time(key).filter(|_| !is_ban) {
            Some(time) => moment(time),
            None => String::new(),
        };
        let more = self.fields.iter().filter(|(key, _)| !KNOWN.contains(key));
        let more: Vec<_> = more.map(|(key, value)| format!("{key}={value}")).collect();
        vec![
            self.address.into(),
            self.get("count").into(),
            self.get("hosts").into(),
            self.get("distinct").into(),
            self.get("rule").into(),
            at("first"),
            at("last"),
            self.time("since").map_or(String::new(), moment),
            ends,
            self.get("packets").into(),
            note,
            self.get("port").into(),
            self.get("origin").into(),
            self.get("backend").into(),
            more.join(" "),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let now = Time::parse(b"2026-03-30T02:16:17Z").expect("a time");
        let row = |line: &str| {
            let mut cells = Fields::new(line).cells(now);
            // Written in the local zone.
            cells[5..8].iter_mut().for_each(String::clear);
            cells.join("|")
        };
        for (line, expected) in [
            (
                "203.0.113.7\tcount=5\trule=sshd/failed\tsince=2026-03-30T02:10:00Z\t\
                 until=2026-03-30T03:14:17Z\tpackets=9\tbytes=1",
                "203.0.113.7|5|||sshd/failed||||in 58m|9|||||",
            ),
            (
                "2001:db8::/64\tuntil=never",
                "2001:db8::/64||||||||never||||||",
            ),
            (
                "203.0.113.7\tport=22,80\torigin=web\tbackend=exec\tonly=ledger\tuntil=never",
                "203.0.113.7||||||||never||not in the firewall|22,80|web|exec|",
            ),
            (
                "203.0.113.7\tuntil=never\tfirewall-until=2026-03-30T02:17:17Z\tuser=x\tasn=AS1",
                "203.0.113.7||||||||never||in the firewall: in 1m||||user=x asn=AS1",
            ),
            ("203.0.113.7", "203.0.113.7||||||||||||||"),
            ("", "||||||||||||||"),
        ] {
            assert_eq!(row(line), expected);
        }
        assert!(row("203.0.113.7\tlifted=2026-03-30T01:00:00Z").contains("|lifted 2026-"));
    }

    #[test]
    fn totals_by_rule() {
        let totals = |rules: &[&str]| {
            let mut verdicts = Verdicts::default();
            for rule in rules {
                verdicts.add(format!("203.0.113.7\t{rule}").as_bytes());
            }
            verdicts.totals()
        };
        assert_eq!(totals(&[]), None);
        assert_eq!(totals(&["", ""]).as_deref(), Some("2 in all"));
        let some = totals(&["rule=sshd/failed", "", "rule=sshd/failed"]);
        let expected = "3 in all: 2 sshd/failed, 1 without a rule";
        assert_eq!(some.as_deref(), Some(expected));
        let many: Vec<_> = "abcdefghij".chars().map(|c| format!("rule={c}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(totals(&many).is_some_and(|t| t.ends_with(", 1 h, 2 of other rules")));
    }
}
