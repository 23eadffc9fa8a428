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
    /// The next one is not counted yet: room must be made first; see
    /// [`Memory::make_room`](super::in_memory::Memory::make_room).
    Full,
}

/// Loads the rows of all events of a batch, before the first is counted. A little ahead of each
/// would be slower, as a wrong guess of the processor holds up the loads too.
pub fn load_rows(batch: &mut EventBatch, (_, ipv4, ipv6): &AllRows) {
    for event in &mut batch.events {
        match &mut event.target {
            Target::Ipv4(number, place) => *place = ipv4.prefetch_row(*number, *place),
            Target::Ipv6(number, place) => *place = ipv6.prefetch_row(*number, *place),
            _ => {}
        }
    }
}

/// A batch whose events are being counted.
pub struct Counting<'a> {
    pub batch: &'a EventBatch,
    /// The number of events that were counted, or that others count.
    pub counted: usize,
    /// The time of events without one.
    pub now: Time,
}

impl Counting<'_> {
    /// Counts events in rows until one needs more; returns its number and its effect.
    pub fn count(
        &mut self,
        rows: &mut AllRows,
        bound: &mut Bound,
        times: &Times,
    ) -> Option<(usize, Effect)> {
        match rows.0 {
            RowRule::Events(rule) => self.count_by(rule, rows, bound, times),
            RowRule::Distinct(rule) => self.count_by(rule, rows, bound, times),
        }
    }

    #[inline(never)]
    fn count_by<R: CountsInRow>(
        &mut self,
        rule: R,
        (_, ipv4, ipv6): &mut AllRows,
        bound: &mut Bound,
        times: &Times,
    ) -> Option<(usize, Effect)> {
        let EventBatch { events, lines, .. } = self.batch;
        let (age, left) = bound.period();
        let from = self.counted;
        let end = events.len().min(from.saturating_add(left));
        let mut stopped = None;
        while self.counted < end {
            let event = &events[self.counted];
            self.counted += 1;
            let line = event.line.map(|number| &lines[number as usize]);
            let (at, limit) = times.of(line.and_then(|line| line.at), self.now);
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
                (_, Some(_)) => {
                    stopped = Some(Effect::Other);
                    break;
                }
                (_, None) => {
                    stopped = Some(Effect::WithoutValue);
                    break;
                }
            };
            match counted {
                Some(Verdict::Counted) => continue,
                Some(Verdict::Reached(reached)) => stopped = Some(Effect::Reached(reached)),
                Some(Verdict::Late) => stopped = Some(Effect::Late),
                None => {
                    self.counted -= 1;
                    stopped = Some(Effect::Full);
                }
            }
            break;
        }
        let elsewhere = matches!(stopped, Some(Effect::Other | Effect::WithoutValue));
        bound.advance(self.counted - from - usize::from(elsewhere));
        if stopped.is_none() && self.counted < events.len() {
            stopped = Some(Effect::Full);
        }
        stopped.map(|effect| (self.counted.saturating_sub(1), effect))
    }
}
