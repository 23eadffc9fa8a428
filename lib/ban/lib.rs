//! Bans: kept in the ledger, enforced in the firewall.
//!
//! Each module uses only modules that stand above it.

pub mod ports; // ports as users and records write them
pub mod target; // the packets that a ban drops

pub mod firewall; // one trait for all firewalls, a file for each backend
pub mod ledger; // the bans with their beginning, end and reason

pub mod stored; // the firewalls that a ledger names

pub mod failure; // which of the two failed
pub mod unentered; // bans and lifts that were made without the ledger

mod tell; // tells one firewall the bans that it was not told yet

pub mod holdings; // the bans that a firewall holds, beside those of the ledger
pub mod restore; // makes a firewall hold exactly the bans of the ledger

pub mod compare; // the bans of the ledger beside those of a firewall
pub mod enforce; // makes a firewall hold new bans, and those that it lost

pub mod look; // looks in all firewalls for bans that the ledger does not know

pub mod never; // addresses that are never banned
pub mod privilege; // gives up capabilities that are not needed
pub mod waiter; // the process that waits for bans to end
pub mod watch; // waits for changes of the ledger
pub mod whose; // tells an ordinary user that the ledger is not the host's
