//! `--verify`: rules that would let a banned address through.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban_ban::firewall::Backend;

/// Prints a line for each finding; answers whether there was none.
pub fn run(backend: &Backend, output: &mut Output) -> Result<bool, Fault> {
    let found = backend.open()?.verify().map_err(|e| backend.fault(&e))?;
    for finding in &found {
        output.line(finding.as_bytes())?;
    }
    output.flush()?;
    Ok(found.is_empty())
}
