//! Counts of bare addresses, in a table of 8 bytes a slot for IPv4.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::bound::{Aged, Bound};
use super::key::{Key, Part, Seed};
use super::memory::{BATCH, vector};
use super::open::Table;
use super::slot::Slot;

/// Keeps the first `top` in the order of `key`, sorted. The others are never sorted.
pub fn keep_first<T, O: Ord>(all: &mut Vec<T>, top: usize, key: impl Fn(&T) -> O) {
    if (1..all.len()).contains(&top) {
        all.select_nth_unstable_by_key(top - 1, &key);
    }
    all.truncate(top);
    all.sort_unstable_by_key(key);
}

/// The highest count that fits into a slot beside the age; the excess is kept in a map.
const MOST: u64 = (1 << 24) - 1;

/// Which of all counts are printed: those of at least `least`; of these, the first `top`.
#[derive(Clone, Copy)]
pub struct Limits {
    pub least: u64,
    pub top: usize,
}

/// Keys to be counted, and the place at which the search for each begins.
pub struct Batch<K> {
    keys: [K; BATCH],
    homes: [usize; BATCH],
    length: usize,
}

impl<K: Key> Batch<K> {
    /// An empty batch.
    pub fn new() -> Self {
        Batch {
            keys: [K::default(); BATCH],
            homes: [0; BATCH],
            length: 0,
        }
    }

    /// Adds a key that is to be counted in this table; a batch holds [`BATCH`] of them.
    #[inline(always)]
    pub fn push<const N: usize>(&mut self, key: K, counts: &Counts<K, N>) {
        let home = counts.home(key);
        counts.table.prefetch(home);
        self.keys[self.length] = key;
        self.homes[self.length] = home;
        self.length += 1;
    }

    /// Empties the batch; returns its keys but the first `done`.
    pub fn drain_from(&mut self, done: usize) -> impl Iterator<Item = K> {
        let length = std::mem::take(&mut self.length);
        self.keys[done..length].iter().copied()
    }
}

/// Counts by key. The value of a slot is the count in the upper 24 bits, the age in the lower 8.
pub struct Counts<K, const N: usize> {
    table: Table<K, N>,
    used: usize,
    seed: Seed,
    /// Of large counts, the part that is not in the slot.
    excess: HashMap<K, u64>,
}

impl<K: Key, const N: usize> Counts<K, N> {
    /// An empty table.
    pub fn new(seed: Seed) -> Self {
        Counts {
            table: Table::new(1024),
            used: 0,
            seed,
            excess: HashMap::new(),
        }
    }

    /// The number of keys.
    pub fn held(&self) -> usize {
        self.used
    }

