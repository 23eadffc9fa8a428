//! `--sync`: makes the firewall hold what the ledger says, after a reboot or a flush.

use std::path::Path;

use pipeban::complain::Fault;
use pipeban::complain::describe;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::sync;
use pipeban_ban::firewall;
use pipeban_ban::ledger::{Clerk, Ledger};
use pipeban_ban::waiter;

/// Prints a record for each ban that was put back; `only` one firewall, else all that the ledger names.
///
/// Answers true also where all stood: the work is done.
pub fn run(
    only: Option<&str>,
    state_file: Option<&Path>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let mut ledger = Ledger::open(state_file)?;
    let backends = match only {
        Some(backend) => vec![backend.to_owned()],
        None => ledger.backends(Time::now())?,
    };
    for backend in &backends {
        let opened = firewall::open(backend);
        let mut firewall = opened.map_err(|e| Fault::new(firewall::name(backend), describe(&e)))?;
        let mut printed = Ok(());
        let mut clerk = Clerk::default();
        let outcome = sync(&mut ledger, backend, firewall.as_mut(), |ban| {
            let mut record = Record::new(ban.address);
            clerk.describe(ban, &mut record);
            if printed.is_ok() {
                printed = output.record(&record);
            }
        })?;
        if outcome.later {
            waiter::summon(ledger.path())?;
        }
        printed?;
    }
    output.flush()?;
    Ok(true)
}
