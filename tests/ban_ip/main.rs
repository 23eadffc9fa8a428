//! ban-ip as its users meet it, on a real kernel in a namespace.

#[path = "../common/mod.rs"]
mod common;
mod firewall;
mod ledger;
mod refusals;
mod times;
