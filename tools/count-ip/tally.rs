//! What is known of one address or network that is watched, and when it is to be printed.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

use crate::known::Weight;

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

/// What is known of one address. Whatever a rule does not need stays empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Events since it was last printed, if they are not kept one by one.
    pub count: u64,
    /// When the first and the last of these came.
    pub span: Option<(Time, Time)>,
    /// When the events came that are kept one by one, sorted: fewer than the threshold, as reaching it begins anew.
    pub times: Vec<Time>,
    pub more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct More {
    /// Which host each of the tally's times came from.
    pub from: Vec<Address>,
    /// Sorted by address; fewer than the rule wants.
    pub hosts: Vec<Host>,
    /// The latest lines, sorted by time.
    pub lines: Vec<Line>,
    /// When it was last printed, where that matters to the networks inside it.
    pub printed: Option<Time>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub address: Address,
    pub first: Time,
    pub last: Time,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub at: Time,
    pub host: Address,
    pub text: Vec<u8>,
}

impl Rule {
    /// Whether the times of events are kept one by one.
    fn keeps_times(&self) -> bool {
        self.threshold.is_some() && (self.within.is_some() || self.several)
    }

    /// The beginning of the window that ends at `newest`.
    fn from(&self, newest: Time) -> Time {
        self.within.map_or(Time(i64::MIN), |within| newest - within)
    }
}

impl Tally {
    /// Counts an event. `now` is the latest that any time can be.
    ///
    /// A window ends at the newest event. One that is older than that allows is too late to count.
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
            self.more().printed = Some(event.at);
        }
        Some(old.crossing(rule, from))
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    fn newest(&self) -> Option<Time> {
        let hosts = self
            .more
            .iter()
            .flat_map(|more| &more.hosts)
            .map(|h| h.last);
        self.times.last().copied().into_iter().chain(hosts).max()
    }

    /// Makes what lies ahead of the clock count as now: after the clock was set back, or a false
    /// stamp, real events must not look late.
    fn limit(&mut self, now: Time) {
        for time in self.times.iter_mut().rev().take_while(|time| **time > now) {
            *time = now;
        }
        self.span = self
            .span
            .map(|(first, last)| (first.min(now), last.min(now)));
        if let Some(more) = &mut self.more {
            for host in &mut more.hosts {
                host.first = host.first.min(now);
                host.last = host.last.min(now);
            }
            more.lines
                .iter_mut()
                .for_each(|line| line.at = line.at.min(now));
            more.printed = more.printed.map(|printed| printed.min(now));
        }
    }

    fn count_event(&mut self, rule: &Rule, event: &Event, from: Time) -> bool {
        let Some(threshold) = rule.threshold else {
            return false;
        };
        if !rule.keeps_times() {
            self.count = self.count.saturating_add(event.count);
            let (first, last) = self.span.unwrap_or((event.at, event.at));
            self.span = Some((first.min(event.at), last.max(event.at)));
            return self.count >= threshold;
        }
        let outside = self.times.partition_point(|time| *time < from);
        self.times.drain(..outside);
        let place = self.times.partition_point(|time| *time <= event.at);
        self.times.insert(place, event.at);
        if rule.several {
            let hosts = &mut self.more().from;
            hosts.drain(..outside);
            hosts.insert(place, event.host);
        }
        self.times.len() as u64 >= threshold
    }

    fn count_host(&mut self, rule: &Rule, event: &Event, from: Time) -> bool {
        let Some(enough) = rule.hosts else {
            return false;
        };
        let Event {
            at, host, count, ..
        } = *event;
        let hosts = &mut self.more().hosts;
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
        let lines = &mut self.more().lines;
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
        let more = self.more.unwrap_or_default();
        let hosts: Vec<_> = more.hosts.iter().filter(|host| host.last >= from).collect();
        let ends =
            |first: Option<Time>, last: Option<Time>| first.zip(last).unwrap_or((from, from));
        let (count, (first, last)) = if rule.keeps_times() {
            let times = (self.times.first().copied(), self.times.last().copied());
            (self.times.len() as u64, ends(times.0, times.1))
        } else if rule.threshold.is_some() {
            (self.count, self.span.unwrap_or((from, from)))
        } else {
            let first = hosts.iter().map(|host| host.first).min();
            let last = hosts.iter().map(|host| host.last).max();
            (hosts.iter().map(|host| host.count).sum(), ends(first, last))
        };
        Crossing {
            count,
            hosts: rule.hosts.map(|_| hosts.len() as u64),
            first,
            last,
            lines: more.lines.into_iter().map(|line| line.text).collect(),
        }
    }

    /// Takes out what came from a network that was printed for it.
    pub fn leave_out(&mut self, network: &Address) {
        let Some(more) = &mut self.more else {
            return;
        };
        let inside: Vec<_> = more
            .from
            .iter()
            .map(|host| network.contains(host))
            .collect();
        let mut each = inside.iter();
        self.times.retain(|_| each.next() == Some(&false));
        more.from.retain(|host| !network.contains(host));
        more.hosts.retain(|host| !network.contains(&host.address));
        more.lines.retain(|line| !network.contains(&line.host));
    }

    /// Whether it was printed so lately that no network inside it is to be printed.
    pub fn covers(&self, rule: &Rule, at: Time) -> bool {
        let printed = self.more.as_ref().and_then(|more| more.printed);
        printed.is_some_and(|printed| printed >= rule.from(at))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Tally::default()
    }
}

impl Weight for Tally {
    fn weight(&self) -> usize {
        // What the allocator adds to each piece.
        const EACH: usize = 16;
        let row = |capacity: usize, size| {
            if capacity > 0 {
                capacity * size + EACH
            } else {
                0
            }
        };
        let more = self.more.as_ref().map_or(0, |more| {
            let text: usize = more
                .lines
                .iter()
                .map(|line| line.text.capacity() + EACH)
                .sum();
            size_of::<More>()
                + EACH
                + row(more.from.capacity(), size_of::<Address>())
                + row(more.hosts.capacity(), size_of::<Host>())
                + row(more.lines.capacity(), size_of::<Line>())
                + text
        });
        row(self.times.capacity(), size_of::<Time>()) + more
    }
}
