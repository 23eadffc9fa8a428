//! Bans: kept in the ledger, enforced in the firewall.
//!
//! Each module uses only modules that stand above it.

pub mod firewall; // one trait for all firewalls, a file for each backend
pub mod ledger; // the bans with their beginning, end and reason

pub mod enforce; // makes the firewall hold the bans of the ledger
pub mod privilege; // gives up capabilities that are not needed
pub mod waiter; // the process that waits for bans to end
