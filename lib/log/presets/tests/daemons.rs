//! The logs of tests/daemons, written by real daemons for clients that failed and attacked: every
//! failure is found with its own address, as often as the table of tries says, and nobody else is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::line::LineReader;
use crate::presets::{Presets, list};
use pipeban::address::Address;
use pipeban::time::Zone;

/// A row of a table: kind, number of failures, address, words.
type Try = (String, Option<u32>, String, String);

pub(super) fn read(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("tests/daemons/logs").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(super) fn tries(log: &str) -> Vec<Try> {
    let text = String::from_utf8(read(&format!("{log}.tries"))).expect("a table in UTF-8");
    let rows = text.lines().filter(|l| !l.starts_with('#'));
    let row = |line: &str| {
        let mut columns = line.splitn(4, '\t').map(str::to_string);
        let mut next = || columns.next().unwrap_or_default();
        let (kind, count, address, words) = (next(), next(), next(), next());
        let address = Address::parse(address.as_bytes()).expect("an address");
        (kind, count.parse().ok(), address.to_string(), words)
    };
    rows.map(row).collect()
}

/// The events that presets find in a log, by address.
pub(super) fn found(presets: &str, log: &[u8]) -> BTreeMap<String, u32> {
    let mut presets = Presets::new(presets.split(',')).expect("presets");
    let mut reader = LineReader::new(Zone::UTC, None);
    let mut found = BTreeMap::new();
    for line in log
        .strip_suffix(b"\n")
        .unwrap_or(log)
        .split(|b| *b == b'\n')
    {
        if let Some(hit) = presets.check(&reader.read(line), true) {
            *found.entry(hit.address.to_string()).or_default() += hit.count;
        }
    }
    found
}

/// The logs and the presets for each.
pub(super) fn logs() -> Vec<(String, String)> {
    let text = String::from_utf8(read("../presets.tsv")).expect("a table in UTF-8");
    let rows = text.lines().filter(|row| !row.starts_with('#'));
    let row = |row: &str| {
        let (log, presets) = row.split_once('\t').expect("a row of two columns");
        (log.to_string(), presets.to_string())
    };
    rows.map(row).collect()
}

/// The exceptions: log, kind, address, number of events found, reason, words of the try. Of kind
/// `strange` is an address that is no client's, from a preset without a mark; of kind `marked` one
/// from a marked preset.
const EXCEPTIONS: &str = include_str!("data/exceptions.tsv");

/// The characters of a try's words in [`EXCEPTIONS`].
const SHOWN: usize = 60;

#[test]
fn every_failure_is_found_once_and_nobody_else() {
    let marked: Vec<_> = list().into_iter().filter(|s| s.forged.is_some()).collect();
    let mut found_exceptions = BTreeSet::new();
    for (log, presets) in logs() {
        let (log, presets) = (log.as_str(), presets.as_str());
        let (text, tries) = (read(&format!("{log}.log")), tries(log));
        let is_marked = presets
            .split(',')
            .any(|p| marked.iter().any(|s| s.name == p));
        let own = found(presets, &text);
        for (kind, count, address, words) in &tries {
            let n = own.get(address).copied().unwrap_or_default();
            let good = match (kind.as_str(), count) {
                ("ok", _) => n == 0,
                ("fail" | "attack", Some(count)) => n == *count,
                _ => continue,
            };
            if !good {
                let words: String = words.chars().take(SHOWN).collect();
                let row = [log, kind, address, &n.to_string(), &words].map(str::to_string);
                found_exceptions.insert(row);
            }
        }
        for (presets, kind) in [
            (presets, if is_marked { "marked" } else { "strange" }),
            ("all", "strange"),
        ] {
            for (address, n) in found(presets, &text) {
                if !tries.iter().any(|(_, _, a, _)| *a == address) {
                    let row = [log, kind, &address, &n.to_string(), presets].map(str::to_string);
                    found_exceptions.insert(row);
                }
            }
        }
    }
    let mut known = BTreeSet::new();
    for row in EXCEPTIONS.lines().filter(|row| !row.starts_with('#')) {
        let columns: Vec<&str> = row.splitn(6, '\t').collect();
        let [log, kind, address, n, reason, words] = columns[..] else {
            panic!("no row of six columns: {row}");
        };
        assert!(!reason.is_empty(), "{row}");
        known.insert([log, kind, address, n, words].map(str::to_string));
    }
    let lines = |a: &BTreeSet<[String; 5]>, b: &BTreeSet<_>| {
        let rows = a.difference(b).map(|row| row.join("\t"));
        rows.collect::<Vec<_>>().join("\n")
    };
    let (new, gone) = (
        lines(&found_exceptions, &known),
        lines(&known, &found_exceptions),
    );
    assert!(new.is_empty(), "new:\n{new}");
    assert!(gone.is_empty(), "no exceptions any more:\n{gone}");
}
