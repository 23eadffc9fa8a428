//! The rules that keep a row of numbers for each address.

use pipeban::time::Time;

use super::rule::Verdict;
use super::sets::{DistinctRule, Reached};
use super::windows::Window;
use crate::value::Value;

/// A rule that keeps a row of numbers for each address.
pub trait CountsInRow: Copy {
    /// Whether an event needs a value.
    const NEEDS_VALUE: bool;

    /// Counts an event in a row. `value` is the one that is to be distinct.
    fn add(&self, row: &mut [i64], value: Value, at: Time, now: Option<Time>) -> Verdict<Reached>;
}

impl CountsInRow for Window {
    const NEEDS_VALUE: bool = false;

    /// There are as many events as the threshold, so their number is left 0.
    #[inline(always)]
    fn add(&self, row: &mut [i64], _: Value, at: Time, now: Option<Time>) -> Verdict<Reached> {
        self.add(row, at, now).map(|(first, last)| Reached {
            count: 0,
            first,
            last,
        })
    }
}

impl CountsInRow for DistinctRule {
    const NEEDS_VALUE: bool = true;

    #[inline(always)]
    fn add(&self, row: &mut [i64], value: Value, at: Time, now: Option<Time>) -> Verdict<Reached> {
        self.add(row, value, at, now)
    }
}

/// One of these rules.
#[derive(Clone, Copy)]
pub enum RowRule {
    /// A threshold of events within a window.
    Events(Window),
    /// A threshold of distinct values.
    Distinct(DistinctRule),
}

impl RowRule {
    /// The width of a row.
    pub fn width(&self) -> usize {
        match self {
            RowRule::Events(window) => window.width(),
            RowRule::Distinct(rule) => rule.width(),
        }
    }
}
