//! Gives up rights that a tool has no use for (capabilities(7)), before it reads hostile input.
//!
//! Programs that root runs get them back from the kernel.

use nix::unistd::geteuid;
use rustix::io;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Gives up all capabilities for good. To be called by a thread before it starts others, once all
/// files are open.
pub fn keep_none() -> io::Result<()> {
    keep(CapabilitySet::empty())
}

/// Keeps the right to read all files, and gives up all others for good; see [`keep_none`]. For
/// tools that open logs while they run.
pub fn keep_reading() -> io::Result<()> {
    keep(CapabilitySet::DAC_READ_SEARCH)
}

/// A user other than root keeps its permitted set: it has been given these capabilities one by one,
/// also for the programs that the tool runs, and the kernel would not give them back to them.
fn keep(kept: CapabilitySet) -> io::Result<()> {
    let mut sets = capabilities(None)?;
    if geteuid().is_root() {
        sets.permitted &= kept;
    }
    sets.effective &= kept;
    set_capabilities(None, sets)
}
