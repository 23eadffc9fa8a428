//! The tallies of all addresses in memory, under its bound.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::list::Bits;
use pipeban::address::{Address, mask4, mask6};
use pipeban::time::Time;

use super::groups::group::Group;
use super::policy::{GroupKey, Policy, RowRule, Store};
use super::rule::Verdict;
use super::sets::Reached;
use super::tally::Tally;
use crate::table::bound::Bound;
use crate::table::key::Ipv6Key;
use crate::table::map::{AddressMap, Map};
use crate::table::rows::{MOST_ADDRESSES, Rows};
use crate::throttle::LastCounted;
use crate::value::Value;

/// The tallies of all addresses.
pub struct Memory {
    tallies: AddressMap<Tally>,
    groups: Map<Value, Group>,
    last_counted: AddressMap<LastCounted>,
    /// Where the rule is simple, the events of nearly all addresses.
    rows: Option<(RowRule, Rows<u32, 8>, Rows<Ipv6Key, 1>)>,
    /// The prefix lengths of the smallest networks that are counted, of IPv4 and IPv6.
    sizes: [u8; 2],
    /// The same as masks.
    masks: (u32, u128),
    bound: Bound,
}

/// The address or network for which an event counts, and the place of its events in memory as far
/// as it is known.
pub enum Target {
    Ipv4(u32, usize),
    Ipv6(Ipv6Key, usize),
    /// A group of this hash.
    Group(Address, u64),
    /// With the hash of the smallest network around the address.
    Tally(Address, u64),
}

impl Target {
    /// Whether its events are in a row.
    #[inline(always)]
    pub fn is_row(&self) -> bool {
        matches!(self, Target::Ipv4(..) | Target::Ipv6(..))
    }
}

impl Memory {
    /// `addresses` is the highest number of them, if the user gave one. `stored`: tallies are kept
    /// in the state file.
    pub fn new(addresses: Option<usize>, policy: &Policy, stored: bool) -> Self {
        let rows = |rule: RowRule| (rule, Rows::new(rule.width()), Rows::new(rule.width()));
        let rows = policy
            .simple()
            .filter(|_| !stored && addresses.is_none_or(|most| most <= MOST_ADDRESSES))
            .map(rows);
        let light = policy.rule.is_light() && (policy.keys().is_none() || rows.is_some());
        let sizes = policy.smallest();
        Memory {
            tallies: AddressMap::new(),
            groups: Map::new(),
            last_counted: AddressMap::new(),
            rows,
            sizes,
            masks: (mask4(sizes[0]), mask6(sizes[1])),
            bound: Bound::new(addresses, light),
        }
    }

    /// The target of an event of this address or network.
    #[inline(always)]
    pub fn target(&self, address: Address) -> Target {
        let simple = self.rows.is_some();
        match address.ip() {
            IpAddr::V4(ip) if simple && address.prefix_len() >= self.sizes[0] => {
                self.target_of(Bits::V4(ip.to_bits()))
            }
            IpAddr::V6(ip) if simple && address.prefix_len() >= self.sizes[1] => {
                self.target_of(Bits::V6(ip.to_bits()))
            }
            ip => {
                let size = self.sizes[usize::from(ip.is_ipv6())];
                Target::Tally(address, self.tallies.hash(&address.widen(size)))
            }
        }
    }

    /// The target of an event of this address in the group of this key.
    pub fn group_target(&self, address: Address, key: &Value) -> Target {
        Target::Group(address, self.groups.hash(key))
    }

    /// The same for a single address.
    #[inline(always)]
    pub fn target_of(&self, bits: Bits) -> Target {
        if self.rows.is_some() {
            return match bits {
                Bits::V4(number) => Target::Ipv4(number & self.masks.0, 0),
                Bits::V6(number) => Target::Ipv6((number & self.masks.1).into(), 0),
            };
        }
        self.target(bits.into())
    }

    /// Loads the slots in the indexes of a target, the first of two accesses to memory.
    #[inline(always)]
    pub fn prefetch_index(&self, target: &mut Target) {
        match (target, &self.rows) {
            (Target::Ipv4(number, at), Some((_, ipv4, _))) => *at = ipv4.prefetch_index(*number),
            (Target::Ipv6(number, at), Some((_, _, ipv6))) => *at = ipv6.prefetch_index(*number),
            (Target::Group(_, hash), _) => self.groups.prefetch_index(*hash),
            (Target::Tally(_, hash), _) => self.tallies.prefetch_index(*hash),
            _ => {}
        }
    }

