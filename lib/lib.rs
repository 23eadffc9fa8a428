//! The library that pipeban's tools share, in the order in which a record meets it.

pub mod address; // an address or network and its canonical text
pub mod firewall; // the kernel's firewall: one trait, a file for each backend
pub mod time; // moments, durations, at(1) times, the time stamps of logs
