//! `--why ADDRESS`: the history of its bans and of those of networks around it, with their
//! evidence.

use std::path::Path;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::firewall::name_in;
use pipeban_ban::ledger::{Ledger, seconds};

/// Prints a record for each ban, the widest network first, then the oldest ban.
///
/// `lifted=` is the moment of a lift before the ban's `until=`.
pub fn run(
    address: &Address,
    state_file: Option<&Path>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let Some(ledger) = Ledger::look(state_file)? else {
        return Ok(false);
    };
    let mut found = false;
    for len in 0..=address.prefix_len() {
        for details in ledger.history(&address.widen(len))? {
            let mut record = Record::with_fields(details.ban.address, &details.facts);
            record.set("since", seconds(details.ban.since).as_bytes());
            let until = |until: Option<Time>| until.map_or("never".into(), seconds);
            record.set("until", until(details.planned_end).as_bytes());
            if details.planned_end != details.ban.until {
                record.set("lifted", until(details.ban.until).as_bytes());
            }
            record.set("backend", name_in(&details.backend).as_bytes());
            output.record(&record)?;
            found = true;
        }
    }
    output.flush()?;
    Ok(found)
}
