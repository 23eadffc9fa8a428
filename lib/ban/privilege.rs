//! Gives up the capabilities that a tool which changes the firewall does not need
//! (capabilities(7)).

use rustix::io;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Keeps the capability to change the network, if this process has it, and gives up all others for
/// good.
///
/// The kernel gives them back to programs that root runs.
pub fn keep_network_only() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.permitted &= CapabilitySet::NET_ADMIN;
    sets.effective &= CapabilitySet::NET_ADMIN;
    set_capabilities(None, sets)
}
