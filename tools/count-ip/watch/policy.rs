//! The networks in which an event counts, and the one that is printed for it.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::{Time, format_duration};

use super::rule::{Crossing, Event, Rule, Verdict};
use super::tally::Tally;
use super::windows;
use crate::arguments::Arguments;
use crate::throttle;

/// The rule, and the networks to which it applies.
pub struct Policy {
    pub rule: Rule,
    /// The prefix lengths of the IPv4 and IPv6 networks that are counted, the smallest network
    /// first.
    sizes: [Vec<u8>; 2],
    throttle: Option<Duration>,
}

/// A store of tallies: memory, or the state file.
pub trait Store {
    type Error;
    /// Changes the tally of a network.
    fn change<R>(
        &mut self,
        network: &Address,
        change: impl FnOnce(&mut Tally) -> R,
    ) -> Result<R, Self::Error>;
    /// Changes the time at which an address last counted, where there is a throttle.
    fn change_last_counted(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, Self::Error>;
}

impl Policy {
    /// The policy that the command line asks for.
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

    /// The name of the rule; counts of different rules never add up.
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

    /// The silence after which an address can be dropped; `None`: never.
    pub fn silence(&self) -> Option<Duration> {
        self.rule
            .within
            .map(|within| within.max(self.throttle.unwrap_or_default()))
    }

    /// The threshold and the window, where the rule is no more than these.
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

    /// The smallest network in which an address counts.
    fn network(&self, host: &Address) -> Address {
        host.widen(self.smallest()[usize::from(!host.is_ipv4())])
    }

    /// Counts an event, in the network that is to be printed if it reaches the threshold. No time
    /// lies after `now`.
    pub fn count<S: Store>(
        &self,
        store: &mut S,
        event: Event,
        now: Option<Time>,
    ) -> Result<Verdict<(Address, Crossing)>, S::Error> {
        let rule = &self.rule;
        let host = event.host;
        let at = now.map_or(event.at, |now| event.at.min(now));
        if let Some(throttle) = self.throttle
            && !store
                .change_last_counted(&host, |last| throttle::counts(throttle, last, at, now))?
        {
            return Ok(Verdict::Counted);
        }
        if !rule.several {
            let network = self.network(&host);
            let verdict = store.change(&network, |tally| tally.add(rule, event, now))?;
            return Ok(verdict.map(|crossing| (network, crossing)));
        }
        let mut networks: Vec<_> = self.sizes[usize::from(!host.is_ipv4())]
            .iter()
            .map(|size| host.widen(*size))
            .collect();
        networks.dedup();
        // Networks inside one that was printed are not printed: their events count for that one.
        let mut start = 0;
        for (i, network) in networks.iter().enumerate().skip(1) {
            if store.change(network, |tally| tally.covers(rule, at))? {
                start = i;
            }
        }
        let mut counted = Verdict::Late;
        for (i, network) in networks.iter().enumerate().skip(start) {
            let event = event.clone();
            match store.change(network, |tally| tally.add(rule, event, now))? {
                Verdict::Late => {}
                Verdict::Counted => counted = Verdict::Counted,
                Verdict::Reached(crossing) => {
                    for wider in &networks[i + 1..] {
                        store.change(wider, |tally| tally.remove_inside(network))?;
                    }
                    return Ok(Verdict::Reached((*network, crossing)));
                }
            }
        }
        Ok(counted)
    }
}
