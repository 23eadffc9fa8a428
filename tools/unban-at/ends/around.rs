//! The networks around addresses, and the addresses inside networks.

use std::collections::{HashMap, HashSet};

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::time::Time;

use super::Ends;

impl Ends {
    /// The smallest banned network around each address; the firewalls are asked about those that
    /// are unknown to the ledger.
    pub(super) fn around(
        &mut self,
        asked: &[(Address, bool)],
        now: Time,
    ) -> Result<HashMap<Address, Address>, Fault> {
        let mut around = HashMap::new();
        let mut wider = HashSet::new();
        for (address, unknown) in asked {
            let networks = match &self.ledger {
                Some(ledger) => ledger.around(address, now)?,
                None => vec![],
            };
            if let Some(details) = networks.last() {
                around.insert(*address, details.ban.target.address);
            } else if *unknown {
                wider.extend((0..address.prefix_len()).map(|len| address.widen(len)));
            }
        }
        let wider: Vec<Address> = wider.into_iter().collect();
        for (_, held) in self.look_for(&wider, &HashSet::new()) {
            for (address, _) in asked.iter().filter(|(_, unknown)| *unknown) {
                let whole = held.iter().filter(|(target, _)| target.port == 0);
                let networks = whole.map(|(network, _)| network.address);
                let smallest = networks
                    .filter(|n| n.contains(address))
                    .max_by_key(|n| n.prefix_len());
                if let Some(network) = smallest {
                    around.entry(*address).or_insert(network);
                }
            }
        }
        Ok(around)
    }

    /// The addresses and networks inside a network that ledger or firewalls hold.
    pub fn inside(&mut self, network: &Address, now: Time) -> Result<Vec<Address>, Fault> {
        let mut found = HashSet::new();
        if let Some(ledger) = &self.ledger {
            let current = ledger.current(now, None)?;
            found.extend(current.iter().map(|details| details.ban.target.address));
        }
        let usual = self.usual.clone();
        let held = self
            .firewalls
            .ask(|b| *b == usual, |_, firewall| firewall.list());
        found.extend(
            held.iter()
                .flat_map(|(_, held)| held.iter().map(|(t, _)| t.address)),
        );
        found.retain(|address| address != network && network.contains(address));
        let mut found: Vec<Address> = found.into_iter().collect();
        found.sort();
        Ok(found)
    }
}
