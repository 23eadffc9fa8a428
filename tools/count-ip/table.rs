//! A table with open addressing, laid out for one access to memory that no cache holds.
//!
//! Key and value lie side by side in a slot. A key is looked for from the first slot in a cache line on, and `N` slots
//! are compared at once: of 8 bytes each, all of that line, and no branch depends on where in it a key stands. The
//! line of a key is its hash scaled to the size of the table. A table then grows by half, in order and in place.

use crate::key::Key;
use crate::room::{LINE, is_room, make_room, prefetch};

/// A key with a value; the value 0 is an empty slot.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Slot<K> {
    pub key: K,
    pub value: u32,
}

pub struct Table<K, const N: usize> {
    slots: Vec<Slot<K>>,
    /// So many slots stand before the first line.
    start: usize,
    lines: usize,
}

impl<K: Key, const N: usize> Table<K, N> {
    /// Of at least so many slots.
    pub fn new(slots: usize) -> Self {
        let mut table = Table {
            slots: Vec::new(),
            start: 0,
            lines: 0,
        };
        table.extend((slots * size_of::<Slot<K>>()).div_ceil(LINE));
        table
    }

    /// Makes it so many lines; what is in it is no longer where it belongs.
    fn extend(&mut self, lines: usize) {
        make_room(&mut self.slots, &mut self.start, slots::<K>(lines));
        self.lines = lines;
        self.slots.resize(self.start + self.len(), Slot::default());
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        slots::<K>(self.lines)
    }

    /// In bytes.
    pub fn size(&self) -> usize {
        self.slots.len() * size_of::<Slot<K>>()
    }

    /// In bytes, what it takes to grow, at the worst moment.
    pub fn growth(&self) -> usize {
        if is_room(&self.slots, slots::<K>(self.grown())) {
            self.size() / 2
        } else {
            // Old and new stand side by side.
            self.size() * 3 / 2
        }
    }

    fn grown(&self) -> usize {
        self.lines * 3 / 2 + 1
    }

    /// Where keys of this hash are looked for first.
    #[inline(always)]
    pub fn home(&self, hash: u64) -> usize {
        let line = (u128::from(hash) * self.lines as u128) >> 64;
        self.start + (line as usize * LINE).div_ceil(size_of::<Slot<K>>())
    }

    /// Has the memory bring what lies at a home, so that it is there when it is needed.
    #[inline(always)]
    pub fn prefetch(&self, home: usize) {
        prefetch(&self.slots[home]);
    }

    /// The place of the slot with this key for which `is_it` holds, or of the empty one where it belongs.
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
                // An empty slot has the default key. None stands before a key that is there.
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

    /// The value of the first slot of this key at its home, empty or not; anything if there is none.
    #[inline(always)]
    pub fn glance(&self, home: usize, key: K) -> u32 {
        // Not a branch may depend on what the memory brings.
        let place = match self.slots[home..].first_chunk::<N>() {
            Some(bucket) => K::same(bucket, key).trailing_zeros(),
            None => 0,
        };
        self.slots[home + place as usize % N].value
    }

    #[inline(always)]
    pub fn get(&self, place: usize) -> &Slot<K> {
        &self.slots[place]
    }

    #[inline(always)]
    pub fn get_mut(&mut self, place: usize) -> &mut Slot<K> {
        &mut self.slots[place]
    }

    /// The slots that are not empty.
    pub fn used(&self) -> impl Iterator<Item = &Slot<K>> {
        self.slots.iter().filter(|slot| slot.value != 0)
    }

    pub fn used_mut(&mut self) -> impl Iterator<Item = &mut Slot<K>> {
        self.slots.iter_mut().filter(|slot| slot.value != 0)
    }

    /// Grows by half. `hash` is that of a slot's key.
    pub fn grow(&mut self, hash: impl Fn(&Slot<K>) -> u64) {
        let old = self.len();
        self.extend(self.grown());
        // From the end on, each goes to its place further back, where all is in order by then. A few near the
        // beginning have none there.
        let few = (self.start..self.start + old).rev().filter_map(|place| {
            let slot = std::mem::take(&mut self.slots[place]);
            self.put(slot, &hash, |to| to > place)
        });
        let few: Vec<_> = few.collect();
        for slot in few {
            self.put(slot, &hash, |_| true);
        }
    }

    /// Lets go of those that `stays` does not hold for; it may change their values.
    pub fn retain(
        &mut self,
        hash: impl Fn(&Slot<K>) -> u64,
        mut stays: impl FnMut(&mut Slot<K>) -> bool,
    ) {
        // Each goes back to the first empty place from its home on; those whose home is at the table's end go last.
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

    /// Puts a slot where it belongs, if that is a right place; else gives it back.
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

    /// The slots themselves, also the empty ones.
    pub fn into_slots(self) -> Vec<Slot<K>> {
        self.slots
    }
}

/// How many slots these lines hold.
fn slots<K>(lines: usize) -> usize {
    lines * LINE / size_of::<Slot<K>>()
}

/// A bit for each slot of a bucket.
#[inline(always)]
pub fn mask<K, const N: usize>(bucket: &[Slot<K>; N], is: impl Fn(&Slot<K>) -> bool) -> u32 {
    (0..N).fold(0, |mask, i| mask | u32::from(is(&bucket[i])) << i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Seed, Sextets};

    /// Keys of which some are put, the table grows, and some go: what is there is found, and nothing else.
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
    fn what_is_there_is_found() {
        through::<u32, 8>(|n| n);
        through::<Sextets, 3>(|n| Sextets::from(u128::from(n) << 40));
    }
}
