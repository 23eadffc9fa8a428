//! The addresses that are never banned, for a tool that bans only where a firewall has lost bans.

use std::path::{Path, PathBuf};

use pipeban::address::Address;
use pipeban::complain::Fault;

use super::ssh_peer::{Peers, peers};
use super::{Never, Protected};

/// The usual list and the built-in ones, read when they are first needed.
pub struct NeverLater {
    /// Found at the start: later the process may not look at others.
    peers: Peers,
    state_file: Option<PathBuf>,
    never: Option<Never>,
}

impl NeverLater {
    /// Finds the peer of the SSH session; see [`Protected::state_file`].
    pub fn new(state_file: Option<&Path>) -> Self {
        NeverLater {
            peers: peers(),
            state_file: state_file.map(PathBuf::from),
            never: None,
        }
    }

    /// Why this address or network must not be banned, if it must not; fails if the list can't be
    /// read whole.
    pub fn protects(&mut self, net: &Address) -> Result<Option<String>, Fault> {
        let never = match &mut self.never {
            Some(never) => never,
            None => {
                let protected = Protected {
                    state_file: self.state_file.as_deref(),
                    ..Protected::default()
                };
                let peers = Some(self.peers.clone());
                self.never
                    .insert(Never::with_peers(protected, peers, (0, 0))?)
            }
        };
        Ok(never.protects(net))
    }
}
