//! What is known of one address: how many events, and when.

use pipeban::hits::Hit;
use pipeban::time::Time;
use std::time::Duration;

/// When an address is to be printed.
pub struct Rule {
    /// At this many events, at least 1.
    pub threshold: u64,
    /// That are no further apart than this.
    pub within: Option<Duration>,
}

/// An address that reached its threshold.
pub struct Crossing {
    pub count: u64,
    pub first: Time,
    pub last: Time,
}

/// Counts one event into what is known of its address. `now` is the latest that any time can be.
///
/// With a window, only the times inside it are kept, sorted: fewer than the threshold, as reaching
/// that begins anew. The window ends at the newest event; one that is older than that allows is
/// too late to count.
pub fn count(hit: &mut Hit, rule: &Rule, at: Time, now: Option<Time>) -> Option<Crossing> {
    if let Some(now) = now {
        // A clock that was set back, or a stamp ahead of it, must not make real events look late.
        hit.first = hit.first.min(now);
        hit.last = hit.last.min(now);
        for time in hit.times.iter_mut().rev().take_while(|time| **time > now) {
            *time = now;
        }
    }
    let at = now.map_or(at, |now| at.min(now));
    if let Some(within) = rule.within {
        let newest = hit.times.last().map_or(at, |newest| at.max(*newest));
        let from = newest - within;
        if at < from {
            return None;
        }
        let outside = hit.times.partition_point(|time| *time < from);
        hit.times.drain(..outside);
        let place = hit.times.partition_point(|time| *time <= at);
        hit.times.insert(place, at);
        hit.count = hit.times.len() as u64;
        hit.first = hit.times[0];
        hit.last = newest;
    } else {
        hit.first = if hit.count == 0 {
            at
        } else {
            hit.first.min(at)
        };
        hit.last = if hit.count == 0 { at } else { hit.last.max(at) };
        hit.count += 1;
    }
    if hit.count < rule.threshold {
        return None;
    }
    let Hit {
        count, first, last, ..
    } = std::mem::take(hit);
    Some(Crossing { count, first, last })
}
