//! Ranges that overlap, made into ranges that do not.

use pipeban::netset::ranges::Number;

/// A number of an address, which has neighbours.
pub trait Ordinal: Number {
    /// The next number; `None` after the last.
    fn after(self) -> Option<Self>;

    /// The number before this one, which must not be the first.
    fn before(self) -> Self;

    /// The place of the highest bit in which two numbers differ, counted from the lowest.
    fn highest_difference(self, other: Self) -> u32;

    /// The number of host bits of the widest network around this number that lies in a range.
    #[inline(always)]
    fn host_bits(self, first: Self, last: Self) -> u32 {
        // A wider network would hold the number before the range, or the one behind it.
        let below = match first > Self::default() {
            true => self.highest_difference(first.before()),
            false => Self::BITS,
        };
        let above = last.after().map(|after| self.highest_difference(after));
        above.map_or(below, |above| above.min(below))
    }
}

impl Ordinal for u32 {
    fn after(self) -> Option<u32> {
        self.checked_add(1)
    }

    fn before(self) -> u32 {
        self - 1
    }

    fn highest_difference(self, other: u32) -> u32 {
        // Never asked of equal numbers.
        (self ^ other | 1).ilog2()
    }
}

impl Ordinal for u128 {
    fn after(self) -> Option<u128> {
        self.checked_add(1)
    }

    fn before(self) -> u128 {
        self - 1
    }

    fn highest_difference(self, other: u128) -> u32 {
        // Never asked of equal numbers.
        (self ^ other | 1).ilog2()
    }
}

/// From a first number to a last, and the entry of the range.
pub type Ranges<N> = Vec<(N, N, u32)>;

/// Sorts ranges, and cuts them so that none has a number in common with another: of two that
/// overlap, the one that begins later has the common part, and of two that begin together the
/// narrower one. Of equal ranges the last counts.
pub fn flatten<N: Ordinal>(ranges: &mut Ranges<N>) {
    let order = |range: &(N, N, u32)| (range.0, std::cmp::Reverse(range.1));
    if !ranges.is_sorted_by_key(order) {
        ranges.sort_by_key(order);
    }
    if ranges.windows(2).all(|pair| pair[0].1 < pair[1].0) {
        return;
    }
    let mut flat = Ranges::with_capacity(ranges.len());
    // The ranges that are open, each with the number from which it has none above it.
    let mut open: Vec<(N, u32)> = Vec::new();
    let mut from = N::default();
    for (first, last, entry) in ranges.drain(..) {
        close(&mut open, &mut from, Some(first), &mut flat);
        if let Some((_, below)) = open.last()
            && from < first
        {
            flat.push((from, first.before(), *below));
        }
        from = first;
        open.push((last, entry));
    }
    close(&mut open, &mut from, None, &mut flat);
    *ranges = flat;
}

/// Closes the open ranges that end before a number, or all.
fn close<N: Ordinal>(
    open: &mut Vec<(N, u32)>,
    from: &mut N,
    before: Option<N>,
    flat: &mut Ranges<N>,
) {
    while let Some((last, entry)) = open.pop_if(|top| before.is_none_or(|before| top.0 < before)) {
        if *from > last {
            continue;
        }
        flat.push((*from, last, entry));
        match last.after() {
            Some(after) => *from = after,
            // Nothing is left below it.
            None => return open.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random ranges of small numbers, beside one entry for each number.
    #[test]
    fn as_one_entry_for_each_number() {
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..20_000 {
            let top = if round % 2 == 0 { u32::MAX - 63 } else { 0 };
            let mut ranges: Ranges<u32> = (0..random.u32(..9))
                .map(|entry| {
                    let first = random.u32(..64);
                    let last = (first + random.u32(..24)).min(63);
                    (top + first, top + last, entry)
                })
                .collect();
            let mut sorted = ranges.clone();
            sorted.sort_by_key(|r| (r.0, std::cmp::Reverse(r.1)));
            let mut expected = [None; 64];
            for (first, last, entry) in sorted {
                expected[(first - top) as usize..=(last - top) as usize].fill(Some(entry));
            }
            flatten(&mut ranges);
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
            let mut found = [None; 64];
            for (first, last, entry) in ranges {
                found[(first - top) as usize..=(last - top) as usize].fill(Some(entry));
            }
            assert_eq!(found, expected);
        }
    }
}
