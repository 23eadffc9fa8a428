//! `--list`: the bans that have an end.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::ledger::Ledger;
use pipeban_ban::whose;

use crate::arguments::Arguments;

/// Prints the bans that have an end, the first one to end first.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<bool, Fault> {
    output.show_table();
    let state_file = arguments.state_file.as_deref();
    let current = match Ledger::look(state_file)? {
        Some(ledger) => ledger.current(Time::now(), None)?,
        None => vec![],
    };
    let mut bans: Vec<_> = current.iter().map(|details| details.ban).collect();
    bans.retain(|ban| ban.until.is_some());
    bans.sort_by_key(|ban| ban.until);
    for ban in &bans {
        let mut record = Record::new(ban.target.address);
        if ban.target.port != 0 {
            record.set("port", ban.target.port.to_string().as_bytes());
        }
        ban.describe(&mut record);
        output.record(&record)?;
    }
    if bans.is_empty() {
        whose::tell(state_file);
    }
    output.end_table("no ban has an end")?;
    Ok(!bans.is_empty())
}
