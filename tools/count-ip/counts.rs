//! Counts of bare addresses, in a table of 8 bytes a slot for IPv4. The hash is seeded, as the addresses
//! are chosen by others.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use crate::bound::{Aged, Bound};
use crate::table::{Slot, Table};

/// Secret numbers that decide where addresses lie in a table.
#[derive(Clone, Copy)]
pub struct Seed(u64, u64);

impl Seed {
    pub fn random() -> Self {
        // The standard library seeds its maps from the system's random numbers.
        let secret = RandomState::new();
        Seed(secret.hash_one(0), secret.hash_one(1) | 1)
    }

    #[inline(always)]
    pub fn hash(self, low: u64, high: u64) -> u64 {
        fold(fold(low ^ self.0, self.1) ^ high, self.0 | 1)
    }
}

/// Multiplies and folds the upper half of the product into the lower one.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Sorts by `key`; where only the first `top` are wanted, the others are not sorted but dropped.
pub fn keep_first<T, O: Ord>(all: &mut Vec<T>, top: usize, key: impl Fn(&T) -> O) {
    if (1..all.len()).contains(&top) {
        all.select_nth_unstable_by_key(top - 1, &key);
    }
    all.truncate(top);
    all.sort_unstable_by_key(key);
}

/// An address as a number, small as it can be.
pub trait Key: Copy + Ord + Hash + Default {
    fn hash(self, seed: Seed) -> u64;
}

impl Key for u32 {
    #[inline(always)]
    fn hash(self, seed: Seed) -> u64 {
        fold(u64::from(self) ^ seed.0, seed.1)
    }
}

/// An IPv6 address in four numbers, as a u128 would be padded to 16 bytes more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sextets([u32; 4]);

impl From<u128> for Sextets {
    #[inline(always)]
    fn from(n: u128) -> Self {
        Sextets([n >> 96, n >> 64, n >> 32, n].map(|n| n as u32))
    }
}

impl From<Sextets> for u128 {
    fn from(sextets: Sextets) -> Self {
        sextets
            .0
            .iter()
            .fold(0, |n, part| n << 32 | u128::from(*part))
    }
}

impl Key for Sextets {
    #[inline(always)]
    fn hash(self, seed: Seed) -> u64 {
        let [a, b, c, d] = self.0.map(u64::from);
        seed.hash(a << 32 | b, c << 32 | d)
    }
}

/// So many addresses are looked up together: enough accesses at once to keep the memory busy.
pub const BATCH: usize = 128;

/// What fits into a slot beside the age; more is kept aside.
const MOST: u64 = (1 << 24) - 1;

/// Keys to be counted, whose slots are on their way from the memory.
pub struct Batch<K> {
    keys: [(K, usize); BATCH],
    length: usize,
}

impl<K: Key> Batch<K> {
    pub fn new() -> Self {
        Batch {
            keys: [(K::default(), 0); BATCH],
            length: 0,
        }
    }

    /// Takes a key, the [`BATCH`]th at most, to be counted in this table.
    #[inline(always)]
    pub fn push<const N: usize>(&mut self, key: K, counts: &Counts<K, N>) {
        let home = counts.home(key);
        counts.table.prefetch(home);
        self.keys[self.length] = (key, home);
        self.length += 1;
    }

    /// The keys, all but so many; none are left then.
    pub fn drain_from(&mut self, done: usize) -> impl Iterator<Item = K> {
        let length = std::mem::take(&mut self.length);
        self.keys[done..length].iter().map(|(key, _)| *key)
    }
}

/// The value of a slot is the count in the upper 24 bits, the age in the lower 8.
pub struct Counts<K, const N: usize> {
    table: Table<K, N>,
    used: usize,
    seed: Seed,
    aside: HashMap<K, u64>,
}

impl<K: Key, const N: usize> Counts<K, N> {
    pub fn new() -> Self {
        Counts {
            table: Table::new(1024),
            used: 0,
            seed: Seed::random(),
            aside: HashMap::new(),
        }
    }

