//! The tallies of all addresses in memory, under its bound.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::list::Bits;
use pipeban::address::{Address, mask4, mask6};
use pipeban::time::Time;

use super::groups::group::Group;
use super::policy::{GroupKey, Policy, Store};
use super::row_rule::RowRule;
use super::tally::Tally;
use crate::table::bound::Bound;
use crate::table::key::Ipv6Key;
use crate::table::map::{AddressMap, Map};
use crate::table::rows::{MOST_ADDRESSES, Rows};
use crate::throttle::LastCounted;
use crate::value::Value;

/// The rule of rows, and those of IPv4 and IPv6.
pub type AllRows = (RowRule, Rows<u32, 8>, Rows<Ipv6Key, 1>);

/// The tallies of all addresses.
pub struct Memory {
    tallies: AddressMap<Tally>,
    groups: Map<Value, Group>,
    last_counted: AddressMap<LastCounted>,
    /// Where the rule is simple, the events of nearly all addresses.
    rows: Option<AllRows>,
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

    /// The target of an event of this address in the group of this key. Its slot in the index is
    /// loaded, the first of several accesses to memory.
    #[inline(always)]
    pub fn load_group(&self, address: Address, key: &Value) -> Target {
        let hash = self.groups.hash(key);
        self.groups.prefetch_index(hash);
        Target::Group(address, hash)
    }

    /// Gives the target of an event of a single address to `then`. Its slot in the index is loaded,
    /// the first of two accesses to memory. The target is not returned: moved as a whole, it would
    /// have to wait until its parts are stored.
    #[inline(always)]
    pub fn load(&self, bits: Bits, then: impl FnOnce(Target)) {
        let Some((_, ipv4, ipv6)) = &self.rows else {
            return then(self.load_any(bits.into()));
        };
        match bits {
            Bits::V4(number) => {
                let number = number & self.masks.0;
                then(Target::Ipv4(number, ipv4.prefetch_index(number)));
            }
            Bits::V6(number) => {
                let number = (number & self.masks.1).into();
                then(Target::Ipv6(number, ipv6.prefetch_index(number)));
            }
        }
    }

    /// The target of an event of any address or network. Loads its slot in the index.
    pub fn load_any(&self, address: Address) -> Target {
        match (address.ip(), &self.rows) {
            (IpAddr::V4(ip), Some((_, ipv4, _))) if address.prefix_len() >= self.sizes[0] => {
                let number = ip.to_bits() & self.masks.0;
                Target::Ipv4(number, ipv4.prefetch_index(number))
            }
            (IpAddr::V6(ip), Some((_, _, ipv6))) if address.prefix_len() >= self.sizes[1] => {
                let number = (ip.to_bits() & self.masks.1).into();
                Target::Ipv6(number, ipv6.prefetch_index(number))
            }
            (ip, _) => {
                let size = self.sizes[usize::from(ip.is_ipv6())];
                let hash = self.tallies.hash(&address.widen(size));
                self.tallies.prefetch_index(hash);
                Target::Tally(address, hash)
            }
        }
    }

    /// Loads the events themselves, the second access; of targets that are rows see
    /// [`prefetch_rows`](super::row_batch::prefetch_rows).
    #[inline(always)]
    pub fn prefetch_events(&self, target: &Target) {
        match target {
            Target::Group(_, hash) => self.groups.prefetch_entry(*hash),
            Target::Tally(_, hash) => self.tallies.prefetch_entry(*hash),
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

    /// Whether the events of single addresses are in rows, and whether these are distinct values.
    #[inline(always)]
    pub fn has_rows(&self) -> (bool, bool) {
        let distinct = matches!(self.rows, Some((RowRule::Distinct(_), ..)));
        (self.rows.is_some(), distinct)
    }

    /// The rows, with the bound under which they are.
    #[inline(always)]
    pub fn rows(&mut self) -> Option<(&mut AllRows, &mut Bound)> {
        let rows = self.rows.as_mut()?;
        Some((rows, &mut self.bound))
    }

    /// Reports how many addresses were evicted, if any were.
    pub fn report_evictions(&self) {
        self.bound.report(false);
    }

    /// Makes it possible to count the next event.
    #[cold]
    pub fn make_room(&mut self) {
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
