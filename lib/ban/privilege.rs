//! Gives up the capabilities that a tool which changes the firewall does not need
//! (capabilities(7)).

use nix::unistd::geteuid;
use rustix::io;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Keeps the capability to change the network, if this process has it, and gives up all others for
/// good.
///
/// The kernel gives them back to programs that root runs. A user other than root also keeps the
/// right to raw sockets, if it was given: iptables opens one for a rule with a set.
pub fn keep_network_only() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    let kept = match geteuid().is_root() {
        true => CapabilitySet::NET_ADMIN,
        false => CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW,
    };
    sets.permitted &= kept;
    sets.effective &= CapabilitySet::NET_ADMIN;
    set_capabilities(None, sets)
}
