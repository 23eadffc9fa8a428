//! Looks in all firewalls for bans that the ledger does not know.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::firewall::{Backend, Firewall};
use pipeban::complain::{self, Fault};

/// The firewalls that were opened so far.
#[derive(Default)]
pub struct Firewalls {
    open: HashMap<Backend, Box<dyn Firewall>>,
}

impl Firewalls {
    /// The firewalls that can be asked for the bans that they hold.
    pub const ASKED: [Backend; 3] = [Backend::Nft, Backend::Ipset, Backend::Iptables];

    /// The firewall of this backend, opened if need be.
    pub fn open(&mut self, backend: &Backend) -> Result<&mut dyn Firewall, Fault> {
        let firewall = match self.open.entry(backend.clone()) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => slot.insert(backend.open()?),
        };
        Ok(firewall.as_mut())
    }

    /// Asks each firewall that can tell by `ask`; answers the entries with their firewalls.
    ///
    /// An error is reported only if `used` says that this firewall is used here: others may not
    /// exist.
    pub fn ask<T>(
        &mut self,
        used: impl Fn(&Backend) -> bool,
        mut ask: impl FnMut(&Backend, &mut dyn Firewall) -> std::io::Result<Option<Vec<T>>>,
    ) -> Vec<(Backend, Vec<T>)> {
        let mut found = Vec::new();
        for backend in Self::ASKED {
            let opened = self.open(&backend);
            let held = opened.and_then(|firewall| match firewall.is_unused() {
                true => Ok(None),
                false => ask(&backend, firewall).map_err(|e| backend.fault(&e)),
            });
            match held {
                Ok(held) => found.push((backend, held.unwrap_or_default())),
                Err(Fault::Error { place, what }) if used(&backend) => {
                    complain::error(place, what);
                }
                Err(_) => (),
            }
        }
        found
    }
}
