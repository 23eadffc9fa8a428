//! Lets go of what a tool that changes the firewall has no use for (capabilities(7)).

use rustix::io;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Keeps the right to change the network, if this process has it, and gives up all others for good.
///
/// Programs that root runs get them back from the kernel.
pub fn keep_network_only() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.permitted &= CapabilitySet::NET_ADMIN;
    sets.effective &= CapabilitySet::NET_ADMIN;
    set_capabilities(None, sets)
}
