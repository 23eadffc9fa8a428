//! What is known of addresses while a stream is watched, in memory, under its bound.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::list::Bits;
use pipeban::address::{Address, mask4, mask6};
use pipeban::time::Time;

use crate::bound::Bound;
use crate::counts::Sextets;
use crate::known::{Known, Passed};
use crate::policy::{Policy, Store};
use crate::tally::Tally;
use crate::windows::Windows;

pub struct Memory {
    tallies: Known<Tally>,
    passed: Known<Passed>,
    /// For most addresses, where the rule is simple.
    windows: Option<(Windows<u32, 8>, Windows<Sextets, 1>)>,
    /// Prefix lengths of the smallest networks that are counted.
    sizes: [u8; 2],
    pub bound: Bound,
}

/// What an event counts for.
pub enum Place {
    Quad(u32),
    Sextets(Sextets),
    /// With the hash of the smallest network around the address.
    Tally(Address, u64),
}

impl Memory {
    /// `addresses`: so many are held, if the user says so.
    pub fn new(addresses: Option<usize>, policy: &Policy) -> Self {
        let windows = |(threshold, within)| {
            let quads = Windows::new(threshold, within);
            (quads, Windows::new(threshold, within))
        };
        Memory {
            tallies: Known::new(),
            passed: Known::new(),
            windows: policy.simple().map(windows),
            sizes: policy.smallest(),
            bound: Bound::new(addresses, policy.rule.is_light()),
        }
    }

    /// Finds out what an event of this address counts for, and has the memory bring what is known of that.
    #[inline(always)]
    pub fn bring(&self, address: Address) -> Place {
        let simple = self.windows.is_some();
        match address.ip() {
            IpAddr::V4(ip) if simple && address.prefix_len() >= self.sizes[0] => {
                self.bring_bits(Bits::V4(ip.to_bits()))
            }
            IpAddr::V6(ip) if simple && address.prefix_len() >= self.sizes[1] => {
                self.bring_bits(Bits::V6(ip.to_bits()))
            }
            ip => {
                let size = self.sizes[usize::from(ip.is_ipv6())];
                let hash = self.tallies.hash(&address.widen(size));
                self.tallies.prefetch_index(hash);
                Place::Tally(address, hash)
            }
        }
    }

    /// The same for a single address.
    #[inline(always)]
    pub fn bring_bits(&self, bits: Bits) -> Place {
        match (bits, &self.windows) {
            (Bits::V4(quad), Some((quads, _))) => {
                let quad = quad & mask4(self.sizes[0]);
                quads.prefetch_index(quad);
                Place::Quad(quad)
            }
            (Bits::V6(number), Some((_, sextets))) => {
                let number = (number & mask6(self.sizes[1])).into();
                sextets.prefetch_index(number);
                Place::Sextets(number)
            }
            (Bits::V4(quad), None) => self.bring(IpAddr::from(Ipv4Addr::from_bits(quad)).into()),
            (Bits::V6(number), None) => {
                self.bring(IpAddr::from(Ipv6Addr::from_bits(number)).into())
            }
        }
    }

    /// The second step, when what the first one asked for is there.
    #[inline(always)]
    pub fn bring_more(&self, place: &Place) {
        match (place, &self.windows) {
            (Place::Quad(quad), Some((quads, _))) => quads.prefetch_row(*quad),
            (Place::Sextets(number), Some((_, sextets))) => sextets.prefetch_row(*number),
            (Place::Tally(_, hash), _) => self.tallies.prefetch_entry(*hash),
            _ => {}
        }
    }

    /// The address or network that is meant.
    pub fn address(&self, place: &Place) -> Address {
        let (ip, size) = match place {
            Place::Quad(quad) => (Ipv4Addr::from_bits(*quad).into(), self.sizes[0]),
            Place::Sextets(number) => {
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
                (Place::Quad(quad), Some((quads, _))) => quads.add(*quad, at, now, bound),
                (Place::Sextets(number), Some((_, sextets))) => {
                    sextets.add(*number, at, now, bound)
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
