//! The hand on the kernel's firewall: one trait, a file for each backend.
//!
//! A backend holds bans and lets them go; it decides nothing and knows no ledger.

mod exec;
mod ipset;
mod iptables;
mod netlink;
mod nft;
mod nft_messages;
mod none;
mod program;

use std::io;
use std::time::Duration;

use crate::address::Address;

pub use exec::Exec;

/// An address or network to ban, and how long from now; `None` is until lifted.
pub type Ban = (Address, Option<Duration>);

/// A firewall that drops all packets from a banned address: to this host, through it, and of open connections.
///
/// An error of kind `PermissionDenied` or `Unsupported` says that nothing will ever work here.
pub trait Firewall {
    /// Makes sure that all of ours stands in the kernel, and puts back what is missing; cheap if nobody touched it.
    ///
    /// Answers whether bans may have been lost. The caller then bans all again that should be there, and says so by
    /// [`restored`](Self::restored); until somebody has, every process gets this answer.
    fn ensure(&mut self) -> io::Result<bool>;

    /// Notes in the kernel that the bans are complete.
    fn restored(&mut self) -> io::Result<()>;

    /// Bans all of these; after an error some may be banned. One that is there already takes the new time, longer
    /// or shorter, and at no moment is let through.
    fn ban(&mut self, bans: &[Ban]) -> io::Result<()>;

    /// Lifts all of these; one that is not banned is no error.
    fn lift(&mut self, addresses: &[Address]) -> io::Result<()>;

    /// What is banned now, with the time that is left; `None` where a backend cannot tell.
    fn list(&mut self) -> io::Result<Option<Vec<Ban>>>;

    /// Whether a ban of this length ends by itself; if not, somebody has to [`lift`](Self::lift) it in time.
    fn expires(&self, time: Duration) -> bool;
}

/// The backend of this name, ready to use; [`Exec`] is made by its own function.
pub fn open(name: &str) -> io::Result<Box<dyn Firewall>> {
    match name {
        "nft" => Ok(Box::new(nft::Nft::open()?)),
        "ipset" => Ok(Box::new(ipset::Ipset::default())),
        "iptables" => Ok(Box::new(iptables::Iptables)),
        "none" => Ok(Box::new(none::None)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("no such backend: \"{name}\""),
        )),
    }
}
