//! Gives up rights that a tool has no use for (capabilities(7)), before it reads hostile input.
//!
//! Programs that root runs get them back from the kernel.

use nix::unistd::geteuid;
use rustix::io;
use rustix::thread::{
    CapabilitySet, capabilities, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
};

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

/// Gives up all capabilities of this thread, of the threads that it starts and of the programs that
/// they run, also as root. Other threads keep theirs.
pub fn renounce() -> io::Result<()> {
    // So a program gets no more than this thread has, whoever runs it (capabilities(7)).
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let mut sets = capabilities(None)?;
    sets.permitted = CapabilitySet::empty();
    sets.effective = CapabilitySet::empty();
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)
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