    /// Loads the events themselves, the second access.
    #[inline(always)]
    pub fn prefetch_events(&self, target: &mut Target) {
        match (target, &self.rows) {
            (Target::Ipv4(number, at), Some((_, ipv4, _))) => {
                *at = ipv4.prefetch_row(*number, *at);
            }
            (Target::Ipv6(number, at), Some((_, _, ipv6))) => {
                *at = ipv6.prefetch_row(*number, *at);
            }
            (Target::Group(_, hash), _) => self.groups.prefetch_entry(*hash),
            (Target::Tally(_, hash), _) => self.tallies.prefetch_entry(*hash),
            _ => {}
        }
    }

    /// Loads the place in a group where the event's address is looked for, the third access.
    #[inline(always)]
    pub fn prefetch_group(&self, target: &Target) {
        if let Target::Group(address, hash) = target
            && let Some(group) = self.groups.guess(*hash)
        {
            group.prefetch(address);
        }
    }

    /// The address or network of a target.
    pub fn address(&self, target: &Target) -> Address {
        let (ip, size) = match target {
            Target::Ipv4(number, _) => (Ipv4Addr::from_bits(*number).into(), self.sizes[0]),
            Target::Ipv6(number, _) => {
                let ip = Ipv6Addr::from_bits((*number).into());
                (IpAddr::from(ip), self.sizes[1])
            }
            Target::Group(address, _) | Target::Tally(address, _) => return *address,
        };
        Address::from(ip).widen(size)
    }

    /// Whether distinct values are counted in rows.
    #[inline(always)]
    pub fn has_sets(&self) -> bool {
        matches!(self.rows, Some((RowRule::Distinct(_), ..)))
    }

    /// Counts an event whose target is a row; `None` if it is none. Returns the events that reached
    /// the threshold. `value` is the one that is to be distinct.
    #[inline(always)]
    pub fn count_row(
        &mut self,
        target: &Target,
        value: Value,
        at: Time,
        now: Option<Time>,
    ) -> Option<Verdict<Reached>> {
        loop {
            let Some((rule, ipv4, ipv6)) = &mut self.rows else {
                return None;
            };
            let (rule, bound) = (*rule, &mut self.bound);
            // Two closures, as one for both would be called and not inlined.
            let reached = match target {
                Target::Ipv4(number, place) => {
                    ipv4.change(*number, *place, bound, |row| rule.add(row, value, at, now))
                }
                Target::Ipv6(number, place) => {
                    ipv6.change(*number, *place, bound, |row| rule.add(row, value, at, now))
                }
                _ => return None,
            };
            if reached.is_some() {
                return reached;
            }
            self.make_room();
        }
    }

    /// Reports how many addresses were evicted, if any were.
    pub fn report_evictions(&self) {
        self.bound.report(false);
    }

    #[cold]
    fn make_room(&mut self) {
        let last_counted = &mut self.last_counted;
        let (tallies, groups) = (&mut self.tallies, &mut self.groups);
        match &mut self.rows {
            Some((_, ipv4, ipv6)) => {
                self.bound
                    .make_room([tallies, groups, last_counted, ipv4, ipv6])
            }
            None => self.bound.make_room([tallies, groups, last_counted]),
        }
    }
}

impl Store for Memory {
    type Error = Infallible;

    #[inline(always)]
    fn change<R>(
        &mut self,
        network: &Address,
        change: impl FnOnce(&mut Tally) -> R,
    ) -> Result<R, Infallible> {
        let hash = self.tallies.hash(network);
        loop {
            if let Some(place) = self.tallies.place(network, hash, &mut self.bound) {
                let result = self.tallies.change(place, change);
                self.bound.relieve([&mut self.tallies]);
                return Ok(result);
            }
            self.make_room();
        }
    }

    fn change_group<R>(
        &mut self,
        _: GroupKey,
        value: Value,
        change: impl FnOnce(&mut Group) -> R,
    ) -> Result<R, Infallible> {
        let hash = self.groups.hash(&value);
        loop {
            if let Some(place) = self.groups.place(&value, hash, &mut self.bound) {
                let result = self.groups.change(place, change);
                self.bound.relieve([&mut self.groups]);
                return Ok(result);
            }
            self.make_room();
        }
    }

    fn change_last_counted(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, Infallible> {
        let hash = self.last_counted.hash(host);
        loop {
            if let Some(place) = self.last_counted.place(host, hash, &mut self.bound) {
                return Ok(self.last_counted.change(place, |last| change(&mut last.0)));
            }
            self.make_room();
        }
    }
}
