//! One group: the events that count, the threshold, and the addresses that are printed.

use std::collections::BTreeMap;
use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

use super::events::{Entries, Entry};
use super::printed::Printed;
use crate::table::map::Weight;
use crate::value::Value;
use crate::watch::detail::beyond;
use crate::watch::rule::{Crossing, Report, Reports, Verdict};

/// The highest number of successes that are remembered.
const MOST: usize = 65_536;

/// The rule by which a group reaches its threshold.
#[derive(Clone, Debug, Default)]
pub struct GroupRule {
    /// The number of events, or of distinct values, at least 1.
    pub threshold: u64,
    pub within: Option<Duration>,
    /// Distinct values are counted, not events.
    pub distinct: bool,
    /// The addresses that took part are printed, not the group.
    pub participants: bool,
    /// The number of lines that are kept as evidence.
    pub evidence: usize,
}

/// One event, or with `--merge` several in one.
pub struct GroupEvent {
    pub at: Time,
    pub address: Address,
    pub count: u64,
    /// The distinct value, or [`Value::NONE`].
    pub value: Value,
    /// Where successes forgive: the user, or [`Value::NONE`].
    pub user: Value,
    pub success: bool,
    pub lines: Vec<Vec<u8>>,
}

/// The events of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The time of the newest event, successes included: the window ends there.
    pub newest: Option<Time>,
    pub entries: Entries,
    pub more: Option<Box<More>>,
}

/// The rest of a group, which most do not need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct More {
    /// The state since the threshold was reached, until the window has been quiet.
    pub active: Option<Active>,
    pub successes: Vec<Success>,
    /// The latest lines, sorted by time.
    pub lines: Vec<GroupLine>,
}

/// The state of a group whose participants are printed, after it reached the threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// The number of distinct values at that time, where the rule asks for it.
    pub distinct: Option<u64>,
    /// The time of the newest failure.
    pub newest: Time,
    /// The addresses printed, each with the time of its last event.
    pub printed: Printed,
}

/// The successes of one user at one address.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    pub address: Address,
    pub user: Value,
    pub last: Time,
    /// The time at which one of them last forgave failures.
    pub forgave: Option<Time>,
}

/// A line that is evidence of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLine {
    pub at: Time,
    pub address: Address,
    pub user: Value,
    pub text: Vec<u8>,
}

impl Group {
    /// Counts an event. No time lies after `now`. `network` is printed where participants are not.
    pub fn add(
        &mut self,
        rule: &GroupRule,
        mut event: GroupEvent,
        network: &Address,
        now: Option<Time>,
    ) -> Verdict<Reports> {
        if let Some(now) = now {
            event.at = event.at.min(now);
            self.limit(now);
        }
        let newest = self.newest.map_or(event.at, |time| time.max(event.at));
        let from = rule.window_start(newest);
        if event.at < from {
            return Verdict::Late;
        }
        // Without a window nothing is ever late.
        self.newest = rule.within.and(Some(newest));
        if event.success {
            self.forgive(rule, &event, from);
            return Verdict::Counted;
        }
        if let Some(more) = &mut self.more
            && more
                .active
                .as_ref()
                .is_some_and(|active| active.newest < from)
        {
            more.active = None;
        }
        if self.more.as_ref().is_some_and(|more| more.active.is_some()) {
            return self.add_to_active(event, from);
        }
        self.keep_lines(rule, &mut event, from);
        let entry = Entry {
            value: event.value,
            address: event.address,
            user: event.user,
            first: event.at,
            last: event.at,
            count: event.count,
        };
        let join = rule.distinct || rule.within.is_none();
        self.entries.add(entry, join, from, rule.threshold);
        if !self.entries.reaches(rule.threshold, rule.distinct) {
            return Verdict::Counted;
        }
        if !rule.participants {
            return Verdict::Reached(Reports::One(self.report(rule, *network)));
        }
        let reports = self.activate(rule, &event, from);
        match reports.is_empty() {
            true => Verdict::Counted,
            false => Verdict::Reached(Reports::Many(reports)),
        }
    }

