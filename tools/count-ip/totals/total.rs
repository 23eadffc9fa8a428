//! The count of one address.

use pipeban::time::Time;

use crate::table::map::Weight;

/// The number of events, and the times of the first and the last one, where they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    pub count: u64,
    pub span: Option<(Time, Time)>,
}

impl Total {
    /// Adds events, in number and time.
    pub fn add(&mut self, count: u64, span: Option<(Time, Time)>) {
        self.count = self.count.saturating_add(count);
        self.span = match (self.span, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}

impl Weight for Total {}
