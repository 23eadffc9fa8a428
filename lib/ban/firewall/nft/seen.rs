//! Our part of the kernel's ruleset as it was seen.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::header;
use super::ruleset;
use super::set::Set;
use crate::firewall::netlink::{Attributes, Socket};

/// Our part of the kernel's ruleset, as it was at a generation; generation 0 is none.
#[derive(Default)]
pub(super) struct Ruleset {
    pub generation: u32,
    pub table: bool,
    pub handle: Option<u64>,
    pub chain: bool,
    /// The mark that the bans are complete, and the number of its token.
    pub restored: Option<Option<u64>>,
    /// The mark that bans were changed without a ledger.
    pub unentered: Option<Option<u64>>,
    pub sets: BTreeSet<Set>,
    /// The sets whose elements have no counters: an older version made them.
    pub uncounted: BTreeSet<Set>,
    /// The number of all elements, if each set tells its own.
    pub elements: Option<usize>,
    /// Sets and chains of our names that another program has made: they are of another kind.
    pub foreign: Vec<String>,
    /// The rules, each by its set and the protocol that it looks for.
    pub rules: BTreeSet<(Set, u8)>,
}

impl Ruleset {
    /// Reads it; fails with EINTR if somebody changes the ruleset meanwhile.
    pub(super) fn read(socket: &mut Socket) -> Result<Self, Errno> {
        let mut seen = Ruleset {
            generation: generation(socket)?,
            elements: Some(0),
            ..Ruleset::default()
        };
        let mut each = |kind, _, a: Attributes| match kind {
            header::NFT_MSG_NEWTABLE => {
                seen.table = ruleset::is_awake(a);
                seen.handle = ruleset::handle(a);
            }
            header::NFT_MSG_NEWCHAIN => {
                let hooked = ruleset::hooked(a);
                seen.chain |= hooked == Some(true);
                if hooked == Some(false) {
                    seen.foreign.push(format!("chain {}", header::CHAIN));
                }
                seen.restored = ruleset::marked(a, header::RESTORED).or(seen.restored);
                seen.unentered = ruleset::marked(a, header::UNENTERED).or(seen.unentered);
            }
            header::NFT_MSG_NEWSET => {
                let Some(set) = ruleset::set(a) else { return };
                if ruleset::is_of_our_kind(a, set) {
                    seen.sets.insert(set);
                    seen.uncounted.extend((!ruleset::counts(a)).then_some(set));
                    let count = seen.elements.zip(ruleset::count(a));
                    seen.elements = count.map(|(sum, count)| sum + count);
                } else {
                    seen.foreign.push(format!("set {set}"));
                }
            }
            header::NFT_MSG_NEWRULE => seen.rules.extend(ruleset::dropped_by(a)),
            _ => (),
        };
        for request in ruleset::get_all() {
            match socket.ask(&request, &mut each) {
                Err(Errno::ENOENT) | Ok(()) => (),
                failed => return failed.map(|()| seen),
            }
        }
        // Else the parts were seen at different times.
        if generation(socket)? == seen.generation {
            Ok(seen)
        } else {
            Err(Errno::EINTR)
        }
    }

    /// The rules that are missing.
    pub(super) fn missing_rules(&self) -> Vec<(Set, u8)> {
        let wanted = self.sets.iter();
        let wanted = wanted.flat_map(|set| set.protocols().iter().map(|p| (*set, *p)));
        wanted.filter(|rule| !self.rules.contains(rule)).collect()
    }

    /// The bans are complete.
    pub(super) fn is_restored(&self) -> bool {
        is_valid(self.restored) && !self.has_unentered()
    }

    /// Bans were changed without a ledger.
    pub(super) fn has_unentered(&self) -> bool {
        is_valid(self.unentered)
    }
}

/// Whether this is a mark of ours. Kernels before 5.10 keep no token.
fn is_valid(mark: Option<Option<u64>>) -> bool {
    mark.is_some_and(|token| token.is_some() || !keeps_token())
}

/// The generation of the kernel's ruleset.
pub(super) fn generation(socket: &mut Socket) -> Result<u32, Errno> {
    let mut generation = 0;
    socket.ask(&ruleset::get_generation(), |_, _, a| {
        generation = ruleset::generation(a);
    })?;
    Ok(generation)
}

/// Whether the kernel has counters for the elements of a set; others pass over that wish.
pub(super) fn counts_elements() -> bool {
    kernel_is_at_least(5, 7)
}

/// Whether the kernel keeps the user data of a chain.
fn keeps_token() -> bool {
    kernel_is_at_least(5, 10)
}

fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|n| n.parse::<u32>().ok());
    (next(), next()) >= (Some(major), Some(minor)) || release.is_empty()
}
