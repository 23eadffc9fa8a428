//! Rows of numbers by address, for millions of addresses.
//!
//! One access to the index finds an address's row, of a fixed width, and another reads it; both are
//! made for a batch of addresses at once.

use super::bound::{Aged, Bound};
use super::key::{Key, Seed};
use super::memory::{LINE, has_capacity, prefetch, reserve};
use super::open::Table;
use super::slot::Slot;

/// The highest number of addresses, being that of row numbers. The bound on memory allows fewer.
pub const MOST_ADDRESSES: usize = (1 << 24) - 1;

/// No number: all numbers of a new row.
pub const NONE: i64 = i64::MIN;

/// The rows of all addresses of a family.
pub struct Rows<K, const N: usize> {
    /// The number of each address's row, 1 for the first, and in the lower 8 bits its age.
    index: Table<K, N>,
    rows: Vec<i64>,
    /// The index in `rows` of the first row.
    first: usize,
    /// The number of the first free row. Each holds the number of the next one in place of its
    /// first number; 0 ends the list.
    free: u32,
    used: usize,
    width: usize,
    seed: Seed,
}

impl<K: Key, const N: usize> Rows<K, N> {
    /// No rows yet. `width` is at least 1.
    pub fn new(width: usize) -> Self {
        let mut rows = Rows {
            index: Table::new(64),
            rows: Vec::new(),
            first: 0,
            free: 0,
            used: 0,
            width,
            seed: Seed::random(),
        };
        rows.reserve_rows();
        rows
    }

    /// The place in the index at which the search for a key begins; loads it.
    #[inline(always)]
    pub fn prefetch_index(&self, key: K) -> usize {
        let home = self.home(key);
        self.index.prefetch(home);
        home
    }

    /// The place in the index where the key is or belongs; loads its row. `home` comes from
    /// [`prefetch_index`](Self::prefetch_index), which has done its work by then.
    #[inline(always)]
    pub fn prefetch_row(&self, key: K, home: usize) -> usize {
        let place = self.index.find(home, key, |_| true);
        let start = self.start(self.index.get(place).value >> 8);
        if let Some(row) = self.rows.get(start..start.wrapping_add(self.width)) {
            // It may lie in several cache lines.
            row.iter()
                .step_by(LINE / size_of::<i64>())
                .for_each(prefetch);
            prefetch(&row[row.len() - 1]);
        }
        place
    }

    /// Changes the row of a key, which is made if there is none; `None` if
    /// [`Bound::make_room`] must be called first. `place` is the one that
    /// [`prefetch_row`](Self::prefetch_row) returned, `age` that of the [`Bound::period`]. The
    /// caller calls [`Bound::advance`].
    #[inline(always)]
    pub fn change<R>(
        &mut self,
        key: K,
        place: usize,
        age: u8,
        bound: &mut Bound,
        change: impl FnOnce(&mut [i64]) -> R,
    ) -> Option<R> {
        let mut slot = *self.index.get(place);
        let mut place = place;
        if slot.key != key || slot.value == 0 {
            place = self.index.find(self.home(key), key, |_| true);
            slot = *self.index.get(place);
            if slot.value == 0 {
                slot = self.begin(key, bound)?;
            }
        }
        slot.value = slot.value & !0xff | u32::from(age);
        *self.index.get_mut(place) = slot;
        let start = self.start(slot.value >> 8);
        Some(change(&mut self.rows[start..][..self.width]))
    }

    /// A slot with a row for a new address; `None` if [`Bound::make_room`] must be called first.
    fn begin(&mut self, key: K, bound: &mut Bound) -> Option<Slot<K>> {
        if self.is_full() || !bound.try_hold() {
            return None;
        }
        self.used += 1;
        let number = if self.free == 0 {
            self.rows.resize(self.rows.len() + self.width, NONE);
            ((self.rows.len() - self.first) / self.width) as u32
        } else {
            let start = self.start(self.free);
            let row = &mut self.rows[start..][..self.width];
            let next = std::mem::replace(&mut row[0], NONE) as u32;
            std::mem::replace(&mut self.free, next)
        };
        let value = number << 8;
        Some(Slot { key, value })
    }

    #[inline(always)]
    fn home(&self, key: K) -> usize {
        self.index.home(key.hash(self.seed))
    }

    /// The index of the first number of a row.
    #[inline(always)]
    fn start(&self, row: u32) -> usize {
        start(self.first, self.width, row)
    }

    /// Reserves as many rows as the index has addresses.
    fn reserve_rows(&mut self) {
        let rows = self.index.len() * 3 / 4 + 1;
        reserve(&mut self.rows, &mut self.first, rows * self.width);
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.index.len() * 3
    }
}

/// The index of the first number of a row, the first row beginning at `first`; for row 0, which
/// does not exist, an index outside of the vector.
#[inline(always)]
fn start(first: usize, width: usize, row: u32) -> usize {
    (row as usize)
        .wrapping_sub(1)
        .wrapping_mul(width)
        .wrapping_add(first)
}

impl<K: Key, const N: usize> Aged for Rows<K, N> {
    fn count_ages(&self, ages: &mut [usize; 256]) {
        for slot in self.index.used() {
            ages[usize::from(slot.value as u8)] += 1;
        }
    }

    fn lower_ages(&mut self, by: u8) {
        for slot in self.index.used_mut() {
            slot.value -= u32::from((slot.value as u8).min(by));
        }
    }

    fn evict(&mut self, age: u8) -> usize {
        let seed = self.seed;
        let (rows, first, width) = (&mut self.rows, self.first, self.width);
        let free = &mut self.free;
        let mut gone = 0;
        self.index.retain(
            |slot| slot.key.hash(seed),
            |slot| {
                let stays = slot.value as u8 > age;
                if !stays {
                    gone += 1;
                    let number = slot.value >> 8;
                    let row = &mut rows[start(first, width, number)..][..width];
                    row.fill(NONE);
                    row[0] = std::mem::replace(free, number).into();
                }
                stays
            },
        );
        self.used -= gone;
        gone
    }

    fn size(&self) -> usize {
        self.index.size() + self.rows.len() * size_of::<i64>()
    }

    fn growth(&self) -> usize {
        if !self.is_full() {
            return 0;
        }
        let rows = self.rows.len() * size_of::<i64>();
        let in_place = has_capacity(&self.rows, self.rows.len() * 3 / 2);
        self.index.growth() + if in_place { rows / 2 } else { rows * 3 / 2 }
    }

    fn grow(&mut self) {
        let seed = self.seed;
        self.index.grow(|slot| slot.key.hash(seed));
        self.reserve_rows();
    }
}
