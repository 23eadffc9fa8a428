//! Ranges of numbers, asked which of them holds a number, in nanoseconds.

use crate::masks::prefetch;

/// A number of an address: IPv4 or IPv6.
pub trait Number: Copy + Ord + Default {
    /// The length in bits.
    const BITS: u32;

    /// The distance from a lower number, without its last bits.
    fn distance(self, origin: Self, shift: u32) -> usize;

    /// The next number. This one is not the highest.
    fn next(self) -> Self;
}

impl Number for u32 {
    const BITS: u32 = 32;

    #[inline(always)]
    fn distance(self, origin: u32, shift: u32) -> usize {
        (u64::from(self - origin) >> shift) as usize
    }

    fn next(self) -> u32 {
        self + 1
    }
}

impl Number for u128 {
    const BITS: u32 = 128;

    #[inline(always)]
    fn distance(self, origin: u128, shift: u32) -> usize {
        ((self - origin).checked_shr(shift).unwrap_or(0)) as usize
    }

    fn next(self) -> u128 {
        self + 1
    }
}

/// The bitmap has some 64 slots for each range, so nearly all of them are empty; within bounds.
const SLOTS: u32 = 6;
const LEAST_SLOTS: u32 = 10;
const MOST_SLOTS: u32 = 24;

/// Ranges that have no number in common, in order.
///
/// The space from the first number to the last is divided into equal slots, twice. Most questions
/// end at a bitmap, which tells whether any range touches the slot. The others find by an index of
/// coarser slots a few ranges, among which they search.
#[derive(Clone, Debug, Default)]
pub struct Ranges<N> {
    firsts: Vec<N>,
    lasts: Vec<N>,
    /// The first number of all.
    origin: N,
    touched: Vec<u64>,
    touched_shift: u32,
    /// For each slot and one after them, the number of ranges that end before it.
    index: Vec<u32>,
    index_shift: u32,
}

impl<N: Number> Ranges<N> {
    /// From ranges in the order of their first numbers, of equal ones the widest first. Each is
    /// apart from the others, or inside one before it, and is then left out.
    pub fn new(ranges: impl Iterator<Item = (N, N)>) -> Self {
        let (mut firsts, mut lasts) = (Vec::<N>::new(), Vec::<N>::new());
        for (first, last) in ranges {
            if lasts.last().is_none_or(|end| last > *end) {
                firsts.push(first);
                lasts.push(last);
            }
        }
        let (Some(origin), Some(end)) = (firsts.first().copied(), lasts.last().copied()) else {
            return Ranges::default();
        };
        let size = firsts.len().ilog2();
        let shift = |slots: u32| {
            let mut shift = N::BITS.saturating_sub(slots);
            while shift > 0 && end.distance(origin, shift - 1) < 1 << slots {
                shift -= 1;
            }
            shift
        };
        let touched_shift = shift((size + SLOTS).clamp(LEAST_SLOTS, MOST_SLOTS));
        let mut touched = vec![0; end.distance(origin, touched_shift) / 64 + 1];
        for (first, last) in firsts.iter().zip(&lasts) {
            let from = first.distance(origin, touched_shift);
            for slot in from..=last.distance(origin, touched_shift) {
                touched[slot / 64] |= 1 << (slot % 64);
            }
        }
        let index_shift = shift(size + 1);
        let slots = end.distance(origin, index_shift) + 1;
        let mut index = Vec::with_capacity(slots + 1);
        for (i, last) in lasts.iter().enumerate() {
            // The slots up to this end begin before it.
            let until = last.distance(origin, index_shift);
            index.resize(index.len().max(until + 1), i as u32);
        }
        index.push(lasts.len() as u32);
        Ranges {
            firsts,
            lasts,
            origin,
            touched,
            touched_shift,
            index,
            index_shift,
        }
    }

    /// The first range that has a number in common with `first` to `last`.
    #[inline]
    pub fn touching(&self, first: N, last: N) -> Option<(N, N)> {
        if first == last && !self.may_hold(first) {
            return None;
        }
        self.search(first, last)
    }

    /// Whether all numbers from `first` to `last` are in ranges.
    #[inline]
    pub(super) fn hold(&self, mut first: N, last: N) -> bool {
        loop {
            match self.touching(first, last) {
                Some((from, to)) if from <= first && to >= last => return true,
                // The next range may begin where this one ends.
                Some((from, to)) if from <= first => first = to.next(),
                _ => return false,
            }
        }
    }

    /// Whether a range touches the slot of this number.
    #[inline(always)]
    fn may_hold(&self, number: N) -> bool {
        if number < self.origin {
            return false;
        }
        let slot = number.distance(self.origin, self.touched_shift);
        let word = self.touched.get(slot / 64).copied().unwrap_or(0);
        word >> (slot % 64) & 1 == 1
    }

    #[inline(never)]
    fn search(&self, first: N, last: N) -> Option<(N, N)> {
        self.get(self.place(first, last)?)
    }

    /// The place, in order and from 0, of the first range that has a number in common with `first`
    /// to `last`.
    #[inline]
    pub fn place(&self, first: N, last: N) -> Option<usize> {
        if last < self.origin || first > *self.lasts.last()? {
            return None;
        }
        let from = first.max(self.origin);
        let slot = from.distance(self.origin, self.index_shift);
        let (low, high) = (self.index[slot] as usize, self.index[slot + 1] as usize);
        let at = low + self.lasts[low..high].partition_point(|end| *end < from);
        (*self.firsts.get(at)? <= last).then_some(at)
    }

    /// Loads what a search for a number reads first.
    #[inline]
    pub fn prefetch_index(&self, number: N) {
        let slot = number
            .max(self.origin)
            .distance(self.origin, self.index_shift);
        if let Some(slot) = self.index.get(slot) {
            prefetch(slot);
        }
    }

    /// Loads the ranges at which such a search begins, when
    /// [`prefetch_index`](Self::prefetch_index) has done its work; answers the place of the first.
    #[inline]
    pub fn prefetch_ranges(&self, number: N) -> Option<usize> {
        let slot = number
            .max(self.origin)
            .distance(self.origin, self.index_shift);
        let place = *self.index.get(slot)? as usize;
        prefetch(self.firsts.get(place)?);
        prefetch(self.lasts.get(place)?);
        Some(place)
    }

    /// The range at a place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<(N, N)> {
        Some((*self.firsts.get(place)?, *self.lasts.get(place)?))
    }

    /// The number of ranges.
    pub fn len(&self) -> usize {
        self.firsts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }
}
