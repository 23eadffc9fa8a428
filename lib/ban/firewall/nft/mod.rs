//! The kernel's nf_tables, over netlink (linux/netfilter/nf_tables.h).
//!
//! All bans are in one table, `inet pipeban`. Its chain hooks in before connection tracking and
//! routing, so neither a rule that accepts open connections nor a forwarded port lets a packet past
//! it. For each family and prefix length in use there is a hash set with timeouts, and a rule that
//! drops packets from the addresses in it: so overlapping networks keep times of their own, which
//! an interval set gets wrong. Beside it another set counts the packets that were dropped.

mod elements;
mod header;
mod hits;
mod kept;
mod listing;
mod marks;
mod put;
mod rules;
mod ruleset;
mod seen;
mod set;
mod upgrade;
mod verify;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::interface::{About, Counted, Dropped, Entry, Firewall, Kept};
use super::netlink::{Request, Socket};
use super::routes;
use crate::target::Target;
use elements::{Element, Found};
use seen::Ruleset;
use set::Set;

/// Elements per transaction: those of IPv6 fill 61 KiB of an attribute's 64, and three such
/// attributes fit a socket's usual send buffer.
const STEP: usize = 1_200;
/// Elements that are asked for together: the answers must fit a socket's receive buffer.
const ASKED: usize = 64;
/// Up to this number, elements are looked up one by one before they are put in.
const FEW: usize = 8;
/// The counters of bans that have ended are removed before many are put in, but not twice in this
/// time; and by a process that bans few at a time, after this time.
const FORGET_MANY: Duration = Duration::from_secs(10);
const FORGET_FEW: Duration = Duration::from_secs(3_600);
/// The number of attempts while other processes change the ruleset at the same moment.
const ATTEMPTS: usize = 1_000;
/// The number of attempts in a row while something is missing: a transaction that failed takes the
/// kernel some 15 ms.
const MISSING: usize = 8;

/// A set or a chain of our name is of another kind.
const FOREIGN: Errno = Errno::EPROTOTYPE;

pub(super) struct Nft {
    socket: Socket,
    seen: Ruleset,
    /// The table whose bans are being restored, by its handle, and its mark that bans were changed
    /// without a ledger.
    restoring: (Option<u64>, Option<Option<u64>>),
    /// That mark when the kept changes were read.
    kept: Option<Option<u64>>,
    /// The last elements were there already: then it is quicker not to expect new ones.
    expect_old: bool,
    /// Whether the kernel gives an element that is there another time, once that is known.
    takes_times: Option<bool>,
    /// Whether the kernel counts the packets of each ban, as far as is known.
    counts: bool,
    /// When the counters of bans that have ended were removed last.
    forgotten: Option<Instant>,
    /// Another process has changed the ruleset since [`state`](Firewall::state) was asked for.
    changed_by_others: bool,
    /// Nothing was asked or told since [`ensure`](Firewall::ensure).
    just_seen: bool,
    /// The same since [`has_unentered`](Firewall::has_unentered).
    looked: bool,
    /// All transactions since [`state`](Firewall::state) had an effect.
    is_certain: bool,
    /// Each transaction marks that bans are changed without a ledger.
    marks: bool,
}

impl Nft {
    pub(super) fn open() -> io::Result<Self> {
        let unsupported = |errno| match errno {
            // A kernel without the subsystem answers EINVAL.
            Errno::EINVAL | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT => {
                io::Error::new(ErrorKind::Unsupported, "the kernel has no nf_tables")
            }
            _ => explain(errno),
        };
        let mut nft = Nft {
            socket: Socket::open().map_err(unsupported)?,
            seen: Ruleset::default(),
            restoring: (None, None),
            kept: None,
            expect_old: false,
            takes_times: None,
            counts: true,
            forgotten: None,
            changed_by_others: false,
            just_seen: false,
            looked: false,
            is_certain: false,
            marks: false,
        };
        seen::generation(&mut nft.socket).map_err(unsupported)?;
        Ok(nft)
    }