    /// Loads the place where an event of this address is looked for.
    #[inline(always)]
    pub fn prefetch(&self, address: &Address) {
        let active = self.more.as_ref().and_then(|more| more.active.as_ref());
        if let Some(active) = active {
            active.printed.prefetch(address);
        }
    }

    /// Makes times ahead of the clock count as now.
    fn limit(&mut self, now: Time) {
        let newest = self.newest.filter(|newest| *newest > now);
        if newest.is_some() {
            self.newest = Some(now);
            self.entries.limit(now);
        }
        let Some(more) = &mut self.more else { return };
        for success in &mut more.successes {
            success.last = success.last.min(now);
            success.forgave = success.forgave.map(|time| time.min(now));
        }
        if newest.is_some() {
            if let Some(active) = &mut more.active {
                active.newest = active.newest.min(now);
                active.printed.limit(now);
            }
            let lines = more.lines.iter_mut();
            lines.for_each(|line| line.at = line.at.min(now));
        }
    }

    /// Takes the earlier failures of the same user at the same address off the count, at most once
    /// in a window.
    fn forgive(&mut self, rule: &GroupRule, event: &GroupEvent, from: Time) {
        if event.user == Value::NONE {
            return;
        }
        let more = self.more.get_or_insert_default();
        more.successes.retain(|success| success.last >= from);
        let same = |s: &Success| s.address == event.address && s.user == event.user;
        let place = more.successes.iter().position(same);
        let mut success = match place {
            Some(place) => more.successes.swap_remove(place),
            None => Success {
                address: event.address,
                user: event.user,
                last: event.at,
                forgave: None,
            },
        };
        success.last = success.last.max(event.at);
        let again = |forgave: Time| forgave < rule.window_start(event.at);
        if success.forgave.is_none_or(again)
            && self.entries.forgive(event.user, &event.address, event.at)
        {
            success.forgave = Some(event.at);
            more.lines.retain(|line| {
                line.user != event.user || line.address != event.address || line.at > event.at
            });
        }
        // Without participants only those that forgave are asked for again.
        if rule.participants || success.forgave.is_some() {
            if more.successes.len() >= MOST {
                more.successes.swap_remove(0);
            }
            more.successes.push(success);
        }
    }

    /// Whether this user has logged in at this address within the window.
    fn has_logged_in(&self, address: &Address, user: Value, from: Time) -> bool {
        let successes = self.more.iter().flat_map(|more| &more.successes);
        let mut same = successes.filter(|s| s.address == *address && s.user == user);
        same.any(|success| success.last >= from)
    }

    /// Counts an event after the threshold was reached: a further address is printed at once.
    fn add_to_active(&mut self, event: GroupEvent, from: Time) -> Verdict<Reports> {
        let known = self.has_logged_in(&event.address, event.user, from);
        let active = self.more.as_mut().and_then(|more| more.active.as_mut());
        let Some(active) = active else {
            return Verdict::Counted;
        };
        active.newest = active.newest.max(event.at);
        if known {
            return Verdict::Counted;
        }
        if active.printed.renew(&event.address, event.at, from) {
            return Verdict::Counted;
        }
        let crossing = Crossing {
            count: event.count,
            hosts: None,
            distinct: active.distinct,
            first: event.at,
            last: event.at,
            lines: event.lines,
        };
        Verdict::Reached(Reports::One(Report {
            address: event.address,
            crossing,
            decided: true,
        }))
    }

