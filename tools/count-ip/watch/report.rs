//! The record of an address that reached the threshold, made from the line that decided it.

use pipeban::record::Record;

use super::rule::Report;
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

/// The record of a report, with the fields of the record that `decided`, or only with the field
/// `by` which events are counted. `evidence` is the number of lines that are kept.
pub fn record(
    decided: Option<Record>,
    report: &Report,
    by: Option<&str>,
    evidence: usize,
) -> Record {
    let Report {
        address, crossing, ..
    } = report;
    check_saturation(crossing.count);
    let mut record = Record::new(*address);
    if let Some(mut decided) = decided {
        if report.decided {
            decided.address = *address;
            record = decided;
        } else if let Some(by) = by
            && let Some(value) = decided.get(by)
        {
            record.push(by, &value);
        }
    }
    record.set("count", crossing.count.to_string().as_bytes());
    match crossing.hosts {
        Some(hosts) => record.set("hosts", hosts.to_string().as_bytes()),
        None => record.remove("hosts"),
    }
    match crossing.distinct {
        Some(distinct) => record.set("distinct", distinct.to_string().as_bytes()),
        None => record.remove("distinct"),
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
