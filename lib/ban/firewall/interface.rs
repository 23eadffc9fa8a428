//! The trait of all firewalls.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::program::{self, Bounds};

/// An address or network that a firewall holds or is to hold, and the time that is left of its
/// ban; `None` is until lifted.
pub type Entry = (Address, Option<Duration>);

/// The packets that a firewall has dropped since a ban was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropped {
    /// Their number.
    pub packets: u64,
    /// Their length, in bytes.
    pub bytes: u64,
}

/// An entry with the packets that it has dropped, if the firewall counts them.
pub type Counted = (Entry, Option<Dropped>);

/// The bounds of a firewall's program: others wait while it runs. A list of a million entries has
/// some 60 MB.
const PROGRAM: Bounds = Bounds {
    time: Duration::from_secs(30),
    output: 512 << 20,
};

/// Runs a firewall's program and answers its output; see [`program::output`].
pub(super) fn run(program: &str, arguments: &[&str], input: &[u8]) -> io::Result<String> {
    program::output(program, arguments, input, &PROGRAM)
}

/// A firewall that drops all packets from a banned address: those to this host, those forwarded
/// through it, and those of open connections.
///
/// An error of kind `PermissionDenied` or `Unsupported` says that nothing will ever work here; one
/// of kind `TimedOut` says that nothing works just now.
pub trait Firewall {
    /// Makes sure that the tables and rules are in the kernel, and puts back what is missing; cheap
    /// if nobody changed them.
    ///
    /// Answers whether bans may have been lost. The caller then bans all addresses again that
    /// should be banned, and calls [`restored`](Self::restored); until then every process gets this
    /// answer.
    fn ensure(&mut self) -> io::Result<bool>;

    /// Notes in the kernel that the bans are complete; `false` if some may have been lost again
    /// since [`ensure`](Self::ensure).
    fn restored(&mut self) -> io::Result<bool>;

    /// Whether bans may have been lost since [`ensure`](Self::ensure), as far as a backend can tell
    /// that at once; `false` if it can't.
    fn lost_again(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// The state of the bans, as a text: after each change, by anybody, it is another one. `None`
    /// if the backend can't tell, or the bans may not be complete.
    fn state(&mut self) -> io::Result<Option<String>> {
        Ok(None)
    }

    /// The same; `None` also if another process has changed anything since the last call of
    /// [`state`](Self::state).
    fn state_after(&mut self) -> io::Result<Option<String>> {
        Ok(None)
    }

    /// Bans all of these; after an error some may be banned. An address that is already banned
    /// takes the new time, longer or shorter, and no packet gets through meanwhile.
    fn ban(&mut self, entries: &[Entry]) -> io::Result<()>;

    /// Lifts all of these; an address that is not banned is no error.
    fn lift(&mut self, addresses: &[Address]) -> io::Result<()>;

    /// Those of `addresses` that are banned now, with the time that is left; `None` if the backend
    /// cannot tell.
    fn held(&mut self, addresses: &[Address]) -> io::Result<Option<Vec<Entry>>> {
        let asked: HashSet<&Address> = addresses.iter().collect();
        let held = self.list()?;
        Ok(held.map(|held| {
            held.into_iter()
                .filter(|(a, _)| asked.contains(a))
                .collect()
        }))
    }

    /// The greatest number of addresses that should be given to [`held`](Self::held) in one call: a
    /// backend that has to list all of them should be asked once.
    fn asked_at_once(&self) -> usize {
        usize::MAX
    }

    /// All addresses that are banned now, with the time that is left; `None` if the backend cannot
    /// tell.
    fn list(&mut self) -> io::Result<Option<Vec<Entry>>>;

    /// Those of `addresses` that are banned now, or all, with the packets that were dropped; `None`
    /// if the backend cannot tell.
    fn counted(&mut self, addresses: Option<&[Address]>) -> io::Result<Option<Vec<Counted>>> {
        let held = match addresses {
            Some(addresses) => self.held(addresses)?,
            None => self.list()?,
        };
        Ok(held.map(|held| held.into_iter().map(|entry| (entry, None)).collect()))
    }

    /// Reasons why a packet from a banned address may get through, in plain words; none if all is
    /// well.
    fn verify(&mut self) -> io::Result<Vec<String>>;

    /// Whether a ban of this length ends by itself; if not, somebody has to
    /// [`lift`](Self::lift) it in time.
    fn expires(&self, time: Duration) -> bool;

    /// The greatest number of addresses that should be told in one call: one, if each takes long.
    fn at_once(&self) -> usize {
        20_000
    }
}

/// Whether an error of a firewall's will come again, whatever it is told.
pub fn lasts(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unsupported
    )
}