    /// Makes sure that table, chain and rules are in place, and notes at which generation.
    fn put_in_place(&mut self) -> Result<(), Errno> {
        (self.just_seen, self.looked) = (false, false);
        if self.seen.generation != 0 && seen::generation(&mut self.socket)? == self.seen.generation
        {
            return Ok(());
        }
        self.changed_by_others = true;
        again(|| {
            self.seen = Ruleset::default();
            let seen = Ruleset::read(&mut self.socket)?;
            if !seen.foreign.is_empty() {
                return Err(FOREIGN);
            }
            let ruleless = seen.missing_rules();
            if seen.table && seen.chain && ruleless.is_empty() {
                self.seen = seen;
                return Ok(());
            }
            let request = ruleset::batch(seen.generation, |r| {
                ruleset::put_table(r);
                ruleset::put_chain(r);
                self.put_missing_rules(r, &seen, &ruleless);
            });
            self.socket.ask(&request, |_, _, _| ())?;
            // The new table's handle is not known yet.
            Err(Errno::ERESTART)
        })
    }

    /// Sends the messages of `body` as one transaction; table, chain and rules are in place then.
    fn change(&mut self, body: impl Fn(&mut Request, &Ruleset)) -> Result<(), Errno> {
        // The kernel refuses a transaction of another generation: it need not be asked before.
        let mut ask_first = self.seen.generation == 0;
        (self.just_seen, self.looked) = (false, false);
        self.is_certain = false;
        again(|| {
            if ask_first {
                self.put_in_place()?;
            }
            let (seen, mark) = (&self.seen, self.next_mark());
            let request = ruleset::batch(seen.generation, |r| {
                body(r, seen);
                if let Some(number) = mark {
                    let old = seen.unentered.is_some();
                    ruleset::put_mark(r, header::UNENTERED, old, number);
                }
            });
            if request.is_empty() {
                // Others may have made sets meanwhile.
                return match std::mem::replace(&mut ask_first, true) {
                    true => Ok(()),
                    false => Err(Errno::ERESTART),
                };
            }
            ask_first = true;
            self.socket.ask(&request, |_, _, _| ())?;
            self.seen.generation = ruleset::next(self.seen.generation);
            if mark.is_some() {
                self.seen.unentered = Some(mark);
            }
            Ok(())
        })
    }

    /// Those of these elements that are there, each with its set, at most [`ASKED`].
    fn get(&mut self, elements: &[Element]) -> Result<Vec<(Set, Found)>, Errno> {
        // Neither an element nor its set has to be there.
        Ok(self.get_parts(elements.chunks(1))?.0)
    }

    /// The same; quicker if all are there.
    fn get_together(&mut self, elements: &[Element]) -> Result<Vec<(Set, Found)>, Errno> {
        match self.get_parts(elements.chunk_by(|a, b| a.set == b.set))? {
            (held, true) => Ok(held),
            (_, false) => self.get(elements),
        }
    }

    /// Those of these elements that are there, in parts of one set each, and whether all are: if
    /// not, those behind a missing one in its part are not answered.
    fn get_parts<'a>(
        &mut self,
        parts: impl Iterator<Item = &'a [Element]>,
    ) -> Result<(Vec<(Set, Found)>, bool), Errno> {
        let mut held = Vec::new();
        let mut last: Option<(String, Set)> = None;
        let answer = self.socket.ask(&elements::get(parts), |_, _, a| {
            let Some(name) = elements::name_of_set(a) else {
                return;
            };
            if last.as_ref().is_none_or(|(known, _)| known != name) {
                last = Set::named(name).map(|set| (name.into(), set));
            }
            if let Some((_, set)) = &last {
                held.extend(elements::read(a, *set).map(|found| (*set, found)));
            }
        });
        match answer {
            Ok(()) => Ok((held, true)),
            Err(Errno::ENOENT) => Ok((held, false)),
            Err(errno) => Err(errno),
        }
    }

    /// The number of the token tells the network namespace and the boot; in them each transaction
    /// of anybody's has another generation.
    fn written_state(&self) -> Option<String> {
        let number = self.seen.restored??;
        Some(format!("{number} {}", self.seen.generation))
    }
}

