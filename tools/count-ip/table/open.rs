//! A table with open addressing, laid out so that a look-up reads one cache line.
//!
//! Key and value lie side by side in a slot. The search for a key begins at the first slot of a
//! cache line and compares `N` slots at once: of 8 bytes each, these are the whole line, and no
//! branch depends on the slot in which the key is. The line is the key's hash scaled to the size
//! of the table: so a table can grow by half, in order and in place.

use super::key::Key;
use super::memory::{LINE, has_capacity, prefetch, reserve};
use super::slot::{Slot, mask};

/// Tables smaller than this grow to four times their size, in bytes.
const SMALL: usize = 4 << 20;

/// Values of 32 bits, by key.
pub struct Table<K, const N: usize> {
    slots: Vec<Slot<K>>,
    /// The number of slots before the first line.
    start: usize,
    lines: usize,
}

impl<K: Key, const N: usize> Table<K, N> {
    /// A table of at least this number of slots.
    pub fn new(slots: usize) -> Self {
        let mut table = Table {
            slots: Vec::new(),
            start: 0,
            lines: 0,
        };
        table.extend((slots * size_of::<Slot<K>>()).div_ceil(LINE));
        table
    }

    /// Makes the table this number of lines long. Its contents must then be put in place again.
    fn extend(&mut self, lines: usize) {
        reserve(&mut self.slots, &mut self.start, slots::<K>(lines));
        self.lines = lines;
        self.slots.resize(self.start + self.len(), Slot::default());
    }

    /// The number of slots.
    pub fn len(&self) -> usize {
        slots::<K>(self.lines)
    }

    /// The memory it takes, in bytes.
    pub fn size(&self) -> usize {
        self.slots.len() * size_of::<Slot<K>>()
    }

    /// The memory that growing takes at its worst moment, in bytes beyond [`size`](Self::size).
    pub fn growth(&self) -> usize {
        if has_capacity(&self.slots, slots::<K>(self.grown())) {
            (self.grown() - self.lines) * LINE
        } else {
            // Old and new stand side by side.
            self.grown() * LINE
        }
    }

    /// The number of lines after growing: four times as many while the table is small, as each slot
    /// is moved each time; then half as many more.
    fn grown(&self) -> usize {
        match self.lines * LINE {
            ..SMALL => self.lines * 4,
            _ => self.lines * 3 / 2 + 1,
        }
    }

    /// The place at which the search for keys of this hash begins.
    #[inline(always)]
    pub fn home(&self, hash: u64) -> usize {
        let line = (u128::from(hash) * self.lines as u128) >> 64;
        self.start + (line as usize * LINE).div_ceil(size_of::<Slot<K>>())
    }

    /// Loads the slots at a home into the cache, without waiting for them.
    #[inline(always)]
    pub fn prefetch(&self, home: usize) {
        prefetch(&self.slots[home]);
    }

    /// The place of the slot with this key whose value `is_it` accepts, or, if there is none, of
    /// the empty slot where it belongs.
    #[inline(always)]
    pub fn find(&self, home: usize, key: K, is_it: impl Fn(u32) -> bool) -> usize {
        let mut place = home;
        loop {
            let Some(bucket) = self.slots[place..].first_chunk::<N>() else {
                place = self.start;
                continue;
            };
            let mut same = K::same(bucket, key);
            while same != 0 {
                let slot = same.trailing_zeros() as usize;
                // An empty slot has the default key. No empty slot precedes a key that is there.
                if bucket[slot].value == 0 || is_it(bucket[slot].value) {
                    return place + slot;
                }
                same &= same - 1;
            }
            let empty = mask(bucket, |slot| slot.value == 0);
            if empty != 0 {
                return place + empty.trailing_zeros() as usize;
            }
            place += N;
        }
    }

    /// The value of the first slot with this key at its home. It may be another key's value: it
    /// only tells which memory to load.
    #[inline(always)]
    pub fn guess(&self, home: usize, key: K) -> u32 {
        // No branch may depend on memory that is not in the cache yet.
        let place = match self.slots[home..].first_chunk::<N>() {
            Some(bucket) => K::same(bucket, key).trailing_zeros(),
            None => 0,
        };
        self.slots[home + place as usize % N].value
    }

    /// The slot at a place.
    #[inline(always)]
    pub fn get(&self, place: usize) -> &Slot<K> {
        &self.slots[place]
    }

    /// The slot at a place, to be changed.
    #[inline(always)]
    pub fn get_mut(&mut self, place: usize) -> &mut Slot<K> {
        &mut self.slots[place]
    }

    /// The slots that are not empty.
    pub fn used(&self) -> impl Iterator<Item = &Slot<K>> {
        self.slots.iter().filter(|slot| slot.value != 0)
    }

