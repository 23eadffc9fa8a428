//! Events of a batch counted in rows: the loops in which a stream of millions of addresses spends
//! its time. There is one of each for each rule.

use pipeban::time::Time;

use super::batch::EventBatch;
use super::in_memory::{AllRows, Target};
use super::row_rule::{CountsInRow, RowRule};
use super::rule::Verdict;
use super::sets::Reached;
use crate::table::bound::Bound;
use crate::times::Times;
use crate::value::Value;

/// The effect of an event that needs more than to be counted in a row.
pub enum Effect {
    /// With it the threshold is reached.
    Reached(Reached),
    /// It came too late.
    Late,
    /// It is not counted in a row.
    Other,
    /// It has no value that could be distinct.
    WithoutValue,
    /// It is not counted yet: [`Memory::make_room`](super::in_memory::Memory::make_room) must be called first.
    Full,
}

/// The events of a batch, and the clock that they are counted by.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub batch: &'a EventBatch,
    /// The number of the first event that is to be counted.
    pub from: usize,
    pub times: &'a Times,
    /// The time of events without one.
    pub now: Time,
}

/// Loads the rows of all events of a batch.
pub fn prefetch_rows(batch: &mut EventBatch, rows: &AllRows) {
    let (_, ipv4, ipv6) = rows;
    for event in &mut batch.events {
        match &mut event.target {
            Target::Ipv4(number, place) => *place = ipv4.prefetch_row(*number, *place),
            Target::Ipv6(number, place) => *place = ipv6.prefetch_row(*number, *place),
            _ => {}
        }
    }
}

/// Counts events in rows until one needs more; returns its number and its effect.
pub fn count(part: Part, rows: &mut AllRows, bound: &mut Bound) -> Option<(usize, Effect)> {
    match rows.0 {
        RowRule::Events(rule) => count_by(rule, part, rows, bound),
        RowRule::Distinct(rule) => count_by(rule, part, rows, bound),
    }
}

#[inline(never)]
fn count_by<R: CountsInRow>(
    rule: R,
    part: Part,
    (_, ipv4, ipv6): &mut AllRows,
    bound: &mut Bound,
) -> Option<(usize, Effect)> {
    let EventBatch { events, lines, .. } = part.batch;
    let events = &events[part.from..];
    let (age, left) = bound.period();
    for (i, event) in events.iter().take(left).enumerate() {
        let line = event.line.map(|number| &lines[number as usize]);
        let (at, limit) = part.times.of(line.and_then(|line| line.at), part.now);
        let value = line.map(|line| line.value);
        let value = match R::NEEDS_VALUE {
            true => value,
            false => Some(Value::NONE),
        };
        let counted = match (&event.target, value) {
            (Target::Ipv4(number, place), Some(value)) => {
                ipv4.change(*number, *place, age, bound, |row| {
                    rule.add(row, value, at, limit)
                })
            }
            (Target::Ipv6(number, place), Some(value)) => {
                ipv6.change(*number, *place, age, bound, |row| {
                    rule.add(row, value, at, limit)
                })
            }
            (_, value) => {
                bound.advance(i);
                let effect = match value {
                    Some(_) => Effect::Other,
                    None => Effect::WithoutValue,
                };
                return Some((part.from + i, effect));
            }
        };
        match counted {
            Some(Verdict::Counted) => {}
            Some(Verdict::Reached(reached)) => {
                bound.advance(i + 1);
                return Some((part.from + i, Effect::Reached(reached)));
            }
            Some(Verdict::Late) => {
                bound.advance(i + 1);
                return Some((part.from + i, Effect::Late));
            }
            None => {
                bound.advance(i);
                return Some((part.from + i, Effect::Full));
            }
        }
    }
    bound.advance(events.len().min(left));
    (left < events.len()).then_some((part.from + left, Effect::Full))
}
