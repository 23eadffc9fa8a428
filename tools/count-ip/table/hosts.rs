//! Slots of single IPv4 addresses, which most addresses are: open addressing by a seeded hash,
//! outside of the bound's tables. A slot can be loaded ahead.

use std::net::IpAddr;

use pipeban::address::Address;

use super::key::{Key, Seed};
use super::memory::prefetch;

/// The number of slots of a table with a single address.
const FEWEST: usize = 4;

/// A slot of an address.
pub trait HostSlot: Copy {
    /// A slot without an address.
    const FREE: Self;

    /// The number of its address; `None` if it is free.
    fn ip(&self) -> Option<u32>;
}

/// Single IPv4 addresses, each with a slot.
#[derive(Clone)]
pub struct Hosts<S> {
    /// Their number is a power of two, or there are none.
    slots: Vec<S>,
    used: usize,
    seed: Seed,
}

impl<S> Default for Hosts<S> {
    fn default() -> Self {
        Hosts {
            slots: Vec::new(),
            used: 0,
            seed: Seed::random(),
        }
    }
}

impl<S: HostSlot> Hosts<S> {
    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Loads the slot of an address that is to be asked for soon.
    #[inline(always)]
    pub fn prefetch(&self, ip: u32) {
        if let Some(slot) = self.slots.get(self.home(ip)) {
            prefetch(slot);
        }
    }

    /// The slot of an address.
    #[inline(always)]
    pub fn get(&self, ip: u32) -> Option<&S> {
        let slot = self.slots.get(self.find(ip))?;
        slot.ip().is_some().then_some(slot)
    }

    /// Puts a slot in place of the one of its address, or as a new one. It must not be free.
    #[inline(always)]
    pub fn put(&mut self, ip: u32, slot: S) {
        let mut place = self.find(ip);
        if self.slots.get(place).is_none_or(|slot| slot.ip().is_none()) {
            if (self.used + 1) * 4 > self.slots.len() * 3 {
                self.rebuild((self.slots.len() * 2).max(FEWEST), |_| true);
                place = self.find(ip);
            }
            self.used += 1;
        }
        self.slots[place] = slot;
    }

    /// Keeps the addresses whose slots are right for `stays`.
    pub fn retain(&mut self, stays: impl Fn(&S) -> bool) {
        self.rebuild(self.slots.len(), stays);
    }

    /// The slots that are used, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().filter(|slot| slot.ip().is_some())
    }

    /// The same, to be changed; each keeps its address.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.slots.iter_mut().filter(|slot| slot.ip().is_some())
    }

    /// The memory that it points to, in bytes.
    pub fn weight(&self) -> usize {
        self.slots.capacity() * size_of::<S>()
    }

    /// The place of an address, or the free one where it belongs; there is none without slots.
    #[inline(always)]
    fn find(&self, ip: u32) -> usize {
        let mut place = self.home(ip);
        // A quarter of the slots is free.
        while let Some(slot) = self.slots.get(place)
            && slot.ip().is_some_and(|other| other != ip)
        {
            place = (place + 1) & (self.slots.len() - 1);
        }
        place
    }

    #[inline(always)]
    fn home(&self, ip: u32) -> usize {
        // Without slots any place is outside.
        ip.hash(self.seed) as usize & self.slots.len().wrapping_sub(1)
    }

    fn rebuild(&mut self, slots: usize, stays: impl Fn(&S) -> bool) {
        let old = std::mem::replace(&mut self.slots, vec![S::FREE; slots]);
        self.used = 0;
        for slot in old {
            if let Some(ip) = slot.ip().filter(|_| stays(&slot)) {
                let place = self.find(ip);
                self.slots[place] = slot;
                self.used += 1;
            }
        }
    }
}

/// The number of a single IPv4 address; `None` for all others.
#[inline(always)]
pub fn single(address: &Address) -> Option<u32> {
    match address.ip() {
        IpAddr::V4(ip) if address.is_host() => Some(ip.to_bits()),
        _ => None,
    }
}
