//! Bans for single ports in a firewall that needs two entries for each: one for TCP, one for UDP.

use std::collections::BTreeMap;
use std::time::Duration;

use super::interface::{Counted, Dropped};
use crate::target::Target;

/// The protocols of ports, as the programs name them.
pub(super) const PROTOCOLS: [&str; 2] = ["tcp", "udp"];

/// The time left of an entry and the packets that it has dropped, by protocol.
type Halves = [Option<(Option<Duration>, Option<Dropped>)>; 2];

/// The entries for single ports that were read, each with its other half.
#[derive(Default)]
pub(super) struct Ports(BTreeMap<Target, Halves>);

impl Ports {
    /// Adds one entry; another protocol is nobody's ban.
    pub(super) fn add(
        &mut self,
        target: Target,
        protocol: &str,
        left: Option<Duration>,
        dropped: Option<Dropped>,
    ) {
        if let Some(half) = PROTOCOLS.iter().position(|name| *name == protocol) {
            self.0.entry(target).or_default()[half] = Some((left, dropped));
        }
    }

    /// The bans. One without its other half has no time left: so it is not taken for a whole one,
    /// and can be lifted.
    pub(super) fn join(self) -> impl Iterator<Item = Counted> {
        self.0.into_iter().map(|(target, halves)| {
            let left = match halves {
                [Some((tcp, _)), Some((udp, _))] => tcp.into_iter().chain(udp).min(),
                _ => Some(Duration::ZERO),
            };
            let dropped = halves
                .into_iter()
                .flatten()
                .filter_map(|(_, dropped)| dropped);
            ((target, left), dropped.reduce(Dropped::plus))
        })
    }
}