impl Firewall for Nft {
    fn ensure(&mut self) -> io::Result<bool> {
        // After a look that found all in order the kernel need not be asked again: it refuses a
        // transaction if anybody has changed the ruleset since, and bans that were lost meanwhile
        // are found by `lost_again`, as those that are lost a moment later.
        if !(std::mem::take(&mut self.looked) && self.seen.is_restored()) {
            self.put_in_place().map_err(explain)?;
        }
        if self.counts && self.seen.is_old() {
            self.count_all().map_err(explain)?;
        }
        self.restoring = (self.seen.handle, self.seen.unentered);
        self.just_seen = true;
        Ok(!self.seen.is_restored())
    }

    fn restored(&mut self) -> io::Result<bool> {
        self.mark_restored().map_err(explain)
    }

    fn forget_ended(&mut self) -> io::Result<()> {
        Nft::forget_ended(self, Duration::ZERO).map_err(explain)
    }

    fn lost_again(&mut self) -> io::Result<bool> {
        self.put_in_place().map_err(explain)?;
        Ok(!self.seen.is_restored())
    }

    fn state(&mut self) -> io::Result<Option<String>> {
        if !std::mem::take(&mut self.just_seen) {
            self.put_in_place().map_err(explain)?;
        }
        (self.changed_by_others, self.is_certain) = (false, true);
        Ok(self.written_state())
    }

    fn state_after(&mut self) -> io::Result<Option<String>> {
        // A transaction without effect does not count as one: then the kernel is asked.
        let ours = self.is_certain
            || seen::generation(&mut self.socket).map_err(explain)? == self.seen.generation;
        let ours = ours && !self.changed_by_others;
        Ok(self.written_state().filter(|_| ours))
    }

    fn counted(&mut self, about: About) -> io::Result<Option<Vec<Counted>>> {
        let found = self.find(about).map_err(explain)?;
        let dropped = self.dropped_by(&found).map_err(explain)?;
        let entries = found.iter().map(|found| (found.target, found.left));
        Ok(Some(entries.zip(dropped).collect()))
    }

    fn found(&mut self, about: About) -> io::Result<Option<Vec<Entry>>> {
        let found = self.find(about).map_err(explain)?.into_iter();
        Ok(Some(
            found.map(|found| (found.target, found.left)).collect(),
        ))
    }

    fn dropped(&mut self, targets: &[Target]) -> io::Result<Vec<Option<Dropped>>> {
        let found: Vec<Found> = targets.iter().map(|t| Found::bare(*t)).collect();
        self.dropped_by(&found).map_err(explain)
    }

    fn count(&mut self) -> io::Result<Option<usize>> {
        let seen = again(|| Ruleset::read(&mut self.socket)).map_err(explain)?;
        Ok(seen.elements)
    }

    fn asked_at_once(&self) -> usize {
        16 * ASKED
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.ban_all(entries, false).map_err(explain)
    }

    fn ban_first(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.ban_all(entries, true).map_err(explain)
    }

    fn ban_unentered(&mut self, entries: &[Entry]) -> io::Result<()> {
        let targets = entries.iter().map(|(target, _)| *target).collect();
        self.unentered(|nft| {
            nft.lifts_become_ends(&targets).map_err(explain)?;
            nft.ban(entries)
        })
    }

    fn end_unentered(&mut self, entries: &[Entry]) -> io::Result<()> {
        let targets: Vec<Target> = entries.iter().map(|(target, _)| *target).collect();
        self.unentered(|nft| {
            nft.keep_ends(&targets).map_err(explain)?;
            nft.ban(entries)
        })
    }

