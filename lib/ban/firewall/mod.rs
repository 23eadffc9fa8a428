//! Firewalls that hold bans: one trait, a file for each backend.
//!
//! A backend bans and lifts. It makes no decisions and does not know the ledger.

mod backend; // the backends by name
mod exec; // commands of the administrator's
mod halves; // bans for single ports in two parts
mod interface; // the trait
mod inverted; // addresses that are not banned
mod ipset; // sets of ipset(8)
mod iptables; // rules of iptables(8)
mod netlink; // messages to and from the kernel
mod nft; // the kernel's nf_tables
mod none; // no firewall
mod routes;
mod signs; // whether ipset or iptables may hold anything // default gateways, and whether there is IPv6

pub use backend::{Backend, name_in};
pub use interface::{About, Counted, Dropped, Entry, Firewall, Kept, lasts};
pub use routes::gateways;
