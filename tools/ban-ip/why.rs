//! `--why ADDRESS`: the history of its bans and of those of networks around it, with their evidence.

use std::path::Path;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::firewall;
use pipeban_ban::ledger::{Ledger, seconds};

/// Prints a record for each ban, the widest network first, then the oldest ban.
///
/// `lifted=` is when a ban ended before its `until=`, by somebody's hand.
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
        for story in ledger.stories(&address.widen(len))? {
            let mut record = Record::with_fields(story.ban.address, &story.facts);
            record.set("since", seconds(story.ban.since).as_bytes());
            let until = |until: Option<Time>| until.map_or("never".into(), seconds);
            record.set("until", until(story.promised).as_bytes());
            if story.promised != story.ban.until {
                record.set("lifted", until(story.ban.until).as_bytes());
            }
            record.set("backend", firewall::name(&story.backend).as_bytes());
            output.record(&record)?;
            found = true;
        }
    }
    output.flush()?;
    Ok(found)
}
