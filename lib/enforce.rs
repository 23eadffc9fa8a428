//! Makes the firewall hold what the ledger says; neither knows of the other.

use crate::complain::Fault;
use crate::firewall::Firewall;
use crate::input::describe;
use crate::ledger::Ledger;
use crate::time::Time;

/// Tells the firewall all that the ledger has pending for it; everything, where the firewall has lost what was ours.
pub fn enforce(
    ledger: &mut Ledger,
    backend: &str,
    firewall: &mut dyn Firewall,
) -> Result<(), Fault> {
    let fault = |e| Fault::new(backend, describe(&e));
    // Every process gets this answer until the firewall is told that all is restored, so nothing is
    // forgotten if this one is killed on the way.
    let lost = firewall.ensure().map_err(fault)?;
    if lost {
        ledger.doubt(backend)?;
    }
    ledger.settle(backend, |pending| {
        let now = Time::now();
        let (ended, lasting): (Vec<_>, Vec<_>) = pending.iter().partition(|b| b.has_ended(now));
        let left = |until: Option<Time>| until.map(|until| until.since(now));
        let bans: Vec<_> = lasting.iter().map(|b| (b.address, left(b.until))).collect();
        let lifts: Vec<_> = ended.iter().map(|b| b.address).collect();
        firewall
            .ban(&bans)
            .and_then(|()| firewall.lift(&lifts))
            .map_err(fault)
    })?;
    if lost {
        firewall.restored().map_err(fault)
    } else {
        Ok(())
    }
}
