//! How a watched event is judged: throttled or not, in which networks it counts, which of them it makes print.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::{Time, format_duration};

use crate::Arguments;
use crate::tally::{Crossing, Event, Rule, Tally};
use crate::windows;

pub struct Policy {
    pub rule: Rule,
    /// Prefix lengths of the IPv4 and the IPv6 networks that are counted, the smallest network first.
    sizes: [Vec<u8>; 2],
    throttle: Option<Duration>,
}

/// Where tallies are kept: in memory, or in the state.
pub trait Store {
    type Error;
    /// Changes what is known of a network.
    fn change<R>(
        &mut self,
        network: &Address,
        change: impl FnOnce(&mut Tally) -> R,
    ) -> Result<R, Self::Error>;
    /// Changes the time at which an address was last let through, where they are throttled.
    fn pass(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, Self::Error>;
}

impl Policy {
    pub fn new(arguments: &Arguments) -> Self {
        let sizes = arguments.sizes();
        Policy {
            rule: Rule {
                threshold: arguments.threshold,
                hosts: arguments.hosts,
                within: arguments.within,
                evidence: arguments.evidence_lines(),
                several: sizes.iter().any(|sizes| sizes.len() > 1),
            },
            sizes,
            throttle: arguments.throttle,
        }
    }

    /// A name for what is counted; what differs in it does not add up.
    pub fn scope(&self) -> String {
        let mut scope = Vec::new();
        let mut say = |name: &str, value: Option<String>| {
            scope.extend(value.map(|value| format!("{name} {value}")))
        };
        let number = |n: Option<u64>| n.map(|n| n.to_string());
        say("threshold", number(self.rule.threshold));
        say("hosts", number(self.rule.hosts));
        say("within", self.rule.within.map(format_duration));
        say("throttle", self.throttle.map(format_duration));
        let [four, six] = &self.sizes;
        say(
            "prefixes",
            (*four != [32] || *six != [128]).then(|| format!("{four:?} {six:?}")),
        );
        scope.join(", ")
    }

    /// After how long a silence nothing of an address matters any more.
    pub fn silence(&self) -> Option<Duration> {
        self.rule
            .within
            .map(|within| within.max(self.throttle.unwrap_or_default()))
    }

    /// The threshold and the window, where no more is asked than these.
    pub fn simple(&self) -> Option<(usize, Duration)> {
        let Rule {
            threshold: Some(threshold @ ..=windows::MOST),
            within: Some(within),
            hosts: None,
            evidence: 0,
            several: false,
        } = self.rule
        else {
            return None;
        };
        let simple = (threshold as usize, within);
        self.throttle.is_none().then_some(simple)
    }

    /// Prefix lengths of the smallest networks that are counted, IPv4 and IPv6.
    pub fn smallest(&self) -> [u8; 2] {
        [0, 1].map(|i: usize| self.sizes[i][0])
    }

    /// The smallest network that an address counts in.
    fn network(&self, host: &Address) -> Address {
        host.widen(self.smallest()[usize::from(!host.is_ipv4())])
    }

    /// Counts an event; answers the network that is to be printed for it. `now` is the latest that any time can be.
    pub fn count<S: Store>(
        &self,
        store: &mut S,
        event: Event,
        now: Option<Time>,
    ) -> Result<Option<(Address, Crossing)>, S::Error> {
        let rule = &self.rule;
        let host = event.host;
        let at = now.map_or(event.at, |now| event.at.min(now));
        if let Some(throttle) = self.throttle
            && !store.pass(&host, |last| lets_pass(throttle, last, at, now))?
        {
            return Ok(None);
        }
        if !rule.several {
            let network = self.network(&host);
            let crossing = store.change(&network, |tally| tally.add(rule, event, now))?;
            return Ok(crossing.map(|crossing| (network, crossing)));
        }
        let mut networks: Vec<_> = self.sizes[usize::from(!host.is_ipv4())]
            .iter()
            .map(|size| host.widen(*size))
            .collect();
        networks.dedup();
        // What lies in a network that was printed is not printed again: it counts for that one.
        let mut start = 0;
        for (i, network) in networks.iter().enumerate().skip(1) {
            if store.change(network, |tally| tally.covers(rule, at))? {
                start = i;
            }
        }
        for (i, network) in networks.iter().enumerate().skip(start) {
            let event = event.clone();
            if let Some(crossing) = store.change(network, |tally| tally.add(rule, event, now))? {
                for wider in &networks[i + 1..] {
                    store.change(wider, |tally| tally.leave_out(network))?;
                }
                return Ok(Some((*network, crossing)));
            }
        }
        Ok(None)
    }
}

/// Whether an event is far enough from the last one of its address that was let through.
pub fn lets_pass(throttle: Duration, last: &mut Option<Time>, at: Time, now: Option<Time>) -> bool {
    // No time lies ahead of the clock: see `Tally::add`.
    let limited = last.map(|last| now.map_or(last, |now| last.min(now)));
    let passes = limited.is_none_or(|last| at.since(last).max(last.since(at)) >= throttle);
    if passes {
        *last = limited.max(Some(at));
    }
    passes
}
