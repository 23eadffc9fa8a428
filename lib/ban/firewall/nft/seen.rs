//! Our part of the kernel's ruleset as it was seen.

use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;

use super::header;
use super::rules::Rules;
use super::ruleset;
use super::set::{Role, Set};
use crate::firewall::netlink::{Attributes, Socket};

/// The greatest number of a set's elements, and the number that it has, as far as the kernel tells.
#[derive(Clone, Copy, Default)]
pub(super) struct Room {
    pub size: Option<usize>,
    pub used: Option<usize>,
}

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
    /// Those of bans in which each element has a counter: an older version made them.
    pub costly: BTreeSet<Set>,
    /// The sets of hits.
    pub hits: BTreeMap<Set, Room>,
    /// The number of all elements, if each set tells its own.
    pub elements: Option<usize>,
    /// Sets and chains of our names that another program has made: they are of another kind.
    pub foreign: Vec<String>,
    pub rules: Rules,
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
                if set.role == Role::Hits {
                    let (size, used) = (ruleset::size(a), ruleset::count(a));
                    let is_ours = ruleset::is_of_our_kind(a, set);
                    seen.hits
                        .extend(is_ours.then_some((set, Room { size, used })));
                } else if ruleset::is_of_our_kind(a, set) {
                    seen.sets.insert(set);
                    seen.costly.extend(ruleset::counts(a).then_some(set));
                    let count = seen.elements.zip(ruleset::count(a));
                    seen.elements = count.map(|(sum, count)| sum + count);
                } else {
                    seen.foreign.push(format!("set {set}"));
                }
            }
            header::NFT_MSG_NEWRULE => seen.rules.add(a),
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

    /// The rules that are missing, or lead to a chain that does not drop all.
    pub(super) fn missing_rules(&self) -> Vec<(Set, u8)> {
        let wanted = self.sets.iter();
        let wanted = wanted.flat_map(|set| set.protocols().iter().map(|p| (*set, *p)));
        wanted
            .filter(|(set, protocol)| !self.rules.drop(*set, *protocol))
            .collect()
    }

    /// The sets of bans for which packets are not counted.
    pub(super) fn uncounted(&self) -> Vec<Set> {
        let bans = self.sets.iter().filter(|set| set.role == Role::Bans);
        bans.filter(|set| !self.rules.count(**set))
            .copied()
            .collect()
    }

    /// An older version made some of it, or a killed process has not made all of it anew.
    pub(super) fn is_old(&self) -> bool {
        let is_moving = |set: &Set| set.role == Role::Moving;
        !self.costly.is_empty() || self.sets.iter().any(is_moving) || !self.uncounted().is_empty()
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

/// Whether the kernel keeps the user data of a chain.
fn keeps_token() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|n| n.parse::<u32>().ok());
    (next(), next()) >= (Some(5), Some(10)) || release.is_empty()
}
