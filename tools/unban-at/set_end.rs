//! Reads records and sets the ends of their bans in batches.

use std::time::{Duration, Instant};

use pipeban::complain::Fault;
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
    parse_at(time, Time::now()).map_err(|e| Fault::new("TIME", e))?;
    let mut ends = Ends::open(
        arguments.state_file.as_deref(),
        arguments.origin.as_deref(),
        arguments.port.concat(),
    )?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut output = Output::enduring(arguments.json);
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
