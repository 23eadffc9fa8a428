//! Reads records and sets the ends of their bans in batches.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::records::{Item, Records};
use pipeban::time::{Time, parse_at};
use pipeban_ban::enforce::enforce;
use pipeban_ban::firewall::{Backend, Firewall};
use pipeban_ban::ledger::Ledger;
use pipeban_ban::privilege::keep_network_only;
use pipeban_ban::waiter;

use crate::arguments::Arguments;

/// The largest batch of records; a batch ends earlier when the input has nothing more just now.
const BATCH: usize = 10_000;

/// Sets the ends of the bans of all records; answers whether there was any.
pub fn run(arguments: &Arguments, time: &str, output: &mut Output) -> Result<bool, Fault> {
    // Read before anything is done, and again for each batch: "now + 1 hour" moves with the clock.
    parse_at(time, Time::now()).map_err(|e| Fault::new("TIME", e))?;
    let mut bans = Bans {
        ledger: Ledger::open(arguments.state_file.as_deref())?,
        firewalls: HashMap::new(),
    };
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
            done |= bans.end(std::mem::take(&mut batch), time, output)?;
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

/// The ledger, and the firewalls of its bans that were opened so far.
struct Bans {
    ledger: Ledger,
    firewalls: HashMap<Backend, Box<dyn Firewall>>,
}

impl Bans {
    /// Ends the bans of these records at `time` and prints them; answers whether there was any.
    fn end(&mut self, batch: Vec<Record>, time: &str, output: &mut Output) -> Result<bool, Fault> {
        if batch.is_empty() {
            return Ok(false);
        }
        let now = Time::now();
        let until = parse_at(time, now).map_err(|e| Fault::new("TIME", e))?;
        let addresses: Vec<_> = batch.iter().map(|record| record.address).collect();
        let ended = self.ledger.end(&addresses, until, now)?;
        let backends: HashSet<&String> = ended.iter().flatten().map(|(b, _)| b).collect();
        for backend in &backends {
            self.enforce(backend)?;
        }
        for (mut record, bans) in batch.into_iter().zip(&ended) {
            match bans.first() {
                Some((_, ban)) => {
                    ban.describe(&mut record);
                    output.record(&record)?;
                }
                None => complain::note(record.address, "not banned"),
            }
        }
        Ok(!backends.is_empty())
    }

    /// Tells a firewall of the ledger's the new ends.
    fn enforce(&mut self, backend: &str) -> Result<(), Fault> {
        let backend = Backend::parse(backend).map_err(|e| Fault::new("ledger", e))?;
        let firewall = match self.firewalls.entry(backend.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(backend.open()?),
        };
        if enforce(&mut self.ledger, &backend, firewall.as_mut())?.later {
            waiter::start(self.ledger.path())?;
        }
        Ok(())
    }
}
