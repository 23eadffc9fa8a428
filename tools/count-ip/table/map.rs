//! A map from keys to values of any type: an index by a seeded hash, and a vector of entries.

use pipeban::address::Address;
use std::net::IpAddr;

use super::bound::{Aged, Bound};
use super::key::Seed;
use super::memory::prefetch;
use super::open::Table;
use super::slot::Slot;

/// The memory that a value points to.
pub trait Weight {
    /// In bytes, without the size of the value itself.
    fn weight(&self) -> usize {
        0
    }
}

/// A key of a map.
pub trait MapKey: Copy + PartialEq {
    /// A hash that depends on the seed.
    fn hash(&self, seed: Seed) -> u64;
}

impl MapKey for Address {
    #[inline(always)]
    fn hash(&self, seed: Seed) -> u64 {
        let len = u64::from(self.prefix_len());
        match self.ip() {
            IpAddr::V4(ip) => seed.hash(u64::from(ip.to_bits()), len),
            IpAddr::V6(ip) => {
                let n = ip.to_bits();
                seed.hash(n as u64, (n >> 64) as u64 ^ len << 56)
            }
        }
    }
}

struct Entry<K, V> {
    key: K,
    age: u8,
    value: V,
}

/// Values by address.
pub type AddressMap<V> = Map<Address, V>;

/// Values by key, each with an age, under a [`Bound`].
pub struct Map<K, V> {
    /// A part of the hash of each key, and the number of its entry, 1 for the first.
    index: Table<u32, 8>,
    entries: Vec<Entry<K, V>>,
    seed: Seed,
    weight: usize,
}

impl<K: MapKey, V: Default + Weight> Map<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Map {
            index: Table::new(64),
            entries: Vec::new(),
            seed: Seed::random(),
            weight: 0,
        }
    }

    /// The number of keys.
    pub fn held(&self) -> usize {
        self.entries.len()
    }

    /// The hash of a key, which other methods ask for.
    #[inline(always)]
    pub fn hash(&self, key: &K) -> u64 {
        key.hash(self.seed)
    }

    /// Loads the slot in the index of a key that is to be counted soon.
    #[inline(always)]
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(self.index.home(hash));
    }

    /// Loads its entry, when [`prefetch_index`](Self::prefetch_index) has done its work.
    #[inline(always)]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(entry) = self.guessed(hash) {
            prefetch(&entry.key);
            prefetch(&entry.value);
        }
    }

    /// The value that a key of this hash has, or another one.
    #[inline(always)]
    pub fn guess(&self, hash: u64) -> Option<&V> {
        self.guessed(hash).map(|entry| &entry.value)
    }

    #[inline(always)]
    fn guessed(&self, hash: u64) -> Option<&Entry<K, V>> {
        let entry = self.index.guess(self.index.home(hash), hash as u32);
        self.entries.get((entry as usize).wrapping_sub(1))
    }

    /// The place of a key's entry, which is made if there is none, so that an event of it can
    /// be counted; `None` if [`Bound::make_room`] must be called first.
    #[inline(always)]
    pub fn place(&mut self, key: &K, hash: u64, bound: &mut Bound) -> Option<usize> {
        let (age, 1..) = bound.period() else {
            return None;
        };
        let entries = &self.entries;
        let is_it = |entry: u32| entries[entry as usize - 1].key == *key;
        let place = self.index.find(self.index.home(hash), hash as u32, is_it);
        let entry = match self.index.get(place).value {
            0 => {
                if self.is_full() || !bound.try_hold() {
                    return None;
                }
                self.entries.push(Entry {
                    key: *key,
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
        bound.advance(1);
        self.entries[entry].age = age;
        Some(entry)
    }

    /// Changes the value at a [`place`](Self::place) that was just returned.
    #[inline(always)]
    pub fn change<R>(&mut self, place: usize, change: impl FnOnce(&mut V) -> R) -> R {
        let value = &mut self.entries[place].value;
        let before = value.weight();
        let result = change(value);
        self.weight = self.weight + value.weight() - before;
        result
    }

    /// All keys with their values.
    pub fn values(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|e| (&e.key, &e.value))
    }

    /// The same, of a map that is no longer needed.
    pub fn into_values(self) -> impl Iterator<Item = (K, V)> {
        self.entries.into_iter().map(|e| (e.key, e.value))
    }

    /// Whether the vector or the index has no place for another entry.
    fn is_full(&self) -> bool {
        self.entries.len() == self.entries.capacity()
            || self.entries.len() * 4 >= self.index.len() * 3
    }

    /// Fills the index, which must be empty.
    fn fill_index(&mut self) {
        for (i, entry) in self.entries.iter().enumerate() {
            let hash = self.hash(&entry.key);
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

impl<K: MapKey, V: Default + Weight> Aged for Map<K, V> {
    fn count_ages(&self, ages: &mut [usize; 256]) {
        for entry in &self.entries {
            ages[usize::from(entry.age)] += 1;
        }
    }

    fn lower_ages(&mut self, by: u8) {
        for entry in &mut self.entries {
            entry.age = entry.age.saturating_sub(by);
        }
    }

    fn evict(&mut self, age: u8) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.age > age);
        self.weight = self.entries.iter().map(|e| e.value.weight()).sum();
        self.index.clear();
        self.fill_index();
        before - self.entries.len()
    }

    fn size(&self) -> usize {
        self.index.size() + self.entries.capacity() * size_of::<Entry<K, V>>() + self.weight
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn growth(&self) -> usize {
        // The system moves the pages of a large vector; they never exist twice.
        if self.is_full() { self.size() / 2 } else { 0 }
    }

    fn grow(&mut self) {
        let entries = (self.entries.capacity() * 3 / 2).max(48);
        self.entries.reserve_exact(entries - self.entries.len());
        self.index = Table::new(entries * 3 / 2);
        self.fill_index();
    }
}
