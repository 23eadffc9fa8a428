//! What is known of one address or network that is watched, and when it is to be printed.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

use crate::known::Weight;
use crate::much::{Host, Line, Much};

/// When an address is to be printed: by the number of events, of hosts, or whichever comes first.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// At this many events, at least 1.
    pub threshold: Option<u64>,
    /// At this many distinct hosts, at least 1.
    pub hosts: Option<u64>,
    /// Only events no further apart than this count.
    pub within: Option<Duration>,
    /// How many lines are kept as evidence.
    pub evidence: usize,
    /// Networks of several sizes are watched: it must be known which host each event came from.
    pub several: bool,
}

/// One event, or with `--merge` several in one.
#[derive(Clone)]
pub struct Event {
    pub at: Time,
    pub host: Address,
    pub count: u64,
    pub lines: Vec<Vec<u8>>,
}

/// An address that is to be printed.
#[derive(Debug, PartialEq)]
pub struct Crossing {
    pub count: u64,
    pub hosts: Option<u64>,
    pub first: Time,
    pub last: Time,
    pub lines: Vec<Vec<u8>>,
}

/// What is known of one address. Most have had few events: with its address, a tally of these fills a cache line.
#[derive(Clone, Debug, PartialEq)]
pub enum Tally {
    /// When the events came that are kept one by one, sorted: fewer than the threshold, as reaching it begins
    /// anew. So many of `times` count.
    Few { length: u8, times: [Time; FEW] },
    /// How many events came since it was last printed, where they are not kept one by one; the first and the last.
    Sum(u64, Time, Time),
    /// What is more than that.
    Much(Box<Much>),
}

const FEW: usize = 4;

impl Rule {
    /// Whether the times of events are kept one by one.
    fn keeps_times(&self) -> bool {
        self.threshold.is_some() && (self.within.is_some() || self.several)
    }

    /// Whether hardly anything is kept of an address.
    pub fn is_light(&self) -> bool {
        let few = self.threshold.is_none_or(|threshold| threshold <= 4096);
        self.hosts.is_none() && self.evidence == 0 && !self.several && few
    }

    /// The beginning of the window that ends at `newest`.
    fn from(&self, newest: Time) -> Time {
        self.within.map_or(Time(i64::MIN), |within| newest - within)
    }
}

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
            Tally::Much(much) => &much.times,
        }
    }

    pub fn sum(&self) -> Option<(u64, Time, Time)> {
        match self {
            Tally::Few { .. } => None,
            Tally::Sum(count, first, last) => Some((*count, *first, *last)),
            Tally::Much(much) => much.sum,
        }
    }

    #[inline(always)]
    pub fn much(&self) -> Option<&Much> {
        match self {
            Tally::Much(much) => Some(much),
            _ => None,
        }
    }

    fn much_mut(&mut self) -> &mut Much {
        if self.much().is_none() {
            *self = Tally::Much(Box::new(Much {
                times: self.times().to_vec(),
                sum: self.sum(),
                ..Much::default()
            }));
        }
        match self {
            Tally::Much(much) => much,
            _ => unreachable!("it was just made so"),
        }
    }

    /// Counts an event. `now` is the latest that any time can be.
    ///
    /// A window ends at the newest event. One that is older than that allows is too late to count.
    #[inline(always)]
    pub fn add(&mut self, rule: &Rule, mut event: Event, now: Option<Time>) -> Option<Crossing> {
        if let Some(now) = now {
            event.at = event.at.min(now);
            self.limit(now);
        }
        let newest = self
            .newest()
            .map_or(event.at, |newest| newest.max(event.at));
        let from = rule.from(newest);
        if event.at < from {
            return None;
        }
        self.keep_lines(rule, &mut event, from);
        let enough = [
            self.count_event(rule, &event, from),
            self.count_host(rule, &event, from),
        ];
        if !enough.contains(&true) {
            return None;
        }
        let old = std::mem::take(self);
        if rule.several {
            self.much_mut().printed = Some(event.at);
        }
        Some(old.crossing(rule, from))
    }

    #[inline(always)]
    fn newest(&self) -> Option<Time> {
        let times = self.times().last().copied();
        let hosts = self.much().into_iter().flat_map(|much| &much.hosts);
        times.into_iter().chain(hosts.map(|host| host.last)).max()
    }

    /// Makes what lies ahead of the clock count as now: after the clock was set back, or a false
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
            Tally::Much(much) => much.limit(now, limit),
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
                Tally::Much(much) => much.sum = Some((count, first, last)),
                _ => *self = Tally::Sum(count, first, last),
            }
            return count >= threshold;
        }
        let times = self.times();
        let outside = times.iter().take_while(|time| **time < from).count();
        let place = times.partition_point(|time| *time <= event.at);
        if rule.several {
            let from = &mut self.much_mut().from;
            from.insert(place, event.host);
            from.drain(..outside);
        }
        self.slide(outside, place, event.at);
        self.times().len() as u64 >= threshold
    }

    /// Puts another time at its place, and drops so many of the first.
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
        let times = &mut self.much_mut().times;
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
        let hosts = &mut self.much_mut().hosts;
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
        let lines = &mut self.much_mut().lines;
        lines.retain(|line| line.at >= from);
        for text in event.lines.drain(..) {
            let place = lines.partition_point(|line| line.at <= event.at);
            lines.insert(
                place,
                Line {
                    at: event.at,
                    host: event.host,
                    text,
                },
            );
        }
        let excess = lines.len().saturating_sub(rule.evidence);
        lines.drain(..excess);
    }

    fn crossing(self, rule: &Rule, from: Time) -> Crossing {
        let empty = Much::default();
        let much = self.much().unwrap_or(&empty);
        let hosts = much.hosts.iter().filter(|host| host.last >= from);
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
            first,
            last,
            lines: much.lines.iter().map(|line| line.text.clone()).collect(),
        }
    }

    /// Takes out what came from a network that was printed for it.
    pub fn leave_out(&mut self, network: &Address) {
        if let Tally::Much(much) = self {
            much.leave_out(network);
        }
    }

    /// Whether it was printed so lately that no network inside it is to be printed.
    pub fn covers(&self, rule: &Rule, at: Time) -> bool {
        let printed = self.much().and_then(|much| much.printed);
        printed.is_some_and(|printed| printed >= rule.from(at))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Tally::default() || self.much() == Some(&Much::default())
    }
}

impl Weight for Tally {
    #[inline(always)]
    fn weight(&self) -> usize {
        self.much().map_or(0, Much::weight)
    }
}
