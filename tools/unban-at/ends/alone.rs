//! Ends that are set in the firewalls alone: the ledger can't be used.

use std::collections::{HashMap, HashSet};

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::time::Time;
use pipeban_ban::firewall::Entry;
use pipeban_ban::ledger::{Ban, NewBan, lock_alone};
use pipeban_ban::target::Target;

use super::{Bans, Ends};

impl Ends {
    /// Sets the ends in the firewalls alone; answers the bans of each address that was banned.
    pub(super) fn set_alone(&mut self, addresses: &[Address], until: Time, now: Time) -> Vec<Bans> {
        let found = self.look_for(addresses, &HashSet::new());
        let mut ended: HashMap<Address, Bans> = HashMap::new();
        for (backend, held) in found.into_iter().filter(|(_, held)| !held.is_empty()) {
            let Ok(firewall) = self.firewalls.open(&backend) else {
                continue;
            };
            let targets: Vec<Target> = held.iter().map(|(target, _)| *target).collect();
            let left = until.since(now);
            let _lock = lock_alone(self.state_file.as_deref(), backend.name());
            let set = if until <= now {
                firewall.lift_unentered(&targets)
            } else if firewall.expires(left) {
                let entries: Vec<Entry> = targets.iter().map(|t| (*t, Some(left))).collect();
                firewall.end_unentered(&entries).map(|()| true)
            } else {
                let text = "nothing would lift its bans, without the ledger: they stay as they are";
                Err(std::io::Error::other(text))
            };
            let key = match set {
                Ok(is_kept) => {
                    if !is_kept {
                        let text = "lifted here only: the ledger bans again when bans are \
                                    restored; lift again once it can be used";
                        complain::error(backend.name(), text);
                    }
                    backend.to_string()
                }
                Err(e) => {
                    if let Fault::Error { place, what } = backend.fault(&e) {
                        complain::error(place, what);
                    }
                    String::new()
                }
            };
            for target in targets {
                let ban = Ban {
                    until: Some(until),
                    ..NewBan::held(target, Some(left), now).ban
                };
                let bans = ended.entry(target.address).or_default();
                bans.push((key.clone(), ban));
            }
        }
        let bans = addresses
            .iter()
            .map(|a| ended.remove(a).unwrap_or_default());
        bans.collect()
    }
}