    fn lift_unentered(&mut self, targets: &[Target]) -> io::Result<bool> {
        self.unentered(|nft| {
            nft.keep_lifts(targets).map_err(explain)?;
            nft.lift(targets).map(|()| true)
        })
    }

    fn kept(&mut self) -> io::Result<Option<Kept>> {
        // A saved ruleset may have old ones, but no mark.
        let is_marked = self.has_unentered()?;
        self.kept = self.seen.unentered;
        if !is_marked {
            return Ok(None);
        }
        self.looked = false;
        self.read_kept().map(Some).map_err(explain)
    }

    fn forget_kept(&mut self, kept: &Kept) -> io::Result<bool> {
        self.forget_all_kept(&kept.lifts).map_err(explain)
    }

    fn has_unentered(&mut self) -> io::Result<bool> {
        // No table is made for this question.
        if self.seen.generation == 0
            && !again(|| Ruleset::read(&mut self.socket))
                .map_err(explain)?
                .table
        {
            return Ok(false);
        }
        self.put_in_place().map_err(explain)?;
        self.looked = true;
        Ok(self.seen.has_unentered())
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        let mut elements: Vec<Element> = targets.iter().map(|t| (&(*t, None)).into()).collect();
        elements.sort_by_key(Element::order);
        elements.dedup_by_key(|e| e.target);
        for step in elements.chunks(STEP) {
            self.change(|r, seen| {
                for group in step.chunk_by(|a, b| a.set == b.set) {
                    if seen.sets.contains(&group[0].set) {
                        elements::remove(r, group);
                    }
                }
            })
            .map_err(explain)?;
        }
        Ok(())
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        again(|| {
            found.clear();
            let seen = Ruleset::read(&mut self.socket)?;
            if !seen.table {
                found.push("the table inet pipeban is missing or dormant".into());
            } else if !seen.chain {
                found.push("the table inet pipeban has no chain at the hook prerouting".into());
            }
            let kind =
                |part| format!("{part} in the table inet pipeban is of another kind than ours");
            found.extend(seen.foreign.iter().map(kind));
            let ruleless: BTreeSet<Set> = seen.missing_rules().iter().map(|r| r.0).collect();
            let no_rule = |set| format!("no rule drops what is in the set {set}");
            found.extend(ruleless.into_iter().map(no_rule));
            if seen.has_unentered() {
                found.push("bans were changed without the ledger, and not restored since".into());
            } else if !seen.is_restored() {
                found.push("bans may be missing: nobody has restored them".into());
            }
            found.extend(verify::others(&mut self.socket)?);
            found.extend(routes::bridges()?.into_iter().map(|(bridge, guest)| {
                format!("bridge {bridge} forwards packets of guests ({guest}) past the bans")
            }));
            Ok(())
        })
        .map_err(explain)?;
        Ok(found)
    }

    fn expires(&self, _: Duration) -> bool {
        true
    }
}

/// Repeats an attempt that failed because another process changed the ruleset meanwhile.
fn again<T>(mut attempt: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let mut missing = 0;
    for _ in 0..ATTEMPTS {
        match attempt() {
            Err(Errno::ERESTART | Errno::EINTR) => missing = 0,
            // Something that was there is gone; or it never will be, as in a kernel without a part.
            Err(Errno::ENOENT) if missing < MISSING => missing += 1,
            done => return done,
        }
    }
    Err(Errno::EBUSY)
}

fn explain(errno: Errno) -> io::Error {
    let error = io::Error::from(errno);
    match errno {
        Errno::EPERM => io::Error::new(
            ErrorKind::PermissionDenied,
            "not permitted: needs root or CAP_NET_ADMIN",
        ),
        FOREIGN => io::Error::new(
            ErrorKind::InvalidData,
            "a set or chain in the table inet pipeban is of another kind than ours: another \
             program has made it",
        ),
        _ => io::Error::new(error.kind(), format!("nf_tables: {}", errno.desc())),
    }
}
