//! The record of an address that reached the threshold, made from the line that decided it.

use memchr::memchr;
use pipeban::address::write_number;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::{Record, fields};

use super::rule::Report;
use crate::output::{check_saturation, print_count};

/// Whether a report sets the field of this key.
fn is_replaced(key: &[u8]) -> bool {
    matches!(key, b"count" | b"hosts" | b"distinct" | b"first" | b"last")
}

/// The length at which a line that is evidence is cut, in bytes.
const EVIDENCE: usize = 8 << 10;

/// The record in a line that was read before.
fn parse(line: &[u8]) -> Option<Record> {
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

/// Prints a report. `line` decided it; it is empty for a bare address. `by` is the field by which
/// events are counted, `evidence` the number of lines that are kept.
pub fn print(
    report: &Report,
    line: &[u8],
    by: Option<&str>,
    evidence: usize,
    output: &mut Output,
) -> Result<(), Fault> {
    let crossing = &report.crossing;
    let plain = crossing.hosts.or(crossing.distinct).is_none();
    if line.is_empty() && plain && crossing.lines.is_empty() {
        let span = Some((crossing.first, crossing.last));
        return print_count(report.address, crossing.count, span, output);
    }
    if evidence == 0 && print_quickly(report, line, by, output)? {
        return Ok(());
    }
    output.record(&record(parse(line), report, by, evidence))
}

/// Prints a report as [`record`] makes it of a line and without evidence, but makes no record,
/// because there are millions. False if it is one that only [`record`] can make.
fn print_quickly(
    report: &Report,
    line: &[u8],
    by: Option<&str>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let escaped = !report.decided && memchr(b'\\', line).is_some();
    if output.is_json() || escaped || line.trim_ascii_start().starts_with(b"{") {
        return Ok(false);
    }
    let crossing = &report.crossing;
    check_saturation(crossing.count);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let rest = memchr(b'\t', line).map_or(&[][..], |tab| &line[tab..]);
    let buffer = output.buffer();
    report.address.write(buffer);
    let by = by.map(str::as_bytes);
    let passes = |key| match report.decided {
        true => !is_replaced(key),
        false => Some(key) == by,
    };
    let most = if report.decided { usize::MAX } else { 1 };
    let passing = fields(rest).filter(|(key, _)| passes(key));
    for (_, field) in passing.take(most) {
        buffer.push(b'\t');
        buffer.extend_from_slice(field);
    }
    let mut number = |key: &[u8], number: u64| {
        buffer.extend_from_slice(key);
        write_number(number, buffer);
    };
    number(b"\tcount=", crossing.count);
    if let Some(hosts) = crossing.hosts {
        number(b"\thosts=", hosts);
    }
    if let Some(distinct) = crossing.distinct {
        number(b"\tdistinct=", distinct);
    }
    buffer.extend_from_slice(b"\tfirst=");
    let first = buffer.len();
    crossing.first.write(buffer);
    let end = buffer.len();
    buffer.extend_from_slice(b"\tlast=");
    match crossing.first == crossing.last {
        true => buffer.extend_from_within(first..end),
        false => crossing.last.write(buffer),
    }
    output.line(b"")?;
    Ok(true)
}

/// The record of a report, with the fields of the record that `decided`, or only with the field
/// `by` which events are counted. `evidence` is the number of lines that are kept.
fn record(decided: Option<Record>, report: &Report, by: Option<&str>, evidence: usize) -> Record {
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
