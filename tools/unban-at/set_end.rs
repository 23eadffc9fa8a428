//! Reads records and sets the ends of their bans in batches.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::{Time, parse_at};
use pipeban_ban::privilege::keep_network_only;

use crate::arguments::Arguments;
use crate::ends::Ends;

/// The largest batch of records; a batch ends earlier when the input has nothing more just now.
const BATCH: usize = 10_000;

/// Sets the ends of the bans of all records; answers whether there was any.
pub fn run(arguments: &Arguments, time: &str, output: &mut Output) -> Result<bool, Fault> {
    // Read before anything is done, and again for each batch: "now + 1 hour" moves with the clock.
    parse_at(time, Time::now()).map_err(|e| Fault::new("TIME", e))?;
    let mut ends = Ends::open(arguments.state_file.as_deref())?;
    // From here on remote parties write the input.
    keep_network_only().map_err(|e| Fault::new("capabilities", e))?;
    let mut records = Records::of_addresses(arguments.addresses.clone());
    let mut batch = Vec::new();
    let (mut done, mut reader_gone) = (false, false);
    loop {
        let item = records.next(None)?;
        let waits = !matches!(item, Item::Record(_));
        let ended = matches!(item, Item::End);
        if let Item::Record(record) = item {
            batch.push(record);
        }
        if waits || batch.len() >= BATCH {
            let batch = std::mem::take(&mut batch);
            if !batch.is_empty() {
                let now = Time::now();
                let until = parse_at(time, now).map_err(|e| Fault::new("TIME", e))?;
                let batch = match arguments.inside {
                    true => with_inside(batch, &mut ends, now)?,
                    false => batch,
                };
                match ends.set(batch, until, now, output) {
                    Err(Fault::ReaderGone) => (done, reader_gone) = (true, true),
                    set => done |= set?,
                }
            }
            match output.flush() {
                Err(Fault::ReaderGone) => reader_gone = true,
                result => result?,
            }
        }
        // Nobody reads any more, but the records that had been sent by then are done.
        if ended || (waits && reader_gone) {
            return Ok(done);
        }
    }
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
