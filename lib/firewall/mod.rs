//! The hand on the kernel's firewall: one trait, a file for each backend.
//!
//! A backend holds bans and lets them go; it decides nothing and knows no ledger.

use std::io;
use std::time::Duration;

use crate::address::Address;

/// An address or network to ban, and how long from now; `None` is until lifted.
pub type Ban = (Address, Option<Duration>);

/// A firewall that drops all packets from a banned address: to this host, through it, and of open connections.
pub trait Firewall {
    /// Makes sure that all of ours stands in the kernel, and puts back what is missing.
    ///
    /// Answers whether bans may have been lost, so that the caller has to restore them.
    fn ensure(&mut self) -> io::Result<bool>;

    /// Bans all of these, or none. A ban that is there already takes the new time, longer or shorter.
    fn ban(&mut self, bans: &[Ban]) -> io::Result<()>;

    /// Lifts all of these; one that is not banned is no error.
    fn lift(&mut self, addresses: &[Address]) -> io::Result<()>;

    /// What is banned now, with the time that is left.
    fn list(&mut self) -> io::Result<Vec<Ban>>;

    /// Whether bans end here by themselves; if not, somebody has to [`lift`](Self::lift) them in time.
    fn expires(&self) -> bool;
}
