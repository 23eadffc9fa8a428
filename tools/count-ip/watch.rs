//! The stream: an address is printed at the moment that it reaches the threshold.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::hits::{Hit, Hits};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::{Time, format_duration};

use crate::Arguments;
use crate::tally::{self, Rule};

/// With a state, events are counted in one transaction up to this many, fewer when the input has nothing more just now.
const BATCH: usize = 10_000;

pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let rule = Rule {
        threshold: arguments.threshold.unwrap_or(1),
        within: arguments.within,
    };
    let mut stored = if arguments.is_remembered() {
        let path = arguments.state_file.as_deref();
        Some(Hits::open(path, &scope(&rule))?)
    } else {
        None
    };
    let mut records = Records::of_files(arguments.files);
    let mut output = Output::new(false);
    let mut known = HashMap::new();
    let mut pending = Vec::new();
    let mut done = false;
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            match time_of(&record) {
                None => records.complain("at= is no RFC 3339 time with an offset"),
                Some(at) if stored.is_some() => pending.push((record, at)),
                Some(at) => {
                    let hit = known.entry(record.address).or_default();
                    if let Some(record) = count(hit, &rule, record, at) {
                        output.record(&record)?;
                        done = true;
                    }
                }
            }
        }
        if waits || pending.len() >= BATCH {
            if let Some(stored) = &mut stored {
                for record in remember(stored, &rule, std::mem::take(&mut pending))? {
                    output.record(&record)?;
                    done = true;
                }
            }
            if waits {
                output.flush()?;
            }
        }
        if ended {
            return Ok(done);
        }
    }
}

/// Hits counted by one rule never add to those of another.
fn scope(rule: &Rule) -> String {
    let within = rule.within.map_or("ever".into(), format_duration);
    format!("{} within {within}", rule.threshold)
}

/// The record's `at=`, or now; `None` if that can't be read.
fn time_of(record: &Record) -> Option<Time> {
    match record.get("at") {
        Some(at) => Time::parse(&at),
        None => Some(Time::now()),
    }
}

/// Counts an event; answers the record to print for it, if any.
fn count(hit: &mut Hit, rule: &Rule, mut record: Record, at: Time) -> Option<Record> {
    let crossing = tally::count(hit, rule, at, Some(Time::now()))?;
    record.set("count", crossing.count.to_string().as_bytes());
    record.set("first", crossing.first.to_string().as_bytes());
    record.set("last", crossing.last.to_string().as_bytes());
    Some(record)
}

/// Counts events into the state; answers what to print once they are safely in.
fn remember(
    stored: &mut Hits,
    rule: &Rule,
    events: Vec<(Record, Time)>,
) -> Result<Vec<Record>, Fault> {
    let Some(newest) = events.iter().map(|(_, at)| *at).max() else {
        return Ok(vec![]);
    };
    stored.write(|table| {
        let mut crossed = Vec::new();
        let mut changed: HashMap<Address, Hit> = HashMap::new();
        for (record, at) in events {
            let hit = match changed.entry(record.address) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    entry.insert(table.get(&record.address)?.unwrap_or_default())
                }
            };
            crossed.extend(count(hit, rule, record, at));
        }
        for (address, hit) in &changed {
            table.put(address, hit)?;
        }
        if let Some(within) = rule.within {
            table.forget_before(newest.min(Time::now()) - within)?;
        }
        Ok(crossed)
    })
}
