//! The trait of all firewalls.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::target::Target;
use pipeban::address::Address;
use pipeban::program::{self, Bounds};

/// The packets that a firewall drops or is to drop, and the time that is left of its
/// ban; `None` is until lifted.
pub type Entry = (Target, Option<Duration>);

/// The packets that a firewall has dropped since a ban was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropped {
    /// Their number.
    pub packets: u64,
    /// Their length, in bytes.
    pub bytes: u64,
    /// How long they are counted for, at least, if the firewall tells.
    pub age: Option<Duration>,
}

impl Dropped {
    /// The packets of both.
    pub fn plus(self, other: Self) -> Self {
        Dropped {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
            age: self.age.max(other.age),
        }
    }
}

/// An entry with the packets that it has dropped, if the firewall counts them.
pub type Counted = (Entry, Option<Dropped>);

/// The bans that a firewall is asked for.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// All.
    All,
    /// Those of exactly these targets, in this order.
    Targets(&'a [Target]),
    /// Those of exactly these addresses and networks, of all packets and for single ports.
    Addresses(&'a [Address]),
    /// The same, for single ports alone.
    Ports(&'a [Address]),
}

impl About<'_> {
    /// Those of `all` that are asked for.
    pub(super) fn among(self, mut all: Vec<Counted>) -> Vec<Counted> {
        match self {
            About::All => (),
            About::Targets(targets) => {
                let all = all.into_iter().map(|counted| (counted.0.0, counted));
                let all: HashMap<Target, Counted> = all.collect();
                return targets.iter().filter_map(|t| all.get(t).copied()).collect();
            }
            About::Addresses(addresses) => {
                let asked: HashSet<&Address> = addresses.iter().collect();
                all.retain(|((target, _), _)| asked.contains(&target.address));
            }
            About::Ports(addresses) => {
                all = About::Addresses(addresses).among(all);
                all.retain(|((target, _), _)| target.port != 0);
            }
        }
        all
    }
}

/// The bounds of a firewall's program: others wait while it runs. A list of a million entries has
/// some 60 MB.
pub(super) const PROGRAM: Bounds = Bounds {
    time: Duration::from_secs(30),
    output: 512 << 20,
};

/// Runs a firewall's program and answers its output; see [`program::output`].
pub(super) fn run(program: &str, arguments: &[&str], input: &[u8]) -> io::Result<String> {
    program::output(program, arguments, input, &PROGRAM)
}

/// The changes that no ledger knows and that a firewall keeps, beside its bans: those that a look
/// at its bans would not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Targets that were lifted, and not banned since then.
    pub lifts: Vec<Target>,
    /// Targets whose bans end when the firewall has it, also if the ledger knows a later end: those
    /// that the firewall does not hold have ended.
    pub ends: Vec<Target>,
}

impl Kept {
    /// Of lifts and ends as they are kept: the last change of each target. A ban removes a lift,
    /// and a lift leaves an end.
    pub(super) fn new(lifts: Vec<Target>, mut ends: Vec<Target>) -> Self {
        let lifted: HashSet<Target> = lifts.iter().copied().collect();
        ends.retain(|target| !lifted.contains(target));
        Kept { lifts, ends }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lifts.is_empty() && self.ends.is_empty()
    }
}

/// A firewall that drops all packets from a banned address: those to this host, those forwarded
/// through it, and those of open connections.
///
/// An error of kind `PermissionDenied` or `Unsupported` says that nothing will ever work here; one
/// of kind `TimedOut` says that nothing works just now.
pub trait Firewall {
    /// Whether it holds no ban for certain, by a sign that costs next to nothing; `false` if there
    /// is no such sign.
    fn is_unused(&mut self) -> bool {
        false
    }

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

    /// Forgets the packets that bans have dropped that have ended. To be called where bans were
    /// made that the ledger never knew: [`ban_first`](Self::ban_first) does not look for their
    /// counters.
    fn forget_ended(&mut self) -> io::Result<()> {
        Ok(())
    }

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

