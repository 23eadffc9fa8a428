//! Values of single IPv4 addresses, which most addresses are: open addressing by a seeded hash,
//! outside of the bound's tables. The place of an address can be loaded ahead.

use std::net::IpAddr;

use pipeban::address::Address;

use super::key::{Key, Seed};
use super::memory::prefetch;

/// The number of places of a table with a single address.
const FEWEST: usize = 4;

/// Stands where a place is free: 0.0.0.0 is no [`single`] address.
const FREE: u32 = 0;

/// Single IPv4 addresses, each with a value.
#[derive(Clone)]
pub struct Hosts<V> {
    /// Their number is a power of two, or there are none. They stand apart from the values, so that
    /// the search for an address that is not there reads little memory.
    ips: Vec<u32>,
    values: Vec<V>,
    used: usize,
    seed: Seed,
}

impl<V> Default for Hosts<V> {
    fn default() -> Self {
        Hosts {
            ips: Vec::new(),
            values: Vec::new(),
            used: 0,
            seed: Seed::random(),
        }
    }
}

impl<V: Copy + Default> Hosts<V> {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Loads the place of an address that is to be asked for soon.
    #[inline(always)]
    pub fn prefetch(&self, ip: u32) {
        if let Some(place) = self.ips.get(self.home(ip)) {
            prefetch(place);
        }
    }

    /// Loads the place of its value too, which is to be set.
    #[inline(always)]
    pub fn prefetch_value(&self, ip: u32) {
        if let Some(value) = self.values.get(self.home(ip)) {
            prefetch(value);
        }
        self.prefetch(ip);
    }

    /// The value of an address.
    #[inline(always)]
    pub fn get(&self, ip: u32) -> Option<&V> {
        let place = self.find(ip);
        match self.ips.get(place) {
            None | Some(&FREE) => None,
            Some(_) => self.values.get(place),
        }
    }

    /// The same, to be changed.
    #[inline(always)]
    pub fn get_mut(&mut self, ip: u32) -> Option<&mut V> {
        let place = self.find(ip);
        match self.ips.get(place) {
            None | Some(&FREE) => None,
            Some(_) => self.values.get_mut(place),
        }
    }

    /// Gives an address this value.
    #[inline(always)]
    pub fn put(&mut self, ip: u32, value: V) {
        let mut place = self.find(ip);
        if matches!(self.ips.get(place), None | Some(&FREE)) {
            if (self.used + 1) * 4 > self.ips.len() * 3 {
                self.rebuild((self.ips.len() * 2).max(FEWEST));
                place = self.find(ip);
            }
            self.used += 1;
        }
        self.ips[place] = ip;
        self.values[place] = value;
    }

    /// Removes all addresses; the memory stays.
    pub fn clear(&mut self) {
        self.ips.fill(FREE);
        self.used = 0;
    }

    /// The addresses with their values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, V)> {
        let all = self.ips.iter().copied().zip(self.values.iter().copied());
        all.filter(|(ip, _)| *ip != FREE)
    }

    /// The values, to be changed, and others that stand for no address.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        self.ips.capacity() * (size_of::<u32>() + size_of::<V>())
    }

    /// The place of an address, or the free one where it belongs; there is none without places.
    #[inline(always)]
    fn find(&self, ip: u32) -> usize {
        let mut place = self.home(ip);
        // A quarter of the places is free.
        while let Some(other) = self.ips.get(place)
            && *other != FREE
            && *other != ip
        {
            place = (place + 1) & (self.ips.len() - 1);
        }
        place
    }

    #[inline(always)]
    fn home(&self, ip: u32) -> usize {
        // Without places any place is outside.
        ip.hash(self.seed) as usize & self.ips.len().wrapping_sub(1)
    }

    fn rebuild(&mut self, places: usize) {
        let ips = std::mem::replace(&mut self.ips, vec![FREE; places]);
        let values = std::mem::replace(&mut self.values, vec![V::default(); places]);
        for (ip, value) in ips.into_iter().zip(values) {
            if ip != FREE {
                let place = self.find(ip);
                self.ips[place] = ip;
                self.values[place] = value;
            }
        }
    }
}

/// The number of a single IPv4 address, not 0; `None` for all others.
#[inline(always)]
pub fn single(address: &Address) -> Option<u32> {
    match address.ip() {
        IpAddr::V4(ip) if address.is_host() => Some(ip.to_bits()).filter(|ip| *ip != FREE),
        _ => None,
    }
}
