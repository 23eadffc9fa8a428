//! Bans: kept in the ledger, enforced in the firewall.

pub mod firewall; // the kernel's firewall: one trait, a file for each backend
pub mod ledger; // which bans there are, since when and until when

pub mod enforce; // makes the firewall hold what the ledger says
pub mod privilege; // lets go of what a tool has no use for
pub mod waiter; // the one process that waits for bans to end
