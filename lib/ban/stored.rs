//! The firewalls that a ledger names. It is data: commands in it are run only if nobody but the
//! caller can have written them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::geteuid;

use crate::firewall::Backend;
use crate::ledger::Ledger;
use pipeban::complain::Fault;
use pipeban::state_file::{folder, is_callers_own};

/// The firewall that stands in a ledger as `key`.
pub fn stored(ledger: &Ledger, key: &str) -> Result<Backend, Fault> {
    let backend = Backend::parse(key).map_err(|e| Fault::new("ledger", e))?;
    if let Backend::Exec { .. } = backend
        && let Err(why) = is_callers_own(ledger.path())
    {
        let path = ledger.path();
        let file = fs::metadata(path).or_else(|_| fs::metadata(folder(path)));
        let owner = file.map(|file| file.uid()).ok();
        let way = match owner.filter(|owner| *owner != geteuid().as_raw()) {
            Some(owner) => format!("; run the same as user {owner}"),
            None => String::new(),
        };
        let text = format!("the commands in {} are not run: {why}{way}", path.display());
        return Err(Fault::new("exec", text));
    }
    Ok(backend)
}
