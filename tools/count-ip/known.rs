//! What is known of each address, of any kind: an index by a seeded hash, and the entries themselves in a row.

use pipeban::address::Address;
use pipeban::time::Time;
use std::net::IpAddr;

use crate::bound::{Aged, Bound};
use crate::key::Seed;
use crate::room::prefetch;
use crate::table::{Slot, Table};

/// Memory that hangs on a value beside its own size, in bytes.
pub trait Weight {
    fn weight(&self) -> usize {
        0
    }
}

/// When an address was last let through, where they are throttled.
#[derive(Default)]
pub struct Passed(pub Option<Time>);

impl Weight for Passed {}

struct Entry<V> {
    address: Address,
    age: u8,
    value: V,
}

pub struct Known<V> {
    /// A part of the hash of each address, and its place in the row, 1 for the first.
    index: Table<u32, 8>,
    entries: Vec<Entry<V>>,
    seed: Seed,
    weight: usize,
}

impl<V: Default + Weight> Known<V> {
    pub fn new() -> Self {
        Known {
            index: Table::new(64),
            entries: Vec::new(),
            seed: Seed::random(),
            weight: 0,
        }
    }

    #[inline(always)]
    pub fn hash(&self, address: &Address) -> u64 {
        let len = u64::from(address.prefix_len());
        match address.ip() {
            IpAddr::V4(ip) => self.seed.hash(u64::from(ip.to_bits()), len),
            IpAddr::V6(ip) => {
                let n = ip.to_bits();
                self.seed.hash(n as u64, (n >> 64) as u64 ^ len << 56)
            }
        }
    }

    /// Has the memory bring the place in the index of an address that is to be counted soon.
    #[inline(always)]
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(self.index.home(hash));
    }

    /// The same for the entry, when the index is there.
    #[inline(always)]
    pub fn prefetch_entry(&self, hash: u64) {
        let entry = self.index.glance(self.index.home(hash), hash as u32);
        if let Some(entry) = self.entries.get((entry as usize).wrapping_sub(1)) {
            prefetch(&entry.address);
            prefetch(&entry.value);
        }
    }

    /// Where the entry of an address is, made if it must be, for an event of it to be counted; `None` if
    /// [`Bound::make_room`] must come first.
    #[inline(always)]
    pub fn place(&mut self, address: &Address, hash: u64, bound: &mut Bound) -> Option<usize> {
        let (age, 1..) = bound.period() else {
            return None;
        };
        let entries = &self.entries;
        let is_it = |entry: u32| entries[entry as usize - 1].address == *address;
        let place = self.index.find(self.index.home(hash), hash as u32, is_it);
        let entry = match self.index.get(place).value {
            0 => {
                if self.is_full() || !bound.hold_one() {
                    return None;
                }
                self.entries.push(Entry {
                    address: *address,
                    age,
                    value: V::default(),
                });
                *self.index.get_mut(place) = Slot {
                    key: hash as u32,
                    value: self.entries.len() as u32,
                };
                self.entries.len() - 1
            }
            entry => entry as usize - 1,
        };
        bound.pass(1);
        self.entries[entry].age = age;
        Some(entry)
    }

    /// Changes the value at a [`place`](Self::place), just asked for.
    #[inline(always)]
    pub fn change<R>(&mut self, place: usize, change: impl FnOnce(&mut V) -> R) -> R {
        let value = &mut self.entries[place].value;
        let before = value.weight();
        let result = change(value);
        self.weight = self.weight + value.weight() - before;
        result
    }

    pub fn into_values(self) -> impl Iterator<Item = (Address, V)> {
        self.entries.into_iter().map(|e| (e.address, e.value))
    }

    /// Whether there is no room for another entry in the row or the index.
    fn is_full(&self) -> bool {
        self.entries.len() == self.entries.capacity()
            || self.entries.len() * 4 >= self.index.len() * 3
    }

    /// Fills the index, which is empty.
    fn fill_index(&mut self) {
        for (i, entry) in self.entries.iter().enumerate() {
            let hash = self.hash(&entry.address);
            let place = self
                .index
                .find(self.index.home(hash), hash as u32, |_| false);
            *self.index.get_mut(place) = Slot {
                key: hash as u32,
                value: i as u32 + 1,
            };
        }
    }
}

impl<V: Default + Weight> Aged for Known<V> {
    fn census(&self, ages: &mut [usize; 256]) {
        for entry in &self.entries {
            ages[usize::from(entry.age)] += 1;
        }
    }

    fn shift(&mut self, by: u8) {
        for entry in &mut self.entries {
            entry.age = entry.age.saturating_sub(by);
        }
    }

    fn forget(&mut self, age: u8) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.age > age);
        self.weight = self.entries.iter().map(|e| e.value.weight()).sum();
        self.index.clear();
        self.fill_index();
        before - self.entries.len()
    }

    fn size(&self) -> usize {
        self.index.size() + self.entries.capacity() * size_of::<Entry<V>>() + self.weight
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn growth(&self) -> usize {
        // The system moves the pages of a large row; they never stand twice.
        if self.is_full() { self.size() / 2 } else { 0 }
    }

    fn grow(&mut self) {
        let entries = (self.entries.capacity() * 3 / 2).max(48);
        self.entries.reserve_exact(entries - self.entries.len());
        self.index = Table::new(entries * 3 / 2);
        self.fill_index();
    }
}
