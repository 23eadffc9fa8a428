//! Counts of bare addresses: an open-addressing table of our own, 8 bytes an IPv4 address at full load.
//!
//! An event costs one access to memory that no cache holds, so all is laid out for that one: key and
//! count lie side by side, and a batch of keys is touched before it is counted, so that the accesses
//! of a batch overlap. The place of a key is its hash scaled to the size of the table: a
//! table then grows by half, in order. The hash is seeded, as the addresses are chosen by others.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use crate::bound::{Aged, Bound};

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

/// A key with its count and age; no count is no key.
#[derive(Clone, Copy, Default)]
struct Slot<K> {
    key: K,
    /// The count in the upper 24 bits, the age in the lower 8.
    packed: u32,
}

/// So many keys are looked up together: enough accesses at once to keep the memory busy.
pub const BATCH: usize = 128;

/// What fits into a slot; more is kept aside.
const MOST: u64 = (1 << 24) - 1;

pub struct Counts<K> {
    slots: Vec<Slot<K>>,
    used: usize,
    seed: Seed,
    aside: HashMap<K, u64>,
}

impl<K: Key> Counts<K> {
    pub fn new() -> Self {
        Counts {
            slots: vec![Slot::default(); 1024],
            used: 0,
            seed: Seed::random(),
            aside: HashMap::new(),
        }
    }

    /// Adds an event for each key, up to the first for which [`Bound::make_room`] must come first; answers how many.
    pub fn add_all(&mut self, keys: &[K], bound: &mut Bound) -> usize {
        let (age, left) = bound.period();
        let mut homes = [0; BATCH];
        let keys = &keys[..keys.len().min(left).min(BATCH)];
        for (home, key) in homes.iter_mut().zip(keys) {
            *home = self.home(*key);
        }
        let homes = &homes[..keys.len()];
        // Reads them all before any is waited for.
        let touched = homes
            .iter()
            .fold(0, |all, home| all ^ self.slots[*home].packed);
        std::hint::black_box(touched);
        let mut done = 0;
        for (key, home) in keys.iter().zip(homes) {
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
        let place = self.find(home, key);
        if self.slots[place].packed == 0 {
            if self.is_full() || !bound.hold_one() {
                return false;
            }
            self.used += 1;
            self.slots[place].key = key;
        }
        let slot = &mut self.slots[place];
        let count = u64::from(slot.packed >> 8) + n;
        let in_slot = if count <= MOST {
            count as u32
        } else {
            *self.aside.entry(key).or_default() += count - 1;
            1
        };
        slot.packed = in_slot << 8 | u32::from(age);
        true
    }

    #[inline(always)]
    fn home(&self, key: K) -> usize {
        let scaled = u128::from(key.hash(self.seed)) * self.slots.len() as u128;
        (scaled >> 64) as usize
    }

    #[inline(always)]
    fn find(&self, home: usize, key: K) -> usize {
        let mut place = home;
        loop {
            let slot = &self.slots[place];
            if slot.packed == 0 || slot.key == key {
                return place;
            }
            place += 1;
            if place == self.slots.len() {
                place = 0;
            }
        }
    }

    /// Takes what was counted for a key out; nothing more can be added then.
    pub fn take(&mut self, key: K) -> u64 {
        let place = self.find(self.home(key), key);
        let slot = &mut self.slots[place];
        let count = u64::from(slot.packed >> 8);
        // Not 0: other keys may lie behind this one.
        slot.packed = slot.packed.min(1);
        count + self.aside.remove(&key).unwrap_or(0)
    }

    /// The keys and counts of at least `least`, the most first, then by key; of these, the first `top`.
    pub fn rank(mut self, least: u64, top: usize) -> impl Iterator<Item = (K, u64)> {
        let aside = self.aside;
        let count = move |slot: &Slot<K>| {
            let more = if aside.is_empty() {
                None
            } else {
                aside.get(&slot.key)
            };
            u64::from(slot.packed >> 8) + more.unwrap_or(&0)
        };
        self.slots
            .retain(|slot| slot.packed >> 8 > 0 && count(slot) >= least);
        // In place: here are most of the addresses that fill the memory.
        keep_first(&mut self.slots, top, |slot| {
            (Reverse(count(slot)), slot.key)
        });
        self.slots
            .into_iter()
            .map(move |slot| (slot.key, count(&slot)))
    }

    fn is_full(&self) -> bool {
        self.used * 5 >= self.slots.len() * 4
    }

    fn put(&mut self, slot: Slot<K>) {
        let place = self.find(self.home(slot.key), slot.key);
        self.slots[place] = slot;
    }
}

impl<K: Key> Aged for Counts<K> {
    fn census(&self, ages: &mut [usize; 256]) {
        for slot in self.slots.iter().filter(|s| s.packed != 0) {
            ages[usize::from(slot.packed as u8)] += 1;
        }
    }

    fn shift(&mut self, by: u8) {
        for slot in &mut self.slots {
            slot.packed -= u32::from((slot.packed as u8).min(by));
        }
    }

    fn forget(&mut self, age: u8) -> usize {
        let stays = |slot: &&Slot<K>| slot.packed != 0 && slot.packed as u8 > age;
        let kept: Vec<_> = self.slots.iter().filter(stays).copied().collect();
        for slot in self.slots.iter().filter(|s| s.packed as u8 <= age) {
            self.aside.remove(&slot.key);
        }
        self.slots.fill(Slot::default());
        for slot in &kept {
            self.put(*slot);
        }
        let gone = self.used - kept.len();
        self.used = kept.len();
        gone
    }

    fn size(&self) -> usize {
        self.slots.len() * size_of::<Slot<K>>()
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
        let larger = vec![Slot::default(); self.slots.len() * 3 / 2];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.packed != 0 {
                self.put(slot);
            }
        }
    }
}
