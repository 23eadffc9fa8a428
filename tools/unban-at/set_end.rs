//! Reads records and sets the ends of their bans in batches.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use pipeban::complain::Fault;
use pipeban::lists;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::Records;
use pipeban::time::{Time, parse_at};
use pipeban_ban::privilege::keep_network_only;

use crate::arguments::Arguments;
use crate::ends::Ends;

/// The number of bans of one host that end together.
const TOGETHER: usize = 20_000;
/// If no record comes for this time, it is noted which ones were printed.
const IDLE: Duration = Duration::from_millis(100);

/// Sets the ends of the bans of all records; answers whether there was any.
pub fn run(arguments: &Arguments, time: &str) -> Result<bool, Fault> {
    // Read before anything is done, and again for each batch: "now + 1 hour" moves with the clock.
    parse_at(time, Time::now()).map_err(|e| Fault::new("TIME", e + &no_time(time)))?;
    check_words(time, &arguments.addresses)?;
    let mut ends = Ends::open(
        arguments.state_file.as_deref(),
        arguments.origin.as_deref(),
        arguments.port.concat(),
    )?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut output = Output::enduring(arguments.json);
    output.show_table();
    let mut done = false;
    if let (Some(origin), []) = (&arguments.origin, &arguments.addresses[..]) {
        let now = Time::now();
        let until = parse_at(time, now).map_err(|e| Fault::new("TIME", e))?;
        for addresses in ends.of_origin(now)?.chunks(TOGETHER) {
            let batch = addresses.iter().map(|address| {
                let mut record = Record::new(*address);
                if origin != "." {
                    record.set("origin", origin.as_bytes());
                }
                record
            });
            done |= ends.set(batch.collect(), until, now, &mut output)?;
            output.flush()?;
            ends.printed();
        }
        ends.forget_printed()?;
        return Ok(done);
    }
    let mut records = Records::of_addresses(arguments.addresses.clone());
    loop {
        let deadline = ends.has_printed().then(|| Instant::now() + IDLE);
        let Some(batch) = records.next_batch(&mut output, deadline, Ok)? else {
            break;
        };
        if batch.is_empty() {
            ends.forget_printed()?;
            continue;
        }
        let now = Time::now();
        let until = parse_at(time, now).map_err(|e| Fault::new("TIME", e))?;
        let batch = match arguments.inside {
            true => with_inside(batch, &mut ends, now)?,
            false => batch,
        };
        done |= ends.set(batch, until, now, &mut output)?;
        output.flush()?;
        ends.printed();
    }
    ends.forget_printed()?;
    ends.finish();
    Ok(done)
}

/// A hint where an address stands in the place of TIME.
fn no_time(time: &str) -> String {
    match lists::networks(time.as_bytes()) {
        Some(_) => format!("; the time comes first: unban-at now {time}"),
        None => String::new(),
    }
}

/// Refuses a time of several words that was not quoted: its first word may mean another time, and
/// `now` would lift at once.
fn check_words(time: &str, operands: &[OsString]) -> Result<(), Fault> {
    let is_word = |operand: &&OsString| lists::networks(operand.as_encoded_bytes()).is_none();
    let words: Vec<_> = operands.iter().take_while(is_word).collect();
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let mut whole = time.to_string();
    let mut quoted = None;
    for word in &words {
        whole = format!("{whole} {word}");
        if parse_at(&whole, Time::now()).is_ok() {
            quoted = Some(whole.clone());
        }
    }
    let begins = words
        .first()
        .is_some_and(|word| word.starts_with(['+', '-']) && *word != "-");
    if quoted.is_some() || begins {
        let whole = quoted.unwrap_or(whole);
        let what = format!("a time of several words is quoted: unban-at '{whole}' ADDRESS");
        return Err(Fault::new("TIME", what));
    }
    Ok(())
}

/// These records, and one for each banned address or network inside their networks.
fn with_inside(batch: Vec<Record>, ends: &mut Ends, now: Time) -> Result<Vec<Record>, Fault> {
    let mut all = Vec::with_capacity(batch.len());
    for record in batch {
        let network = record.address;
        all.push(record);
        if !network.is_host() {
            let inside = ends.inside(&network, now)?;
            all.extend(inside.into_iter().map(Record::new));
        }
    }
    Ok(all)
}
