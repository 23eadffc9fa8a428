//! What is known of addresses while a stream is watched, in memory, under its bound.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::list::Bits;
use pipeban::address::{Address, mask4, mask6};
use pipeban::time::Time;

use crate::bound::Bound;
use crate::key::Sextets;
use crate::known::{Known, Passed};
use crate::policy::{Policy, Store};
use crate::tally::Tally;
use crate::windows::{MOST_ADDRESSES, Windows};

pub struct Memory {
    tallies: Known<Tally>,
    passed: Known<Passed>,
    /// For most addresses, where the rule is simple.
    windows: Option<(Windows<u32, 8>, Windows<Sextets, 1>)>,
    /// Prefix lengths of the smallest networks that are counted.
    sizes: [u8; 2],
    masks: (u32, u128),
    pub bound: Bound,
}

/// What an event counts for, and where that was last looked for.
pub enum Place {
    Quad(u32, usize),
    Sextets(Sextets, usize),
    /// With the hash of the smallest network around the address.
    Tally(Address, u64),
}

impl Memory {
    /// `addresses`: so many are held, if the user says so; `stored`: tallies are kept in the state.
    pub fn new(addresses: Option<usize>, policy: &Policy, stored: bool) -> Self {
        let windows = |(threshold, within)| {
            let quads = Windows::new(threshold, within);
            (quads, Windows::new(threshold, within))
        };
        let sizes = policy.smallest();
        Memory {
            tallies: Known::new(),
            passed: Known::new(),
            windows: policy
                .simple()
                .filter(|_| !stored && addresses.is_none_or(|most| most <= MOST_ADDRESSES))
                .map(windows),
            sizes,
            masks: (mask4(sizes[0]), mask6(sizes[1])),
            bound: Bound::new(addresses, policy.rule.is_light()),
        }
    }

    /// What an event of this address counts for.
    #[inline(always)]
    pub fn place(&self, address: Address) -> Place {
        let simple = self.windows.is_some();
        match address.ip() {
            IpAddr::V4(ip) if simple && address.prefix_len() >= self.sizes[0] => {
                self.place_of(Bits::V4(ip.to_bits()))
            }
            IpAddr::V6(ip) if simple && address.prefix_len() >= self.sizes[1] => {
                self.place_of(Bits::V6(ip.to_bits()))
            }
            ip => {
                let size = self.sizes[usize::from(ip.is_ipv6())];
                Place::Tally(address, self.tallies.hash(&address.widen(size)))
            }
        }
    }

    /// The same for a single address.
    #[inline(always)]
    pub fn place_of(&self, bits: Bits) -> Place {
        if self.windows.is_some() {
            return match bits {
                Bits::V4(quad) => Place::Quad(quad & self.masks.0, 0),
                Bits::V6(number) => Place::Sextets((number & self.masks.1).into(), 0),
            };
        }
        let ip: IpAddr = match bits {
            Bits::V4(quad) => Ipv4Addr::from_bits(quad).into(),
            Bits::V6(number) => Ipv6Addr::from_bits(number).into(),
        };
        self.place(ip.into())
    }

    /// Has the memory bring what leads to that which is known.
    #[inline(always)]
    pub fn bring(&self, place: &mut Place) {
        match (place, &self.windows) {
            (Place::Quad(quad, at), Some((quads, _))) => *at = quads.bring(*quad),
            (Place::Sextets(number, at), Some((_, sextets))) => *at = sextets.bring(*number),
            (Place::Tally(_, hash), _) => self.tallies.prefetch_index(*hash),
            _ => {}
        }
    }

    /// The second step, when that is there.
    #[inline(always)]
    pub fn bring_more(&self, place: &mut Place) {
        match (place, &self.windows) {
            (Place::Quad(quad, at), Some((quads, _))) => *at = quads.bring_row(*quad, *at),
            (Place::Sextets(number, at), Some((_, sextets))) => {
                *at = sextets.bring_row(*number, *at);
            }
            (Place::Tally(_, hash), _) => self.tallies.prefetch_entry(*hash),
            _ => {}
        }
    }

    /// The address or network that is meant.
    pub fn address(&self, place: &Place) -> Address {
        let (ip, size) = match place {
            Place::Quad(quad, _) => (Ipv4Addr::from_bits(*quad).into(), self.sizes[0]),
            Place::Sextets(number, _) => {
                let ip = Ipv6Addr::from_bits((*number).into());
                (IpAddr::from(ip), self.sizes[1])
            }
            Place::Tally(address, _) => return *address,
        };
        Address::from(ip).widen(size)
    }

    /// Counts an event in a window, if this is where it counts; answers the first and the last event of one that
    /// reached the threshold.
    #[inline(always)]
    pub fn count_window(
        &mut self,
        place: &Place,
        at: Time,
        now: Option<Time>,
    ) -> Option<Option<(Time, Time)>> {
        loop {
            let bound = &mut self.bound;
            let reached = match (place, &mut self.windows) {
                (Place::Quad(quad, place), Some((quads, _))) => {
                    quads.add(*quad, *place, at, now, bound)
                }
                (Place::Sextets(number, place), Some((_, sextets))) => {
                    sextets.add(*number, *place, at, now, bound)
                }
                _ => return None,
            };
            if reached.is_some() {
                return reached;
            }
            self.make_room();
        }
    }

    #[cold]
    fn make_room(&mut self) {
        let (tallies, passed) = (&mut self.tallies, &mut self.passed);
        match &mut self.windows {
            Some((quads, sextets)) => self.bound.make_room([tallies, passed, quads, sextets]),
            None => self.bound.make_room([tallies, passed]),
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

    fn pass(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, Infallible> {
        let hash = self.passed.hash(host);
        loop {
            if let Some(place) = self.passed.place(host, hash, &mut self.bound) {
                return Ok(self.passed.change(place, |passed| change(&mut passed.0)));
            }
            self.make_room();
        }
    }
}
