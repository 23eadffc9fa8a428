//! The record of an address that reached the threshold, made from the line that decided it.

use pipeban::address::Address;
use pipeban::record::Record;

use super::rule::Crossing;
use crate::output::check_saturation;

/// The length at which a line that is evidence is cut, in bytes.
const EVIDENCE: usize = 8 << 10;

/// The record in a line that was read before.
pub fn parse(line: &[u8]) -> Option<Record> {
    Record::parse(line).ok().flatten()
}

/// The first `most` lines that a record carries, each cut at [`EVIDENCE`].
pub fn evidence_of(line: &[u8], most: usize) -> Vec<Vec<u8>> {
    let Some(record) = parse(line) else {
        return vec![];
    };
    let cut = |mut line: Vec<u8>| {
        line.truncate(EVIDENCE);
        line.shrink_to_fit();
        line
    };
    record.all("line").take(most).map(cut).collect()
}

/// The record of a network that reached the threshold, with the fields of the record that decided
/// it. `evidence` is the number of lines that are kept.
pub fn record(
    decided: Option<Record>,
    network: Address,
    crossing: &Crossing,
    evidence: usize,
) -> Record {
    check_saturation(crossing.count);
    let mut record = decided.unwrap_or_else(|| Record::new(network));
    record.address = network;
    record.set("count", crossing.count.to_string().as_bytes());
    match crossing.hosts {
        Some(hosts) => record.set("hosts", hosts.to_string().as_bytes()),
        None => record.remove("hosts"),
    }
    record.set("first", crossing.first.to_string().as_bytes());
    record.set("last", crossing.last.to_string().as_bytes());
    if evidence > 0 {
        record.remove("line");
        for line in &crossing.lines {
            record.push("line", line);
        }
    }
    record
}
