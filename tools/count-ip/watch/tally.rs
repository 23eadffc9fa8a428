//! The events of one address or network that is watched, and whether they reach the threshold.

use pipeban::address::Address;
use pipeban::time::Time;

use super::detail::{Detail, Evidence, Host, beyond};
use super::rule::{Crossing, Event, Rule, Verdict};
use crate::table::map::Weight;

/// The events of one address. Most addresses have few: with its address, their tally fills one
/// cache line.
#[derive(Clone, Debug, PartialEq)]
pub enum Tally {
    /// The times of events that are kept one by one, sorted: the first `length` of `times`. They
    /// are fewer than the threshold, because counting begins again there.
    Few { length: u8, times: [Time; FEW] },
    /// The number of events since it was last printed, where they are not kept one by one; the
    /// first and the last time.
    Sum(u64, Time, Time),
    /// Any other rule.
    Detail(Box<Detail>),
}

/// The number of times that fit beside the address.
const FEW: usize = 4;

impl Default for Tally {
    fn default() -> Self {
        Tally::Few {
            length: 0,
            times: [Time(0); FEW],
        }
    }
}

impl Tally {
    /// The times that are kept one by one.
    #[inline(always)]
    pub fn times(&self) -> &[Time] {
        match self {
            Tally::Few { length, times } => &times[..usize::from(*length).min(FEW)],
            Tally::Sum(..) => &[],
            Tally::Detail(detail) => &detail.times,
        }
    }

    /// The number of events where they are not kept one by one; the first and the last time.
    pub fn sum(&self) -> Option<(u64, Time, Time)> {
        match self {
            Tally::Few { .. } => None,
            Tally::Sum(count, first, last) => Some((*count, *first, *last)),
            Tally::Detail(detail) => detail.sum,
        }
    }

    /// The detail, where the rule needs it.
    #[inline(always)]
    pub fn detail(&self) -> Option<&Detail> {
        match self {
            Tally::Detail(detail) => Some(detail),
            _ => None,
        }
    }

    fn detail_mut(&mut self) -> &mut Detail {
        if self.detail().is_none() {
            *self = Tally::Detail(Box::new(Detail {
                times: self.times().to_vec(),
                sum: self.sum(),
                ..Detail::default()
            }));
        }
        match self {
            Tally::Detail(detail) => detail,
            _ => unreachable!("it was just made so"),
        }
    }

    /// Counts an event. No time lies after `now`.
    ///
    /// The window ends at the newest event. An event from before the window is too late to count.
    #[inline(always)]
    pub fn add(&mut self, rule: &Rule, mut event: Event, now: Option<Time>) -> Verdict<Crossing> {
        if let Some(now) = now {
            event.at = event.at.min(now);
            self.limit(now);
        }
        let newest = self
            .newest()
            .map_or(event.at, |newest| newest.max(event.at));
        let from = rule.window_start(newest);
        if event.at < from {
            return Verdict::Late;
        }
        self.keep_lines(rule, &mut event, from);
        let enough = [
            self.count_event(rule, &event, from),
            self.count_host(rule, &event, from),
        ];
        if !enough.contains(&true) {
            return Verdict::Counted;
        }
        let old = std::mem::take(self);
        if rule.several {
            self.detail_mut().printed = Some(event.at);
        }
        Verdict::Reached(old.crossing(rule, from))
    }

    #[inline(always)]
    fn newest(&self) -> Option<Time> {
        let times = self.times().last().copied();
        let hosts = self.detail().into_iter().flat_map(|detail| &detail.hosts);
        times.into_iter().chain(hosts.map(|host| host.last)).max()
    }

    /// Makes times ahead of the clock count as now: after the clock was set back, or after a false
    /// stamp, real events must not look late.
    #[inline(always)]
    fn limit(&mut self, now: Time) {
        let limit = |times: &mut [Time]| {
            for time in times.iter_mut().rev().take_while(|time| **time > now) {
                *time = now;
            }
        };
        match self {
            Tally::Few { length, times } => limit(&mut times[..usize::from(*length).min(FEW)]),
            Tally::Sum(_, first, last) => (*first, *last) = ((*first).min(now), (*last).min(now)),
            Tally::Detail(detail) => detail.limit(now, limit),
        }
    }

