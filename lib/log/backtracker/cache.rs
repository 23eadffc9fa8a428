//! The memory of a backtracker while it runs, kept to be used again.

use super::node::Id;

/// The value of a slot whose group did not take part.
pub(super) const UNSET: u32 = u32::MAX;

/// Memory for runs of a [`Backtracker`](super::Backtracker), and the groups of the last match.
#[derive(Debug, Default)]
pub struct Cache {
    /// Group `n` is from slot `2 n` to slot `2 n + 1`.
    pub(super) slots: Vec<u32>,
    pub(super) frames: Vec<Frame>,
    /// End of the bytes that the last run looked at, if it noted that.
    pub(super) looked_at: usize,
}

/// An alternative that is tried when the current one fails.
#[derive(Debug)]
pub(super) enum Frame {
    /// Goes on at a node.
    Resume { node: Id, at: u32 },
    /// Goes on at one of several positions.
    Positions(Positions),
    /// Gives a slot its former value.
    Slot { slot: u16, was: u32 },
}

/// Positions `low` to `high`, from which a run goes on to `node` before a byte of `then`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positions {
    pub(super) node: Id,
    pub(super) then: Id,
    pub(super) low: u32,
    pub(super) high: u32,
    /// The last position first.
    pub(super) greedy: bool,
}

impl Cache {
    /// The bytes of group `number` in the last match, if it took part; 0 is the whole match.
    pub fn group(&self, number: usize) -> Option<(usize, usize)> {
        let slot = |n| self.slots.get(n).copied().filter(|at| *at != UNSET);
        let first = number.checked_mul(2)?;
        let (start, end) = slot(first).zip(slot(first + 1))?;
        Some((start as usize, end as usize))
    }

    #[inline]
    pub(super) fn save(&mut self, slot: u16, at: usize) {
        let place = &mut self.slots[usize::from(slot)];
        let was = std::mem::replace(place, at as u32);
        // Without an alternative left, nobody reads the former value.
        if !self.frames.is_empty() {
            self.frames.push(Frame::Slot { slot, was });
        }
    }

    /// Removes the frames above the first `base`, and gives the slots their former values.
    pub(super) fn undo(&mut self, base: usize) {
        while self.frames.len() > base {
            if let Some(Frame::Slot { slot, was }) = self.frames.pop() {
                self.slots[usize::from(slot)] = was;
            }
        }
    }
}
