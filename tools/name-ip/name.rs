//! Records in, the same out with the names of their networks.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use memchr::memchr;
use pipeban::address::{Address, fast};
use pipeban::complain::{self, Fault};
use pipeban::hints::no_address;
use pipeban::input::{Event, Input};
use pipeban::lists::{self, Line};
use pipeban::output::Output;
use pipeban::privilege::keep_none;
use pipeban::record::{Record, fields};

use crate::columns::Columns;
use crate::database::Databases;

/// The keys that are set here; fields that a record has under them already go.
const KEYS: [&[u8]; 4] = [b"asn", b"org", b"country", b"net"];

/// Names all records of the files; true if there were any.
pub fn run(
    files: Vec<OsString>,
    mut databases: Databases,
    output: &mut Output,
) -> Result<bool, Fault> {
    let mut input = Input::new(files);
    input.show_progress();
    input.open_all();
    keep_none().map_err(|e| Fault::new("capabilities", e))?;
    let mut columns = (Output::is_terminal() && !output.is_json()).then(Columns::default);
    let mut any = false;
    loop {
        let mut bad = BadLines::default();
        match input.next_block(None)? {
            Event::End => break,
            Event::Idle => {
                if let Some(columns) = &mut columns {
                    columns.print(output)?;
                }
                output.flush()?;
                continue;
            }
            Event::Data(block) => {
                databases.refresh();
                any |= name_lines(block, &databases, output, &mut columns, &mut bad)?;
            }
        }
        let mut passed = 0;
        for (line, what) in bad.lines {
            input.pass_lines(line - passed);
            passed = line;
            complain::bad_line(input.place(), what);
        }
        input.pass_lines(bad.all - passed);
    }
    if let Some(columns) = &mut columns {
        columns.print(output)?;
    }
    output.flush()?;
    Ok(any)
}

/// The lines of a block that can't be read, each with its number, from 1, and the fault.
#[derive(Default)]
struct BadLines {
    lines: Vec<(u64, String)>,
    /// The number of all lines.
    all: u64,
}

fn name_lines(
    block: &[u8],
    databases: &Databases,
    output: &mut Output,
    columns: &mut Option<Columns>,
    bad: &mut BadLines,
) -> Result<bool, Fault> {
    let direct = columns.is_none() && !output.is_json();
    let mut any = false;
    let mut rest = block;
    while !rest.is_empty() {
        bad.all += 1;
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let text = rest;
        let line = &text[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if direct && let Some((address, after)) = leading(text, end) {
            let buffer = output.buffer();
            match text[..after].contains(&b'.') {
                // A quad is canonical: no other form of it is read here.
                true => buffer.extend_from_slice(&text[..after]),
                false => address.write(buffer),
            }
            copy_fields(&line[after..], buffer);
            append(databases, &address, buffer);
            buffer.push(b'\n');
            output.flush_if_full()?;
            any = true;
            continue;
        }
        let (records, doubt) = read(line);
        if let Some(doubt) = doubt {
            bad.lines.push((bad.all, doubt));
        }
        for record in records {
            any = true;
            let mut text = Vec::new();
            copy_fields(record.fields_text(), &mut text);
            append(databases, &record.address, &mut text);
            let named = Record::with_fields(record.address, &text);
            match columns {
                Some(columns) => columns.add(named, output)?,
                None => output.record(&named)?,
            }
        }
    }
    Ok(any)
}

/// The address at the beginning of a line that ends at `end` of `text`, and the place behind it.
/// `None` says only that this function does not read the line: it must have nothing but fields
/// behind an address in the common form.
#[inline(always)]
fn leading(text: &[u8], end: usize) -> Option<(Address, usize)> {
    let (ip, after) = if let Some((quad, after)) = fast::quad(text) {
        (IpAddr::from(Ipv4Addr::from_bits(quad)), after)
    } else {
        let (number, after) = fast::sextets(text)?;
        (IpAddr::from(Ipv6Addr::from_bits(number)), after)
    };
    let right = after == end || after < end && text[after] == b'\t' && text[end - 1] != b'\r';
    right.then(|| (ip.into(), after))
}

/// The records of a line, and a doubt about it.
fn read(line: &[u8]) -> (Vec<Record>, Option<String>) {
    match lists::parse(line) {
        Ok(Line::Blank) => (vec![], None),
        Ok(Line::Record(record)) => (vec![record], None),
        Ok(Line::Form(form)) => {
            let doubt = form.doubt;
            let doubt = doubt.map(|doubt| format!("{doubt} Only the first address is taken"));
            (form.banned.into_iter().map(Record::new).collect(), doubt)
        }
        Err(text) => (vec![], Some(no_address(text))),
    }
}

/// Appends the fields behind an address, without those that are set here: a remote party may have
/// written them.
#[inline]
fn copy_fields(rest: &[u8], out: &mut Vec<u8>) {
    if rest.is_empty() {
        return;
    }
    for (key, field) in fields(rest) {
        if !KEYS.contains(&key) {
            out.push(b'\t');
            out.extend_from_slice(field);
        }
    }
}

/// Appends the names of a network: each from the first database that has it, and `net=` from the
/// first that has the network.
#[inline]
fn append(databases: &Databases, address: &Address, out: &mut Vec<u8>) {
    let mut net = None;
    let (mut asn, mut org, mut country): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    for table in databases.tables() {
        let Some((around, entry)) = table.find(address) else {
            continue;
        };
        net.get_or_insert(around);
        let parts = [
            (&mut asn, entry.asn()),
            (&mut org, entry.org()),
            (&mut country, entry.country()),
        ];
        for (part, found) in parts {
            if part.is_empty() {
                *part = found;
            }
        }
    }
    let Some(net) = net else { return };
    out.extend_from_slice(asn);
    out.extend_from_slice(org);
    out.extend_from_slice(country);
    out.extend_from_slice(b"\tnet=");
    net.write(out);
}
