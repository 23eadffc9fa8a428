//! ban-ip as its users meet it, on a real kernel in a namespace, and the backends and the ledger
//! below it.

mod backends;
mod chaos;
#[path = "../common/mod.rs"]
mod common;
mod firewall;
mod hanging;
mod ledger;
mod packets;
mod refusals;
mod retention;
mod state;
mod times;
