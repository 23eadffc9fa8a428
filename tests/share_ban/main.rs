//! share-ban: hosts in network namespaces of their own, with their own kernel firewalls, share bans
//! over Debian's mosquitto, as examples/share sets it up.

#[path = "../common/mod.rs"]
mod common;

mod fleet; // hosts and their broker

mod attempts; // attempts counted over the fleet
mod bans; // bans and lifts that arrive
mod clocks; // clocks that are wrong
mod healing; // what was lost is found again
mod poison; // hostile hosts
mod refusals; // configurations and brokers that are refused
