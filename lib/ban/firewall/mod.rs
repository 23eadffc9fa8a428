//! The hand on the kernel's firewall: one trait, a file for each backend.
//!
//! A backend holds bans and lets them go; it decides nothing and knows no ledger.

mod exec;
mod ipset;
mod iptables;
mod netlink;
mod nft;
mod none;
mod program;

use std::io;
use std::time::Duration;

use pipeban::address::Address;

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

    /// What would let a packet from a banned address through, in plain words; nothing if all is well.
    fn verify(&mut self) -> io::Result<Vec<String>>;

    /// Whether a ban of this length ends by itself; if not, somebody has to [`lift`](Self::lift) it in time.
    fn expires(&self, time: Duration) -> bool;
}

/// The backend of this name, ready to use.
///
/// `exec` is followed by its two commands, each after a TAB: see [`exec_backend`].
pub fn open(backend: &str) -> io::Result<Box<dyn Firewall>> {
    let mut parts = backend.split('\t');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("nft"), None, None) => Ok(Box::new(nft::Nft::open()?)),
        (Some("ipset"), None, None) => Ok(Box::new(ipset::Ipset::default())),
        (Some("iptables"), None, None) => Ok(Box::new(iptables::Iptables)),
        (Some("none"), None, None) => Ok(Box::new(none::None)),
        (Some("exec"), Some(ban), Some(lift)) => Ok(Box::new(exec::Exec::new(ban, lift)?)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("no such backend: \"{backend}\""),
        )),
    }
}

/// The name of the backend that runs these commands to ban and to lift; whoever has it can open it.
///
/// Both are a program and its arguments, split at white space; in each argument `{address}` stands for the address
/// or network and `{family}` for `ipv4` or `ipv6`.
pub fn exec_backend(ban: &str, lift: &str) -> io::Result<String> {
    exec::Exec::new(ban, lift)?;
    let words = |command: &str| command.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(format!("exec\t{}\t{}", words(ban), words(lift)))
}

/// A backend's name without what belongs to it alone, for people.
pub fn name(backend: &str) -> &str {
    backend.split('\t').next().unwrap_or(backend)
}

/// The backend for this system: nft where the kernel has it, else ipset, else iptables, by the programs installed.
pub fn usual() -> &'static str {
    match nft::Nft::open() {
        Err(e) if e.kind() == io::ErrorKind::Unsupported => {
            if program::run("ipset", &["--version"], b"").is_ok() {
                "ipset"
            } else {
                "iptables"
            }
        }
        _ => "nft",
    }
}