    /// The same, if most likely none of these addresses is or was banned: then it may be quicker.
    fn ban_first(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.ban(entries)
    }

    /// Bans all of these, which no ledger knows: after this, and after each part of it that is done
    /// before a kill, [`ensure`](Self::ensure) answers that the bans have to be restored, and then
    /// these are entered. This holds also if another process has listed the bans just before, and
    /// notes now that they are restored. Those of these whose lifts are kept have a kept end from
    /// then on.
    fn ban_unentered(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.ban(entries)
    }

    /// The same for bans that are there and get another end, which is kept before.
    fn end_unentered(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.ban_unentered(entries)
    }

    /// Lifts all of these, and no ledger knows; in all else as
    /// [`ban_unentered`](Self::ban_unentered). Answers whether the lifts are kept.
    fn lift_unentered(&mut self, targets: &[Target]) -> io::Result<bool> {
        self.lift(targets).map(|()| false)
    }

    /// The changes that are kept; `None` if nothing was changed without a ledger since the bans
    /// were [`restored`](Self::restored).
    fn kept(&mut self) -> io::Result<Option<Kept>> {
        Ok(None)
    }

    /// Forgets these, which were kept, and lifts the targets of the lifts once more: one who
    /// restores bans may have put them back. `false` if there may be others since then: where a
    /// backend can tell that, it leaves bans that were made since then as they are.
    fn forget_kept(&mut self, _: &Kept) -> io::Result<bool> {
        Ok(true)
    }

    /// Whether bans were changed without a ledger since they were [`restored`](Self::restored).
    fn has_unentered(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// Lifts all of these; an address that is not banned is no error.
    fn lift(&mut self, targets: &[Target]) -> io::Result<()>;

    /// The bans of now that are asked for, with the packets that were dropped; `None` if the
    /// backend cannot tell.
    fn counted(&mut self, about: About) -> io::Result<Option<Vec<Counted>>>;

    /// The bans of now that are asked for, without the packets that were dropped: that is quicker
    /// where those are counted apart. `None` if the backend cannot tell.
    fn found(&mut self, about: About) -> io::Result<Option<Vec<Entry>>> {
        let found = self.counted(about)?;
        Ok(found.map(|found| found.into_iter().map(|(entry, _)| entry).collect()))
    }

    /// The packets that the bans of these targets have dropped, those that there are.
    fn dropped(&mut self, targets: &[Target]) -> io::Result<Vec<Option<Dropped>>> {
        let counted = self.counted(About::Targets(targets))?.into_iter().flatten();
        let counted: HashMap<Target, Option<Dropped>> = counted
            .map(|((target, _), dropped)| (target, dropped))
            .collect();
        let of_each = targets.iter().map(|t| counted.get(t).copied().flatten());
        Ok(of_each.collect())
    }

    /// Those of `targets` that are banned now, in this order, with the time that is left; `None` if
    /// the backend cannot tell.
    fn held(&mut self, targets: &[Target]) -> io::Result<Option<Vec<Entry>>> {
        self.found(About::Targets(targets))
    }

    /// All targets that are banned now, with the time that is left; `None` if the backend cannot
    /// tell.
    fn list(&mut self) -> io::Result<Option<Vec<Entry>>> {
        self.found(About::All)
    }

    /// The number of all bans, also of those that have ended just now; `None` if the backend has to
    /// list them to tell.
    fn count(&mut self) -> io::Result<Option<usize>> {
        Ok(None)
    }

    /// The greatest number of addresses that should be given to [`held`](Self::held) in one call: a
    /// backend that has to list all of them should be asked once.
    fn asked_at_once(&self) -> usize {
        usize::MAX
    }

    /// Reasons why a packet from a banned address may get through, in plain words; none if all is
    /// well.
    fn verify(&mut self) -> io::Result<Vec<String>>;

    /// A ban may end later than asked for by this: the time counts from the moment at which a
    /// program has told the kernel.
    fn late(&self) -> Duration {
        Duration::ZERO
    }

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
