//! ban-ip as its users meet it, on a real kernel in a namespace, and the backends and the ledger
//! below it.

mod backends;
mod both;
#[path = "../common/mod.rs"]
mod common;
mod firewall;
mod follow;
mod hanging;
mod kills;
mod ledger;
mod never;
mod no_ledger;
mod older_backends;
mod one_fails;
mod origins;
mod packets;
mod ports;
mod refusals;
mod restore;
mod retention;
mod state;
mod storm;
mod times;
mod trust;
