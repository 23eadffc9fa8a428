//! Totals at the end of input, most first.

use std::cmp::Reverse;
use std::collections::HashMap;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::hits::{Hit, Hits};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::Time;

use crate::Arguments;

pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut stored = if arguments.is_remembered() {
        Some(Hits::open(arguments.state_file.as_deref(), "totals")?)
    } else {
        None
    };
    let mut records = Records::of_files(arguments.files);
    let mut known: HashMap<Address, Hit> = HashMap::new();
    loop {
        match records.next(None)? {
            Item::Record(record) => match time_of(&record) {
                Ok(at) => known.entry(record.address).or_default().add(&event_at(at)),
                Err(()) => records.complain("at= is no RFC 3339 time with an offset"),
            },
            Item::Idle => {
                if let Some(stored) = &mut stored {
                    stored.add(std::mem::take(&mut known))?;
                }
            }
            Item::End => break,
        }
    }
    if let Some(stored) = &mut stored {
        stored.add(known)?;
        known = stored.all()?;
    }
    let mut totals: Vec<_> = known.into_iter().collect();
    totals.sort_unstable_by_key(|(address, hit)| (Reverse(hit.count), *address));
    totals.truncate(arguments.top.unwrap_or(usize::MAX));
    print(&totals)?;
    Ok(!totals.is_empty())
}

/// The record's `at=`, if it has one.
fn time_of(record: &Record) -> Result<Option<Time>, ()> {
    let Some(at) = record.get("at") else {
        return Ok(None);
    };
    Time::parse(&at).map(Some).ok_or(())
}

fn event_at(at: Option<Time>) -> Hit {
    let at = at.unwrap_or(Hit::UNKNOWN);
    Hit {
        count: 1,
        first: at,
        last: at,
        times: vec![],
    }
}

fn print(totals: &[(Address, Hit)]) -> Result<(), Fault> {
    let mut output = Output::new(false);
    for (address, hit) in totals {
        let mut record = Record::new(*address);
        record.push("count", hit.count.to_string().as_bytes());
        if hit.last != Hit::UNKNOWN {
            record.push("first", hit.first.to_string().as_bytes());
            record.push("last", hit.last.to_string().as_bytes());
        }
        output.record(&record)?;
    }
    output.flush()
}