    /// Adds an event for each key, up to the first for which [`Bound::make_room`] must come first; answers how many.
    #[inline(always)]
    pub fn add_all(&mut self, batch: &Batch<K>, bound: &mut Bound) -> usize {
        let (age, left) = bound.period();
        let mut done = 0;
        for (key, home) in &batch.keys[..batch.length.min(left)] {
            if !self.add_at(*home, *key, 1, age, bound) {
                break;
            }
            done += 1;
        }
        bound.pass(done);
        done
    }

    /// Adds `n` events, at least 1, to a key; false if [`Bound::make_room`] must come first.
    pub fn add(&mut self, key: K, n: u64, bound: &mut Bound) -> bool {
        let (age, left) = bound.period();
        let done = left > 0 && self.add_at(self.home(key), key, n, age, bound);
        bound.pass(usize::from(done));
        done
    }

    #[inline(always)]
    fn add_at(&mut self, home: usize, key: K, n: u64, age: u8, bound: &mut Bound) -> bool {
        let place = self.table.find(home, key, |_| true);
        let full = self.is_full();
        let slot = self.table.get_mut(place);
        if slot.value == 0 {
            if full || !bound.hold_one() {
                return false;
            }
            self.used += 1;
            slot.key = key;
        }
        let count = u64::from(slot.value >> 8) + n;
        let in_slot = if count <= MOST {
            count as u32
        } else {
            *self.aside.entry(key).or_default() += count - 1;
            1
        };
        slot.value = in_slot << 8 | u32::from(age);
        true
    }

    #[inline(always)]
    fn home(&self, key: K) -> usize {
        self.table.home(key.hash(self.seed))
    }

    /// Takes what was counted for a key out; nothing more can be added then.
    pub fn take(&mut self, key: K) -> u64 {
        let place = self.table.find(self.home(key), key, |_| true);
        let slot = self.table.get_mut(place);
        let count = u64::from(slot.value >> 8);
        // Not 0: other keys may lie behind this one.
        slot.value = slot.value.min(1);
        count + self.aside.remove(&key).unwrap_or(0)
    }

    /// The keys and counts of at least `least`, the most first, then by key; of these, the first `top`.
    pub fn rank(self, least: u64, top: usize) -> impl Iterator<Item = (K, u64)> {
        let aside = self.aside;
        let count = move |slot: &Slot<K>| {
            let more = if aside.is_empty() {
                None
            } else {
                aside.get(&slot.key)
            };
            u64::from(slot.value >> 8) + more.unwrap_or(&0)
        };
        // In place: here are most of the addresses that fill the memory.
        let mut slots = self.table.into_slots();
        slots.retain(|slot| slot.value >> 8 > 0 && count(slot) >= least);
        keep_first(&mut slots, top, |slot| (Reverse(count(slot)), slot.key));
        slots.into_iter().map(move |slot| (slot.key, count(&slot)))
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.table.len() * 3
    }

    fn put(&mut self, slot: Slot<K>) {
        let place = self.table.find(self.home(slot.key), slot.key, |_| true);
        *self.table.get_mut(place) = slot;
    }
}

impl<K: Key, const N: usize> Aged for Counts<K, N> {
    fn census(&self, ages: &mut [usize; 256]) {
        for slot in self.table.used() {
            ages[usize::from(slot.value as u8)] += 1;
        }
    }

    fn shift(&mut self, by: u8) {
        for slot in self.table.used_mut() {
            slot.value -= u32::from((slot.value as u8).min(by));
        }
    }

    fn forget(&mut self, age: u8) -> usize {
        let stays = |slot: &&Slot<K>| slot.value as u8 > age;
        let kept: Vec<_> = self.table.used().filter(stays).copied().collect();
        for slot in self.table.used().filter(|slot| !stays(slot)) {
            self.aside.remove(&slot.key);
        }
        self.table.clear();
        for slot in &kept {
            self.put(*slot);
        }
        let gone = self.used - kept.len();
        self.used = kept.len();
        gone
    }

    fn size(&self) -> usize {
        self.table.size()
    }

    fn growth(&self) -> usize {
        // Old and new stand side by side.
        if self.is_full() {
            self.size() * 3 / 2
        } else {
            0
        }
    }

    fn grow(&mut self) {
        let larger = Table::new(self.table.len() * 3 / 2);
        let old = std::mem::replace(&mut self.table, larger);
        for slot in old.used() {
            self.put(*slot);
        }
    }
}
