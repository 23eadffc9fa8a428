//! `--verify`: what would let a banned address through, by the live rules.

use pipeban::complain::Fault;
use pipeban::complain::describe;
use pipeban::output::Output;
use pipeban_ban::firewall;

/// Prints a line for each finding; answers whether there was none.
pub fn run(backend: &str, output: &mut Output) -> Result<bool, Fault> {
    let found = firewall::open(backend).and_then(|mut firewall| firewall.verify());
    let found = found.map_err(|e| Fault::new(firewall::name(backend), describe(&e)))?;
    for finding in &found {
        output.line(finding.as_bytes())?;
    }
    output.flush()?;
    Ok(found.is_empty())
}
