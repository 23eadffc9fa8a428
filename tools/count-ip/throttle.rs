//! `--throttle`: an address counts at most once in a time.

use std::time::Duration;

use pipeban::time::Time;

use crate::table::map::Weight;

/// The time at which an address last counted.
#[derive(Default)]
pub struct LastCounted(pub Option<Time>);

impl Weight for LastCounted {}

/// Whether an event at `at` counts, being at least `throttle` from the `last` one that counted;
/// `last` then becomes the later of the two. No time lies after `now`.
pub fn counts(throttle: Duration, last: &mut Option<Time>, at: Time, now: Option<Time>) -> bool {
    let limited = last.map(|last| now.map_or(last, |now| last.min(now)));
    let passes = limited.is_none_or(|last| at.since(last).max(last.since(at)) >= throttle);
    if passes {
        *last = limited.max(Some(at));
    }
    passes
}
