//! Counts of bare addresses, in a table of 8 bytes a slot for IPv4.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::bound::{Aged, Bound};
use crate::key::{Key, Seed};
use crate::table::{Slot, Table};

/// Sorts by `key`; where only the first `top` are wanted, the others are not sorted but dropped.
pub fn keep_first<T, O: Ord>(all: &mut Vec<T>, top: usize, key: impl Fn(&T) -> O) {
    if (1..all.len()).contains(&top) {
        all.select_nth_unstable_by_key(top - 1, &key);
    }
    all.truncate(top);
    all.sort_unstable_by_key(key);
}

/// So many addresses are looked up together: enough accesses at once to keep the memory busy.
pub const BATCH: usize = 128;

/// What fits into a slot beside the age; more is kept aside.
const MOST: u64 = (1 << 24) - 1;

/// Keys to be counted, and where each is looked for.
pub struct Batch<K> {
    keys: [K; BATCH],
    homes: [usize; BATCH],
    length: usize,
}

impl<K: Key> Batch<K> {
    pub fn new() -> Self {
        Batch {
            keys: [K::default(); BATCH],
            homes: [0; BATCH],
            length: 0,
        }
    }

    /// Takes a key, the [`BATCH`]th at most, to be counted in this table.
    #[inline(always)]
    pub fn push<const N: usize>(&mut self, key: K, counts: &Counts<K, N>) {
        let home = counts.home(key);
        counts.table.prefetch(home);
        self.keys[self.length] = key;
        self.homes[self.length] = home;
        self.length += 1;
    }

    /// The keys, all but so many; none are left then.
    pub fn drain_from(&mut self, done: usize) -> impl Iterator<Item = K> {
        let length = std::mem::take(&mut self.length);
        self.keys[done..length].iter().copied()
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
        let keys = &batch.keys[..batch.length.min(left)];
        let mut done = 0;
        for (key, home) in keys.iter().zip(&batch.homes) {
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
        // In place: here are most of the addresses that fill the memory.
        let mut slots = self.table.into_slots();
        // What is counted aside is more than what a slot holds.
        let aside = &self.aside;
        let mut first = Vec::new();
        slots.retain(|slot| {
            let count = u64::from(slot.value >> 8);
            if count == 0 {
                return false;
            }
            let more = aside.get(&slot.key);
            first.extend(more.map(|more| (slot.key, count + more)));
            more.is_none() && count >= least
        });
        first.retain(|(_, count)| *count >= least);
        keep_first(&mut first, top, |(key, count)| (Reverse(*count), *key));
        let top = top - first.len();
        keep_first(&mut slots, top, |slot| slot.key.rank(slot.value >> 8));
        let count = |slot: Slot<K>| (slot.key, u64::from(slot.value >> 8));
        first.into_iter().chain(slots.into_iter().map(count))
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.table.len() * 3
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
        let (seed, aside) = (self.seed, &mut self.aside);
        let mut gone = 0;
        self.table.retain(
            |slot| slot.key.hash(seed),
            |slot| {
                let stays = slot.value as u8 > age;
                if !stays {
                    gone += 1;
                    aside.remove(&slot.key);
                }
                stays
            },
        );
        self.used -= gone;
        gone
    }

    fn size(&self) -> usize {
        self.table.size()
    }

    fn growth(&self) -> usize {
        if self.is_full() {
            self.table.growth()
        } else {
            0
        }
    }

    fn grow(&mut self) {
        let seed = self.seed;
        self.table.grow(|slot| slot.key.hash(seed));
    }
}
