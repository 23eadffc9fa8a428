//! The record of an address that reached the threshold, made from the line that decided it.

use memchr::memchr;
use pipeban::address::{Address, write_number};
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::{Record, fields};

use super::rule::{Crossing, Report};
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

/// Prints an address as [`record`] makes it of a line that is no JSON object, but without making a
/// record, because there are millions.
pub fn print_crossing(
    address: Address,
    crossing: &Crossing,
    line: &[u8],
    output: &mut Output,
) -> Result<(), Fault> {
    check_saturation(crossing.count);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let rest = memchr(b'\t', line).map_or(&[][..], |tab| &line[tab..]);
    let buffer = output.buffer();
    address.write(buffer);
    let replaced: [&[u8]; 5] = [b"count", b"hosts", b"distinct", b"first", b"last"];
    for (key, field) in fields(rest) {
        if !replaced.contains(&key) {
            buffer.push(b'\t');
            buffer.extend_from_slice(field);
        }
    }
    buffer.extend_from_slice(b"\tcount=");
    write_number(crossing.count, buffer);
    if let Some(distinct) = crossing.distinct {
        buffer.extend_from_slice(b"\tdistinct=");
        write_number(distinct, buffer);
    }
    buffer.extend_from_slice(b"\tfirst=");
    crossing.first.write(buffer);
    buffer.extend_from_slice(b"\tlast=");
    crossing.last.write(buffer);
    output.line(b"")
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