    fn count_event(&mut self, rule: &Rule, event: &Event, from: Time) -> bool {
        let Some(threshold) = rule.threshold else {
            return false;
        };
        if !rule.keeps_times() {
            let (count, first, last) = self.sum().unwrap_or((0, event.at, event.at));
            let count = count.saturating_add(event.count);
            let (first, last) = (first.min(event.at), last.max(event.at));
            match self {
                Tally::Detail(detail) => detail.sum = Some((count, first, last)),
                _ => *self = Tally::Sum(count, first, last),
            }
            return count >= threshold;
        }
        let times = self.times();
        let outside = times.iter().take_while(|time| **time < from).count();
        let place = times.partition_point(|time| *time <= event.at);
        if rule.several {
            let sources = &mut self.detail_mut().sources;
            sources.insert(place, event.host);
            sources.drain(..outside);
        }
        self.slide(outside, place, event.at);
        self.times().len() as u64 >= threshold
    }

    /// Inserts a time at its place, and removes the first `outside` times.
    #[inline(always)]
    fn slide(&mut self, outside: usize, place: usize, at: Time) {
        if let Tally::Few { length, times } = self {
            let kept = usize::from(*length) - outside;
            if kept < FEW {
                let place = place - outside;
                times.copy_within(outside..outside + kept, 0);
                times.copy_within(place..kept, place + 1);
                times[place] = at;
                *length = kept as u8 + 1;
                return;
            }
        }
        let times = &mut self.detail_mut().times;
        times.insert(place, at);
        times.drain(..outside);
    }

    fn count_host(&mut self, rule: &Rule, event: &Event, from: Time) -> bool {
        let Some(enough) = rule.hosts else {
            return false;
        };
        let Event {
            at, host, count, ..
        } = *event;
        let hosts = &mut self.detail_mut().hosts;
        match hosts.binary_search_by_key(&host, |h| h.address) {
            Ok(i) if hosts[i].last >= from => {
                hosts[i].first = hosts[i].first.min(at);
                hosts[i].last = hosts[i].last.max(at);
                hosts[i].count = hosts[i].count.saturating_add(count);
            }
            Ok(i) => {
                hosts[i] = Host {
                    address: host,
                    first: at,
                    last: at,
                    count,
                }
            }
            Err(i) => hosts.insert(
                i,
                Host {
                    address: host,
                    first: at,
                    last: at,
                    count,
                },
            ),
        }
        if hosts.len() as u64 >= enough {
            hosts.retain(|host| host.last >= from);
        }
        hosts.len() as u64 >= enough
    }

    fn keep_lines(&mut self, rule: &Rule, event: &mut Event, from: Time) {
        if rule.evidence == 0 {
            return;
        }
        let lines = &mut self.detail_mut().lines;
        lines.retain(|line| line.at >= from);
        for text in event.lines.drain(..) {
            let place = lines.partition_point(|line| line.at <= event.at);
            lines.insert(
                place,
                Evidence {
                    at: event.at,
                    host: event.host,
                    text,
                },
            );
        }
        let excess = lines.len().saturating_sub(rule.evidence);
        let texts = lines.iter().map(|line| line.text.as_slice());
        lines.drain(..excess.max(beyond(texts)));
    }

    fn crossing(self, rule: &Rule, from: Time) -> Crossing {
        let empty = Detail::default();
        let detail = self.detail().unwrap_or(&empty);
        let hosts = detail.hosts.iter().filter(|host| host.last >= from);
        let times = self.times();
        let (count, first, last) = if let Some(sum) = self.sum() {
            sum
        } else if let (Some(first), Some(last)) = (times.first(), times.last()) {
            (times.len() as u64, *first, *last)
        } else {
            let first = hosts.clone().map(|host| host.first).min();
            let last = hosts.clone().map(|host| host.last).max();
            let count = hosts.clone().map(|host| host.count).sum();
            (count, first.unwrap_or(from), last.unwrap_or(from))
        };
        Crossing {
            count,
            hosts: rule.hosts.map(|_| hosts.count() as u64),
            distinct: None,
            first,
            last,
            lines: detail.lines.iter().map(|line| line.text.clone()).collect(),
        }
    }

    /// Removes the events of a network that was printed for them.
    pub fn remove_inside(&mut self, network: &Address) {
        if let Tally::Detail(detail) = self {
            detail.remove_inside(network);
        }
    }

    /// Whether it was printed within the window that ends at `at`: then no network inside it is
    /// printed.
    pub fn covers(&self, rule: &Rule, at: Time) -> bool {
        let printed = self.detail().and_then(|detail| detail.printed);
        printed.is_some_and(|printed| printed >= rule.window_start(at))
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        *self == Tally::default() || self.detail() == Some(&Detail::default())
    }
}

impl Weight for Tally {
    #[inline(always)]
    fn weight(&self) -> usize {
        self.detail().map_or(0, Detail::weight)
    }
}
