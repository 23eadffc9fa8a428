//! The kernel's nf_tables, over netlink (linux/netfilter/nf_tables.h).
//!
//! All bans are in one table, `inet pipeban`. Its chain hooks in before connection tracking and
//! routing, so neither a rule that accepts open connections nor a forwarded port lets a packet past
//! it. For each family and prefix length in use there is a hash set with timeouts, and a rule that
//! drops packets from the addresses in it: so overlapping networks keep times of their own, which
//! an interval set gets wrong.

mod elements;
mod header;
mod lifts;
mod listing;
mod marks;
mod ruleset;
mod seen;
mod set;
mod upgrade;
mod verify;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::time::Duration;

use nix::errno::Errno;

use super::interface::{About, Counted, Entry, Firewall};
use super::netlink::{Request, Socket};
use super::routes;
use crate::target::Target;
use elements::Element;
use seen::Ruleset;
use set::Set;

/// Elements per transaction: those of IPv6 fill 61 KiB of an attribute's 64, and three such
/// attributes fit a socket's usual send buffer.
const STEP: usize = 1_200;
/// Elements that are asked for together: the answers must fit a socket's receive buffer.
const ASKED: usize = 64;
/// Up to this number, elements are looked up one by one before they are put in.
const FEW: usize = 8;
/// Two times left are the same if they differ by less: the kernel counts in ticks.
const TICKS: Duration = Duration::from_millis(100);
/// The number of attempts while other processes change the ruleset at the same moment.
const ATTEMPTS: usize = 1_000;

/// A set or a chain of our name is of another kind.
const FOREIGN: Errno = Errno::EPROTOTYPE;

pub(super) struct Nft {
    socket: Socket,
    seen: Ruleset,
    /// The table whose bans are being restored, by its handle, and its mark that bans were changed
    /// without a ledger.
    restoring: (Option<u64>, Option<Option<u64>>),
    /// The last elements were there already: then it is quicker not to expect new ones.
    expect_old: bool,
    /// Whether the kernel gives an element that is there another time, once that is known.
    takes_times: Option<bool>,
    /// Whether the kernel has counters for elements.
    counts: bool,
    /// Another process has changed the ruleset since [`state`](Firewall::state) was asked for.
    changed_by_others: bool,
    /// Nothing was asked or told since [`ensure`](Firewall::ensure).
    just_seen: bool,
    /// All transactions since [`state`](Firewall::state) had an effect.
    is_certain: bool,
}

/// How an element is put into its set.
#[derive(Clone, Copy, PartialEq)]
enum Put {
    /// Fails with EEXIST if it is there.
    New,
    /// If it is there it takes the new time on newer kernels, and keeps its own on older ones.
    Over,
    /// In place of one that is there.
    Anew,
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
            expect_old: false,
            takes_times: None,
            counts: seen::counts_elements(),
            changed_by_others: false,
            just_seen: false,
            is_certain: false,
        };
        seen::generation(&mut nft.socket).map_err(unsupported)?;
        Ok(nft)
    }

    /// Makes sure that table, chain and rules are in place, and notes at which generation.
    fn put_in_place(&mut self) -> Result<(), Errno> {
        self.just_seen = false;
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
                for (set, protocol) in &ruleless {
                    ruleset::put_rule(r, *set, *protocol);
                }
            });
            self.socket.ask(&request, |_, _, _| ())?;
            // The new table's handle is not known yet.
            Err(Errno::ERESTART)
        })
    }

    /// Sends the messages of `body` as one transaction; table, chain and rules are in place then.
    fn change(&mut self, body: impl Fn(&mut Request, &BTreeSet<Set>)) -> Result<(), Errno> {
        // The kernel refuses a transaction of another generation: it need not be asked before.
        let mut ask_first = self.seen.generation == 0;
        self.just_seen = false;
        self.is_certain = false;
        again(|| {
            if ask_first {
                self.put_in_place()?;
            }
            let sets = &self.seen.sets;
            let request = ruleset::batch(self.seen.generation, |r| body(r, sets));
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
            Ok(())
        })
    }

    /// Bans these in one transaction, whatever is there.
    fn ban_step(&mut self, elements: &[Element]) -> Result<(), Errno> {
        let few = elements.len() <= FEW;
        if few && self.hold(elements)? || !few && self.expect_old {
            return self.ban_again(elements);
        }
        match self.put(elements, Put::New) {
            Err(Errno::EEXIST) if !few && !self.expect_old => {
                self.expect_old = true;
                self.ban_step(elements)
            }
            Err(Errno::EEXIST) => self.put(elements, Put::Anew),
            done => done,
        }
    }

    /// Gives elements their times, some of which are there already.
    fn ban_again(&mut self, elements: &[Element]) -> Result<(), Errno> {
        // Newer kernels give an element another time without deleting it. To delete one cost 7 to
        // 16 ms when the socket was closed, a transaction that failed 16 ms (kernel 6.18), probably
        // an RCU grace period each.
        if self.takes_times == Some(false) {
            return self.put(elements, Put::Anew);
        }
        let mut probe = None;
        if self.takes_times.is_none() {
            // All elements are treated alike: one that is to have another time shows how.
            let some = &elements[..elements.len().min(ASKED)];
            let held = self.get(some)?.into_iter().map(|(entry, _)| entry);
            let held: HashMap<Target, _> = held.collect();
            let differs = |e: &&Element| held.get(&e.target).is_some_and(|l| !has_time(e, *l));
            probe = some.iter().find(differs);
        }
        self.put(elements, Put::Over)?;
        if let Some(probe) = probe {
            let held = self.get(std::slice::from_ref(probe))?;
            let takes = held
                .first()
                .is_some_and(|((_, left), _)| has_time(probe, *left));
            self.takes_times = Some(takes);
        }
        match self.takes_times {
            // Of those that were looked at, each had its time; of the others nothing is known.
            None if elements.len() <= ASKED => Ok(()),
            Some(true) => Ok(()),
            _ => self.put(elements, Put::Anew),
        }
    }

    /// Whether all of these are there.
    fn hold(&mut self, elements: &[Element]) -> Result<bool, Errno> {
        Ok(self.get(elements)?.len() == elements.len())
    }

    /// Those of these elements that are there, at most [`ASKED`].
    fn get(&mut self, elements: &[Element]) -> Result<Vec<Counted>, Errno> {
        let mut held = Vec::new();
        let answer = self.socket.ask(&elements::get(elements), |_, _, a| {
            if let Some(set) = elements::set_of(a) {
                held.extend(elements::read(a, set));
            }
        });
        match answer {
            // Neither an element nor its set has to be there.
            Ok(()) | Err(Errno::ENOENT) => Ok(held),
            failed => failed.map(|()| held),
        }
    }

    /// The number of the token tells the network namespace and the boot; in them each transaction
    /// of anybody's has another generation.
    fn written_state(&self) -> Option<String> {
        let number = self.seen.restored??;
        Some(format!("{number} {}", self.seen.generation))
    }

    fn put(&mut self, elements: &[Element], how: Put) -> Result<(), Errno> {
        let counts = self.counts;
        let is_certain = self.is_certain && how == Put::New;
        self.change(|r, sets| {
            for group in elements.chunk_by(|a, b| a.set == b.set) {
                let set = group[0].set;
                if !sets.contains(&set) {
                    ruleset::put_set(r, set, counts);
                    ruleset::put_rules(r, set);
                }
                if how == Put::Anew {
                    // To delete a missing one would fail.
                    elements::put(r, group, false);
                    elements::delete(r, group);
                }
                elements::put(r, group, how == Put::New);
            }
        })?;
        self.is_certain = is_certain;
        self.seen.sets.extend(elements.iter().map(|e| e.set));
        Ok(())
    }
}