    /// Adds an event for each key, up to the first for which [`Bound::make_room`] must be called;
    /// returns their number.
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
        bound.advance(done);
        done
    }

    /// Adds `n` events, at least 1, to a key; false if [`Bound::make_room`] must be called first.
    pub fn add(&mut self, key: K, n: u64, bound: &mut Bound) -> bool {
        let (age, left) = bound.period();
        let done = left > 0 && self.add_at(self.home(key), key, n, age, bound);
        bound.advance(usize::from(done));
        done
    }

    #[inline(always)]
    fn add_at(&mut self, home: usize, key: K, n: u64, age: u8, bound: &mut Bound) -> bool {
        let place = self.table.find(home, key, |_| true);
        let full = self.is_full();
        let slot = self.table.get_mut(place);
        if slot.value == 0 {
            if full || !bound.try_hold() {
                return false;
            }
            self.used += 1;
            slot.key = key;
        }
        let count = u64::from(slot.value >> 8).saturating_add(n);
        let in_slot = if count <= MOST {
            count as u32
        } else {
            let excess = self.excess.entry(key).or_default();
            *excess = excess.saturating_add(count - 1);
            1
        };
        slot.value = in_slot << 8 | u32::from(age);
        true
    }

    #[inline(always)]
    fn home(&self, key: K) -> usize {
        self.table.home(key.hash(self.seed))
    }

    /// Takes the count of a key out of the table. Nothing can be added afterwards.
    pub fn take(&mut self, key: K) -> u64 {
        let place = self.table.find(self.home(key), key, |_| true);
        let slot = self.table.get_mut(place);
        let count = u64::from(slot.value >> 8);
        // Not 0: the search for other keys may lead over this slot.
        slot.value = slot.value.min(1);
        count.saturating_add(self.excess.remove(&key).unwrap_or(0))
    }

    /// The count of a key.
    pub fn count(&self, key: K) -> u64 {
        let place = self.table.find(self.home(key), key, |_| true);
        self.with_excess(key, self.table.get(place).value)
    }

    /// The sum of a key's counts in these tables, at most `u64::MAX`.
    pub fn sum(tables: &[&Self], key: K) -> u64 {
        let counts = tables.iter().map(|table| table.count(key));
        counts.fold(0, u64::saturating_add)
    }

    /// The count in a slot's value, and the excess of its key.
    #[inline(always)]
    fn with_excess(&self, key: K, value: u32) -> u64 {
        let more = self.excess.get(&key).copied().unwrap_or(0);
        u64::from(value >> 8).saturating_add(more)
    }

    /// Loads the slots of a key that is to be counted soon.
    #[inline(always)]
    pub fn prefetch(&self, key: K) {
        self.table.prefetch(self.home(key));
    }

    /// Takes out the counts that `takes` accepts, which gets each with its key. Their slots stay.
    pub fn take_out(&mut self, mut takes: impl FnMut(K, u64) -> bool) {
        for slot in self.table.used_mut() {
            let more = self.excess.get(&slot.key).copied().unwrap_or(0);
            if takes(slot.key, u64::from(slot.value >> 8).saturating_add(more)) {
                if more > 0 {
                    self.excess.remove(&slot.key);
                }
                // Not 0: the search for other keys may lead over this slot.
                slot.value = 1;
            }
        }
    }

    /// The counts within the limits.
    pub fn rank(self, Limits { least, top }: Limits) -> Ranked<K> {
        // In place: most of the addresses that fill the memory are here.
        let mut slots = self.table.into_slots();
        // A count with an excess is higher than any without.
        let excess = &self.excess;
        let mut first = Vec::new();
        slots.retain(|slot| {
            let count = u64::from(slot.value >> 8);
            if count == 0 {
                return false;
            }
            let more = excess.get(&slot.key);
            first.extend(more.map(|more| (slot.key, count.saturating_add(*more))));
            more.is_none() && count >= least
        });
        first.retain(|(_, count)| *count >= least);
        Ranked::new(first, slots, top)
    }

    /// The same of one part of the keys, if each of these tables has a part of their counts. All
    /// tables have the same seed. `but` holds keys that are left out.
    pub fn rank_part(
        tables: &[&Self],
        part: Part,
        Limits { least, top }: Limits,
        but: &HashSet<K>,
    ) -> Ranked<K> {
        let used = tables.iter().map(|table| table.used).max().unwrap_or(0);
        // Most keys are in all tables, and the parts hardly differ.
        let mut slots = vector(used * 17 / 16 / tables.len().max(1));
        let mut first = Vec::new();
        let mut added: Vec<_> = tables
            .iter()
            .map(|table| Places::none(&table.table))
            .collect();
        // All tables have the order of the hashes, so these look-ups go forward in memory.
        let (from, to) = part.bounds();
        for (number, table) in tables.iter().enumerate() {
            let (behind, added) = (&tables[number + 1..], &mut added[number..]);
            for place in table.table.used_between(from, to) {
                let Slot { key, value } = *table.table.get(place);
                let hash = key.hash(table.seed);
                if added[0].has(place) || !part.has(hash) || but.contains(&key) {
                    continue;
                }
                let mut count = table.with_excess(key, value);
                for (table, added) in behind.iter().zip(&mut added[1..]) {
                    let place = table.table.find(table.table.home(hash), key, |_| true);
                    let value = table.table.get(place).value;
                    count = count.saturating_add(table.with_excess(key, value));
                    added.add(place);
                }
                if count < least {
                    continue;
                }
                match count {
                    ..=MOST => slots.push(Slot {
                        key,
                        value: (count as u32) << 8,
                    }),
                    _ => first.push((key, count)),
                }
            }
        }
        Ranked::new(first, slots, top)
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.table.len() * 3
    }
}

/// Places of a table.
struct Places(Vec<u64>);

impl Places {
    fn none<K: Key, const N: usize>(table: &Table<K, N>) -> Self {
        Places(vec![0; table.places().div_ceil(64)])
    }

    #[inline(always)]
    fn has(&self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 > 0
    }

    #[inline(always)]
    fn add(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }
}

/// Keys with their counts, the highest count first, then by key.
pub struct Ranked<K> {
    /// The counts that no slot can hold.
    first: Vec<(K, u64)>,
    slots: Vec<Slot<K>>,
}