    /// Prints all addresses that took part, but those at which their user has logged in.
    fn activate(&mut self, rule: &GroupRule, event: &GroupEvent, from: Time) -> Vec<Report> {
        let distinct = rule.distinct.then(|| self.entries.distinct());
        let entries = std::mem::take(&mut self.entries).list;
        let mut crossings: BTreeMap<Address, Crossing> = BTreeMap::new();
        for entry in &entries {
            if self.has_logged_in(&entry.address, entry.user, from) {
                continue;
            }
            let crossing = crossings.entry(entry.address).or_insert_with(|| Crossing {
                count: 0,
                hosts: None,
                distinct,
                first: entry.first,
                last: entry.last,
                lines: vec![],
            });
            crossing.count = crossing.count.saturating_add(entry.count);
            crossing.first = crossing.first.min(entry.first);
            crossing.last = crossing.last.max(entry.last);
        }
        let more = self.more.get_or_insert_default();
        for line in more.lines.drain(..) {
            if let Some(crossing) = crossings.get_mut(&line.address) {
                crossing.lines.push(line.text);
            }
        }
        let printed = crossings.iter().map(|(address, c)| (*address, c.last));
        more.active = Some(Active {
            distinct,
            newest: entries.iter().map(|e| e.last).max().unwrap_or(event.at),
            printed: printed.collect(),
        });
        let reports = crossings.into_iter().map(|(address, crossing)| Report {
            address,
            crossing,
            decided: address == event.address,
        });
        let mut reports: Vec<_> = reports.collect();
        reports.sort_by_key(|report| report.crossing.first);
        reports
    }

    /// Prints the network, and begins again.
    fn report(&mut self, rule: &GroupRule, network: Address) -> Report {
        let entries = std::mem::take(&mut self.entries);
        let lines = self.more.iter_mut().flat_map(|more| more.lines.drain(..));
        let (first, last) = (entries.list.iter().map(|entry| entry.first), &entries.list);
        let crossing = Crossing {
            count: entries.count(),
            hosts: None,
            distinct: rule.distinct.then(|| entries.distinct()),
            first: first.min().unwrap_or(Time(0)),
            last: last.iter().map(|e| e.last).max().unwrap_or(Time(0)),
            lines: lines.map(|line| line.text).collect(),
        };
        Report {
            address: network,
            crossing,
            decided: true,
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        let more = self.more.as_deref();
        self.newest.is_none()
            && self.entries.list.is_empty()
            && more.is_none_or(|more| *more == More::default())
    }

    fn keep_lines(&mut self, rule: &GroupRule, event: &mut GroupEvent, from: Time) {
        if rule.evidence == 0 {
            return;
        }
        let lines = &mut self.more.get_or_insert_default().lines;
        lines.retain(|line| line.at >= from);
        for text in event.lines.drain(..) {
            let place = lines.partition_point(|line| line.at <= event.at);
            let (at, address, user) = (event.at, event.address, event.user);
            lines.insert(
                place,
                GroupLine {
                    at,
                    address,
                    user,
                    text,
                },
            );
        }
        let excess = lines.len().saturating_sub(rule.evidence);
        let texts = lines.iter().map(|line| line.text.as_slice());
        lines.drain(..excess.max(beyond(texts)));
    }
}

impl GroupRule {
    /// The beginning of the window that ends at `newest`.
    fn window_start(&self, newest: Time) -> Time {
        self.within.map_or(Time(i64::MIN), |within| newest - within)
    }
}

impl Weight for Group {
    fn weight(&self) -> usize {
        // The allocator's part of each piece.
        const EACH: usize = 16;
        let list = self.entries.list.capacity();
        let entries = if list > 0 {
            list * size_of::<Entry>() + EACH
        } else {
            0
        };
        let more = self.more.as_ref().map_or(0, |more| {
            let printed = more
                .active
                .as_ref()
                .map_or(0, |active| active.printed.weight());
            let text: usize = more.lines.iter().map(|l| l.text.capacity() + EACH).sum();
            size_of::<More>()
                + EACH
                + printed
                + more.successes.capacity() * size_of::<Success>()
                + more.lines.capacity() * size_of::<GroupLine>()
                + text
        });
        // A third more for the gaps that pieces of many sizes leave.
        (entries + more) * 4 / 3
    }
}
