//! What is known of each address, of any kind: an index by a seeded hash, and the entries themselves in a row.

use pipeban::address::Address;
use pipeban::time::Time;
use std::net::IpAddr;

use crate::bound::{Aged, Bound};
use crate::counts::Seed;

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

/// Where an entry is; as few bytes as two of them in a cache line can be told apart by.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// A part of the hash.
    tag: u32,
    /// 1 for the first entry; 0 is an empty slot.
    entry: u32,
}

pub struct Known<V> {
    slots: Vec<Slot>,
    entries: Vec<Entry<V>>,
    seed: Seed,
    weight: usize,
}

impl<V: Default + Weight> Known<V> {
    pub fn new() -> Self {
        Known {
            slots: vec![Slot::default(); 64],
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

    /// Reads where these hashes lead, so that it lies in the cache when their events are counted.
    #[inline(always)]
    pub fn touch(&self, hashes: &[u64]) {
        let slot = |hash: &u64| self.slots[self.home(*hash)];
        let touched = hashes.iter().fold(0, |all, hash| all ^ slot(hash).tag);
        std::hint::black_box(touched);
        let age = |hash| {
            let entry = slot(hash).entry.wrapping_sub(1);
            self.entries.get(entry as usize).map_or(0, |e| e.age)
        };
        std::hint::black_box(hashes.iter().fold(0, |all, hash| all ^ age(hash)));
    }

    /// Where the entry of an address is, made if it must be, for an event of it to be counted; `None` if
    /// [`Bound::make_room`] must come first.
    #[inline(always)]
    pub fn place(&mut self, address: &Address, hash: u64, bound: &mut Bound) -> Option<usize> {
        let (age, 1..) = bound.period() else {
            return None;
        };
        let mut place = self.home(hash);
        let entry = loop {
            let slot = self.slots[place];
            if slot.entry == 0 {
                if self.is_full() || !bound.hold_one() {
                    return None;
                }
                self.entries.push(Entry {
                    address: *address,
                    age,
                    value: V::default(),
                });
                self.slots[place] = Slot {
                    tag: hash as u32,
                    entry: self.entries.len() as u32,
                };
                break self.entries.len() - 1;
            }
            let entry = slot.entry as usize - 1;
            if slot.tag == hash as u32 && self.entries[entry].address == *address {
                break entry;
            }
            place += 1;
            if place == self.slots.len() {
                place = 0;
            }
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

    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    /// Whether there is no room for another entry in the row or the index.
    fn is_full(&self) -> bool {
        self.entries.len() == self.entries.capacity()
            || self.entries.len() * 4 >= self.slots.len() * 3
    }

    fn index(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, Slot::default());
        for (i, entry) in self.entries.iter().enumerate() {
            let hash = self.hash(&entry.address);
            let mut place = self.home(hash);
            while self.slots[place].entry != 0 {
                place = (place + 1) % slots;
            }
            self.slots[place] = Slot {
                tag: hash as u32,
                entry: i as u32 + 1,
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
        self.index(self.slots.len());
        before - self.entries.len()
    }

    fn size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.entries.capacity() * size_of::<Entry<V>>()
            + self.weight
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
        self.index(entries * 3 / 2);
    }
}