    /// The places of those of keys whose hashes lie between these, and perhaps of some others.
    pub fn used_between(&self, first: u64, last: u64) -> impl Iterator<Item = usize> {
        let (from, to, end) = (self.home(first), self.home(last), self.slots.len());
        // No empty slot lies between a key and its home, but where the search goes on at the
        // table's start.
        let behind = (to..end)
            .chain(self.start..from)
            .take_while(move |place| self.slots[*place].value != 0 || place + N > end);
        let all = (from..to).chain(behind);
        all.filter(|place| self.slots[*place].value != 0)
    }

    /// All places are lower than this.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    /// All that are not empty, to be changed.
    pub fn used_mut(&mut self) -> impl Iterator<Item = &mut Slot<K>> {
        self.slots.iter_mut().filter(|slot| slot.value != 0)
    }

    /// Grows. `hash` gives the hash of a slot's key.
    pub fn grow(&mut self, hash: impl Fn(&Slot<K>) -> u64) {
        let old = self.len();
        self.extend(self.grown());
        // From the last slot to the first, each moves to its place further behind, where all is in
        // order by then. The places of a few slots near the beginning are not further behind.
        let few = (self.start..self.start + old).rev().filter_map(|place| {
            let slot = std::mem::take(&mut self.slots[place]);
            self.put(slot, &hash, |to| to > place)
        });
        let few: Vec<_> = few.collect();
        for slot in few {
            self.put(slot, &hash, |_| true);
        }
    }

    /// Removes the slots for which `stays` is false; it may change their values.
    pub fn retain(
        &mut self,
        hash: impl Fn(&Slot<K>) -> u64,
        mut stays: impl FnMut(&mut Slot<K>) -> bool,
    ) {
        // Each slot moves forward to the first empty place from its home on. Those whose search
        // wrapped around the table's end come last.
        let few = (self.start..self.slots.len()).filter_map(|place| {
            let mut slot = std::mem::take(&mut self.slots[place]);
            if slot.value == 0 || !stays(&mut slot) {
                return None;
            }
            self.put(slot, &hash, |to| to <= place)
        });
        let few: Vec<_> = few.collect();
        for slot in few {
            self.put(slot, &hash, |_| true);
        }
    }

    /// Puts a slot where it belongs, if `right` accepts that place; returns it if not.
    fn put(
        &mut self,
        slot: Slot<K>,
        hash: impl Fn(&Slot<K>) -> u64,
        right: impl Fn(usize) -> bool,
    ) -> Option<Slot<K>> {
        if slot.value == 0 {
            return None;
        }
        let place = self.find(self.home(hash(&slot)), slot.key, |_| false);
        if !right(place) {
            return Some(slot);
        }
        self.slots[place] = slot;
        None
    }

    /// Empties all slots.
    pub fn clear(&mut self) {
        self.slots.fill(Slot::default());
    }

    /// All slots, the empty ones too.
    pub fn into_slots(self) -> Vec<Slot<K>> {
        self.slots
    }
}

/// The number of slots in this number of lines.
fn slots<K>(lines: usize) -> usize {
    lines * LINE / size_of::<Slot<K>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::key::{Ipv6Key, Seed};

    /// Puts keys, lets the table grow and removes some: all keys that are there are found, and no
    /// others.
    fn through<K: Key, const N: usize>(key: impl Fn(u32) -> K) {
        let seed = Seed::random();
        let mut table = Table::<K, N>::new(1);
        let home = |table: &Table<K, N>, key: K| table.home(key.hash(seed));
        let mut known = std::collections::HashMap::new();
        for n in 0..200_000 {
            let key = key(n % 150_000);
            if known.len() * 4 >= table.len() * 3 {
                table.grow(|slot| slot.key.hash(seed));
            }
            if n % 50_000 == 49_999 {
                table.retain(|slot| slot.key.hash(seed), |slot| slot.value % 3 > 0);
                known.retain(|_, value| *value % 3 > 0);
            }
            let place = table.find(home(&table, key), key, |_| true);
            let slot = table.get_mut(place);
            assert_eq!(slot.value, known.get(&key).copied().unwrap_or(0));
            *slot = Slot { key, value: n + 1 };
            known.insert(key, n + 1);
        }
        assert_eq!(table.used().count(), known.len());
        for (key, value) in known {
            let place = table.find(home(&table, key), key, |_| true);
            assert_eq!(table.get(place).value, value);
        }
    }

    #[test]
    fn keys_are_found() {
        through::<u32, 8>(|n| n);
        through::<Ipv6Key, 3>(|n| Ipv6Key::from(u128::from(n) << 40));
    }
}
