//! `--sync`: makes the firewall hold what the ledger says, after a reboot or a flush.

use std::path::Path;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::sync;
use pipeban_ban::firewall::Backend;
use pipeban_ban::ledger::{BanFormatter, Ledger};
use pipeban_ban::waiter;

/// Prints a record for each ban that was put back in `only` one firewall, or in all that the ledger
/// names.
///
/// Answers true also if nothing was missing: the work is done.
pub fn run(
    only: Option<&Backend>,
    state_file: Option<&Path>,
    output: &mut Output,
) -> Result<bool, Fault> {
    let mut ledger = Ledger::open(state_file)?;
    let backends = match only {
        Some(backend) => vec![backend.to_string()],
        None => ledger.backends(Time::now())?,
    };
    for backend in &backends {
        let backend = Backend::parse(backend).map_err(|e| Fault::new("ledger", e))?;
        let mut firewall = backend.open()?;
        let mut printed = Ok(());
        let mut formatter = BanFormatter::default();
        let outcome = sync(&mut ledger, &backend, firewall.as_mut(), |ban| {
            let mut record = Record::new(ban.address);
            formatter.describe(ban, &mut record);
            if printed.is_ok() {
                printed = output.record(&record);
            }
        })?;
        if outcome.later {
            waiter::start(ledger.path())?;
        }
        printed?;
    }
    output.flush()?;
    Ok(true)
}