impl<K: Key> Ranked<K> {
    /// The first `top` of counts that no slot can hold, and of lower ones.
    fn new(mut first: Vec<(K, u64)>, mut slots: Vec<Slot<K>>, top: usize) -> Self {
        keep_first(&mut first, top, |(key, count)| (Reverse(*count), *key));
        let top = top - first.len();
        keep_first(&mut slots, top, |slot| slot.key.rank(slot.value >> 8));
        Ranked { first, slots }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.first.len() + self.slots.len()
    }

    /// The key at a place, and its count.
    #[inline(always)]
    pub fn get(&self, place: usize) -> Option<(K, u64)> {
        let Some(place) = place.checked_sub(self.first.len()) else {
            return self.first.get(place).copied();
        };
        let slot = self.slots.get(place)?;
        Some((slot.key, u64::from(slot.value >> 8)))
    }
}

impl<K: Key, const N: usize> Aged for Counts<K, N> {
    fn count_ages(&self, ages: &mut [usize; 256]) {
        for slot in self.table.used() {
            ages[usize::from(slot.value as u8)] += 1;
        }
    }

    fn lower_ages(&mut self, by: u8) {
        // A slot whose count was taken out has an age alone, and must not become empty.
        for slot in self.table.used_mut().filter(|slot| slot.value > 0xff) {
            slot.value -= u32::from((slot.value as u8).min(by));
        }
    }

    fn evict(&mut self, age: u8) -> usize {
        let (seed, excess) = (self.seed, &mut self.excess);
        let mut gone = 0;
        self.table.retain(
            |slot| slot.key.hash(seed),
            |slot| {
                let stays = slot.value as u8 > age;
                if !stays {
                    gone += 1;
                    excess.remove(&slot.key);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of several tables, of which each has some events of some keys, are together all
    /// keys with all their events.
    #[test]
    fn parts_of_several_tables() {
        let mut random = fastrand::Rng::with_seed(18);
        let limits = Limits {
            least: 2,
            top: usize::MAX,
        };
        for round in 0..300 {
            let (seed, number) = (Seed::random(), random.usize(1..9));
            let keys = random.u32(1..3_000);
            let mut sums = HashMap::<u32, u64>::new();
            let mut tables: Vec<_> = (0..number).map(|_| Counts::<u32, 8>::new(seed)).collect();
            for table in &mut tables {
                let mut bound = Bound::new(None, true);
                for _ in 0..random.u32(..2 * keys) {
                    let key = random.u32(..keys);
                    let n = [1, 1, 1, MOST, u64::MAX][random.usize(..5 - round % 3)];
                    while !table.add(key, n, &mut bound) {
                        bound.make_room([table as &mut dyn Aged]);
                    }
                    let sum = sums.entry(key).or_default();
                    *sum = sum.saturating_add(n);
                }
            }
            let but = HashSet::from([random.u32(..keys)]);
            let tables: Vec<_> = tables.iter().collect();
            let mut all = Vec::new();
            for part in Part::all(number) {
                let ranked = Counts::rank_part(&tables, part, limits, &but);
                let before = all.len();
                all.extend((0..).map_while(|place| ranked.get(place)));
                assert!(all[before..].is_sorted_by_key(|(key, count)| (Reverse(*count), *key)));
            }
            all.sort_unstable();
            sums.retain(|key, sum| *sum >= limits.least && !but.contains(key));
            let mut sums: Vec<_> = sums.into_iter().collect();
            sums.sort_unstable();
            assert_eq!(all, sums);
        }
    }

    /// Counts that were taken out leave the others where they are found.
    #[test]
    fn after_some_were_taken_out() {
        let mut bound = Bound::new(None, true);
        let mut counts = Counts::<u32, 8>::new(Seed::random());
        let add = |counts: &mut Counts<u32, 8>, bound: &mut Bound, key| {
            while !counts.add(key, 1, bound) {
                bound.make_room([counts as &mut dyn Aged]);
            }
        };
        (0..10_000).for_each(|key| add(&mut counts, &mut bound, key));
        let mut taken = Vec::new();
        counts.take_out(|key, count| {
            let takes = key % 3 != 0;
            taken.extend(takes.then_some((key, count)));
            takes
        });
        assert_eq!(taken.len(), 6_666);
        counts.lower_ages(127);
        (0..10_000).for_each(|key| add(&mut counts, &mut bound, key));
        let ranked = counts.rank(Limits {
            least: 1,
            top: usize::MAX,
        });
        let all: Vec<_> = (0..).map_while(|place| ranked.get(place)).collect();
        let twice = (0..10_000).filter(|key| key % 3 == 0).map(|key| (key, 2));
        let once = (0..10_000).filter(|key| key % 3 != 0).map(|key| (key, 1));
        assert_eq!(all, twice.chain(once).collect::<Vec<_>>());
    }
}
