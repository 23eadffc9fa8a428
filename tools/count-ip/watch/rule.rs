//! The rule by which an address is printed, the event that it judges, and the crossing of its
//! threshold.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;

use crate::fields::Fields;

/// An address is printed at a number of events, at a number of hosts, or at the first of the two.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// The number of events, at least 1.
    pub threshold: Option<u64>,
    /// The number of distinct hosts, at least 1.
    pub hosts: Option<u64>,
    /// Only events that are no further apart than this count.
    pub within: Option<Duration>,
    /// The number of lines that are kept as evidence.
    pub evidence: usize,
    /// Networks of several sizes are watched, so the host of each event must be known.
    pub several: bool,
}

/// One event, or with `--merge` several in one.
#[derive(Clone)]
pub struct Event {
    pub at: Time,
    pub host: Address,
    /// The number of events.
    pub count: u64,
    /// The lines that are evidence of it.
    pub lines: Vec<Vec<u8>>,
    /// The fields of its line, where the rule reads any.
    pub fields: Option<Fields>,
}

/// The effect of an event.
#[derive(Debug, PartialEq)]
pub enum Verdict<T> {
    /// It came too late: it is from before the window.
    Late,
    /// It counts, or the throttle holds it back.
    Counted,
    /// With it the threshold is reached.
    Reached(T),
}

/// The events with which an address reached the threshold.
#[derive(Debug, PartialEq)]
pub struct Crossing {
    pub count: u64,
    /// The number of distinct hosts, where the rule asks for it.
    pub hosts: Option<u64>,
    /// The number of distinct values, where the rule asks for it.
    pub distinct: Option<u64>,
    pub first: Time,
    pub last: Time,
    pub lines: Vec<Vec<u8>>,
}

/// An address or network that is to be printed.
#[derive(Debug, PartialEq)]
pub struct Report {
    pub address: Address,
    pub crossing: Crossing,
    /// Whether it is the address of the record that decided: then it is printed with the fields of
    /// that record, else with the field by which events are counted only.
    pub decided: bool,
}

impl Report {
    /// A report without lines, of the address of the record that decided it.
    pub fn bare(
        address: Address,
        count: u64,
        distinct: Option<u64>,
        (first, last): (Time, Time),
    ) -> Self {
        let crossing = Crossing {
            count,
            hosts: None,
            distinct,
            first,
            last,
            lines: vec![],
        };
        Report {
            address,
            crossing,
            decided: true,
        }
    }
}

/// The networks that an event leads to; nearly always one, which takes no memory of its own.
#[derive(Debug, PartialEq)]
pub enum Reports {
    One(Report),
    Many(Vec<Report>),
}

impl Reports {
    /// All of them.
    pub fn as_slice(&self) -> &[Report] {
        match self {
            Reports::One(report) => std::slice::from_ref(report),
            Reports::Many(reports) => reports,
        }
    }
}

impl<T> Verdict<T> {
    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Verdict::Late => Verdict::Late,
            Verdict::Counted => Verdict::Counted,
            Verdict::Reached(value) => Verdict::Reached(change(value)),
        }
    }
}

impl Rule {
    /// Whether the times of events are kept one by one.
    pub fn keeps_times(&self) -> bool {
        self.threshold.is_some() && (self.within.is_some() || self.several)
    }

    /// Whether an address takes hardly any memory.
    pub fn is_light(&self) -> bool {
        let few = self.threshold.is_none_or(|threshold| threshold <= 4096);
        self.hosts.is_none() && self.evidence == 0 && !self.several && few
    }

    /// The beginning of the window that ends at `newest`.
    pub fn window_start(&self, newest: Time) -> Time {
        self.within.map_or(Time(i64::MIN), |within| newest - within)
    }
}