impl Firewall for Nft {
    fn ensure(&mut self) -> io::Result<bool> {
        self.put_in_place().map_err(explain)?;
        let is_old = !self.seen.uncounted.is_empty() || self.seen.sets.iter().any(|s| s.moving);
        if self.counts && is_old {
            self.count_all().map_err(explain)?;
        }
        self.restoring = (self.seen.handle, self.seen.unentered);
        self.just_seen = true;
        Ok(!self.seen.is_restored())
    }

    fn restored(&mut self) -> io::Result<bool> {
        self.mark_restored().map_err(explain)
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
        let all = match about {
            About::All => self.list(|_| true),
            About::Targets(targets) => self.counted_targets(targets),
            About::Addresses(addresses) => self.counted_addresses(addresses),
        };
        all.map(Some).map_err(explain)
    }

    fn count(&mut self) -> io::Result<Option<usize>> {
        let seen = again(|| Ruleset::read(&mut self.socket)).map_err(explain)?;
        Ok(seen.elements)
    }

    fn asked_at_once(&self) -> usize {
        16 * ASKED
    }

    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.expect_old = false;
        let mut elements: Vec<Element> = entries.iter().rev().map(Element::from).collect();
        // One transaction cannot hold an element twice; of several the last one given stays.
        elements.sort_by_key(|e| (e.set, e.target.ip(), e.target.port));
        elements.dedup_by_key(|e| e.target);
        for step in elements.chunks(STEP) {
            self.ban_step(step).map_err(explain)?;
        }
        Ok(())
    }

    fn mark_unentered(&mut self) -> io::Result<()> {
        self.mark_changed().map_err(explain)
    }

    fn keep_lifts(&mut self, targets: &[Target]) -> io::Result<bool> {
        Nft::keep_lifts(self, targets).map_err(explain)?;
        Ok(true)
    }

    fn kept_lifts(&mut self) -> io::Result<Vec<Target>> {
        // A saved ruleset may have old ones, but no mark.
        match self.has_unentered()? {
            true => Nft::kept_lifts(self).map_err(explain),
            false => Ok(vec![]),
        }
    }

    fn has_unentered(&mut self) -> io::Result<bool> {
        self.put_in_place().map_err(explain)?;
        Ok(self.seen.has_unentered())
    }

    fn lift(&mut self, targets: &[Target]) -> io::Result<()> {
        let mut elements: Vec<Element> = targets.iter().map(|t| (&(*t, None)).into()).collect();
        elements.sort_by_key(|e| (e.set, e.target.ip(), e.target.port));
        elements.dedup_by_key(|e| e.target);
        for step in elements.chunks(STEP) {
            self.change(|r, sets| {
                for group in step.chunk_by(|a, b| a.set == b.set) {
                    if sets.contains(&group[0].set) {
                        // To delete a missing one would fail, and the whole transaction with it.
                        elements::put(r, group, false);
                        elements::delete(r, group);
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

/// Whether the time left is the one that the element is given.
fn has_time(element: &Element, left: Option<Duration>) -> bool {
    match (element.time(), left) {
        (Some(given), Some(left)) => given.abs_diff(left) < TICKS,
        (given, left) => given.is_none() && left.is_none(),
    }
}

/// Repeats an attempt that failed because another process changed the ruleset meanwhile.
fn again<T>(mut attempt: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let mut last = Errno::EBUSY;
    for _ in 0..ATTEMPTS {
        match attempt() {
            Err(Errno::ERESTART | Errno::EINTR) => (),
            // Something that was there is gone; or it never will be, as in a kernel without a part.
            Err(Errno::ENOENT) => last = Errno::ENOENT,
            done => return done,
        }
    }
    Err(last)
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
