//! Records in, the same out with the names of their networks.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use memchr::memchr;
use pipeban::address::{Address, fast};
use pipeban::complain::{self, Fault};
use pipeban::hints::no_address;
use pipeban::input::{Event, Input};
use pipeban::lists::{self, Line};
use pipeban::masks::prefetch;
use pipeban::output::Output;
use pipeban::privilege::keep_none;
use pipeban::record::{Record, fields};

use crate::columns::Columns;
use crate::database::Databases;

/// The keys that are set here; fields that a record has under them already go.
const KEYS: [&[u8]; 4] = [b"asn", b"org", b"country", b"net"];

/// The number of lines whose networks are looked up together.
const BATCH: usize = 64;

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
    let mut at = 0;
    let mut batch = Vec::with_capacity(BATCH);
    while at < block.len() {
        bad.all += 1;
        let text = &block[at..];
        let end = memchr(b'\n', text).unwrap_or(text.len());
        let line = at..at + end;
        at += end + 1;
        if direct && let Some((address, after)) = leading(text, end) {
            any = true;
            batch.push((line, after, address));
            if batch.len() == BATCH {
                name_batch(&mut batch, block, databases, output)?;
            }
            continue;
        }
        name_batch(&mut batch, block, databases, output)?;
        let (records, doubt) = read(&block[line]);
        if let Some(doubt) = doubt {
            bad.lines.push((bad.all, doubt));
        }
        for record in records {
            any = true;
            let mut text = Vec::new();
            copy_fields(record.fields_text(), &mut text);
            append(&find(databases, &record.address), &mut text);
            let named = Record::with_fields(record.address, &text);
            match columns {
                Some(columns) => columns.add(named, output)?,
                None => output.record(&named)?,
            }
        }
    }
    name_batch(&mut batch, block, databases, output)?;
    Ok(any)
}

/// Names the addresses of a batch of lines: of each its place in the block, and the length and the
/// value of its address. Each table is read in three steps, each of all addresses, so that the
/// memory is asked for many things at once.
fn name_batch(
    batch: &mut Vec<(Range<usize>, usize, Address)>,
    block: &[u8],
    databases: &Databases,
    output: &mut Output,
) -> Result<(), Fault> {
    for table in databases.tables() {
        for (.., address) in batch.iter() {
            table.prefetch_index(address);
        }
        for (.., address) in batch.iter() {
            table.prefetch_ranges(address);
        }
        for (.., address) in batch.iter() {
            if let Some((_, entry)) = table.find(address) {
                prefetch(entry);
            }
        }
    }
    let names = batch.iter().map(|(.., address)| {
        let names = find(databases, address);
        names
            .fields
            .iter()
            .flat_map(|field| field.first())
            .for_each(prefetch);
        names
    });
    let names: Vec<_> = names.collect();
    for ((line, after, address), names) in batch.drain(..).zip(names) {
        let line = &block[line];
        let buffer = output.buffer();
        match line[..after].contains(&b'.') {
            // A quad is canonical: no other form of it is read here.
            true => buffer.extend_from_slice(&line[..after]),
            false => address.write(buffer),
        }
        copy_fields(&line[after..], buffer);
        append(&names, buffer);
        buffer.push(b'\n');
        output.flush_if_full()?;
    }
    Ok(())
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

/// The names of a network.
struct Names<'a> {
    net: Option<Address>,
    /// `asn=`, `org=` and `country=`, or nothing.
    fields: [&'a [u8]; 3],
}

/// Finds the names of a network: each from the first database that has it, and `net=` from the
/// first that has the network.
#[inline]
fn find<'a>(databases: &'a Databases, address: &Address) -> Names<'a> {
    let mut names = Names {
        net: None,
        fields: [&[]; 3],
    };
    for table in databases.tables() {
        let Some((around, entry)) = table.find(address) else {
            continue;
        };
        names.net.get_or_insert(around);
        let found = [entry.asn(), entry.org(), entry.country()];
        for (field, found) in names.fields.iter_mut().zip(found) {
            if field.is_empty() {
                *field = found;
            }
        }
    }
    names
}

/// Appends the names of a network.
#[inline]
fn append(names: &Names, out: &mut Vec<u8>) {
    let Some(net) = names.net else { return };
    for field in names.fields {
        out.extend_from_slice(field);
    }
    out.extend_from_slice(b"\tnet=");
    net.write(out);
}
