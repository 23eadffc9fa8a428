//! The networks in which an event counts, and the one that is printed for it.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::{Time, format_duration};

use super::groups::group::{Group, GroupEvent, GroupRule};
use super::row_rule::RowRule;
use super::rule::{Event, Report, Reports, Rule, Verdict};
use super::sets::DistinctRule;
use super::tally::Tally;
use super::windows::{self, Window};
use crate::arguments::Arguments;
use crate::fields::{Fields, Keys, NET};
use crate::throttle;
use crate::usual::{Searched, Usual};
use crate::value::{Text, Value, Values};

/// The rule, and the networks to which it applies.
pub struct Policy {
    pub rule: Rule,
    /// The prefix lengths of the IPv4 and IPv6 networks that are counted, the smallest network
    /// first.
    sizes: [Vec<u8>; 2],
    throttle: Option<Duration>,
    groups: Option<Groups>,
}

/// The rule of groups, where events are not only counted by address.
pub struct Groups {
    keys: Keys,
    searched: Searched,
    rule: GroupRule,
    values: Values,
}

impl Groups {
    /// An event as its group counts it.
    #[inline(always)]
    pub fn event(
        &self,
        fields: &Fields,
        address: Address,
        at: Time,
        count: u64,
        lines: Vec<Vec<u8>>,
    ) -> GroupEvent {
        GroupEvent {
            at,
            address,
            count,
            value: fields.distinct,
            user: fields.user,
            success: fields.success,
            lines,
        }
    }
}

/// The events of a group have this in common.
pub enum GroupKey<'a> {
    Network(Address),
    /// The value of the field by which events are counted.
    Field(&'a Text),
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
    /// Changes the group of a key; `value` is that of the key.
    fn change_group<R>(
        &mut self,
        key: GroupKey,
        value: Value,
        change: impl FnOnce(&mut Group) -> R,
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
        let groups = Keys::new(arguments).map(|keys| Groups {
            rule: GroupRule {
                threshold: arguments.threshold.unwrap_or(u64::MAX),
                within: arguments.within,
                distinct: keys.distinct.is_some(),
                participants: keys.by.as_ref().is_some_and(|key| key != NET),
                evidence: arguments.evidence_lines(),
            },
            searched: keys.searched(),
            keys,
            values: Values::random(),
        });
        Policy {
            groups,
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

    /// The keys of the fields that the rule reads.
    pub fn keys(&self) -> Option<&Keys> {
        self.groups.as_ref().map(|groups| &groups.keys)
    }

    /// Reads the fields of a line, which is empty for a bare address; `None` if it lacks one
    /// without which it cannot be counted. Returns them with the value of the group's key.
    pub fn read_fields(&self, line: &[u8], host: &Address) -> Option<(Fields, Value)> {
        let groups = self.groups.as_ref()?;
        let fields = groups.keys.read(line, host, groups.values)?;
        self.with_key(groups, fields, host)
    }

    /// The same of a line in the usual form.
    pub fn fields_of(&self, line: &Usual, host: &Address) -> Option<(Fields, Value)> {
        let groups = self.groups.as_ref()?;
        let fields = groups
            .keys
            .of_usual(&groups.searched, line, host, groups.values)?;
        self.with_key(groups, fields, host)
    }

    fn with_key(&self, groups: &Groups, fields: Fields, host: &Address) -> Option<(Fields, Value)> {
        let value = match &fields.by {
            Some(by) if groups.rule.participants => by.value,
            Some(net) => groups.values.address(&Address::parse(&net.to_vec())?),
            None => groups.values.address(&self.network(host)),
        };
        Some((fields, value))
    }

    /// The field by which events are counted.
    pub fn by(&self) -> Option<&str> {
        self.keys()?.by.as_deref()
    }

    /// Has values made with this key, as other processes do.
    pub fn use_key(&mut self, key: u128) {
        if let Some(groups) = &mut self.groups {
            groups.values = Values::with_key(key);
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
        if let Some(keys) = self.keys() {
            say("by", keys.by.clone());
            say("distinct", keys.distinct.clone());
            let forgive = keys.forgive.as_ref();
            say(
                "forgive",
                forgive.map(|(key, value)| format!("{key}={value}")),
            );
        }
        scope.join(", ")
    }

    /// The silence after which an address can be dropped; `None`: never. It is two windows: an
    /// event that is out of order by one still counts, with those of the window before it.
    pub fn silence(&self) -> Option<Duration> {
        self.rule.within.map(|within| {
            within
                .max(self.throttle.unwrap_or_default())
                .saturating_mul(2)
        })
    }

    /// The rule of rows, where the rule is no more than that.
    pub fn simple(&self) -> Option<RowRule> {
        let Rule {
            threshold: Some(threshold @ ..=windows::MOST),
            within,
            hosts: None,
            evidence: 0,
            several: false,
        } = self.rule
        else {
            return None;
        };
        if self.throttle.is_some() {
            return None;
        }
        let threshold = threshold as usize;
        let Some(groups) = &self.groups else {
            return Some(RowRule::Events(Window::new(threshold, within?)));
        };
        let keys = &groups.keys;
        let of_addresses = self.sizes == [[32], [128]];
        // A bare address has no other field.
        let of_fields = keys.distinct.as_deref() != Some("address");
        let plain = keys.by.is_none() && keys.forgive.is_none() && of_addresses && of_fields;
        plain.then(|| RowRule::Distinct(DistinctRule::new(threshold, within)))
    }

    /// The keys that are looked for in each line.
    pub fn searched(&self) -> &Searched {
        static NONE: Searched = Searched::none();
        self.groups
            .as_ref()
            .map_or(&NONE, |groups| &groups.searched)
    }

    /// Makes the values of fields, where the rule reads any.
    pub fn values(&self) -> Option<Values> {
        self.groups.as_ref().map(|groups| groups.values)
    }

    /// Prefix lengths of the smallest networks that are counted, IPv4 and IPv6.
    pub fn smallest(&self) -> [u8; 2] {
        [0, 1].map(|i: usize| self.sizes[i][0])
    }

    /// The smallest network in which an address counts.
    fn network(&self, host: &Address) -> Address {
        host.widen(self.smallest()[usize::from(!host.is_ipv4())])
    }

    /// Counts an event; if the threshold is reached, these networks are to be printed. No time lies
    /// after `now`.
    pub fn count<S: Store>(
        &self,
        store: &mut S,
        event: Event,
        now: Option<Time>,
    ) -> Result<Verdict<Reports>, S::Error> {
        let rule = &self.rule;
        let host = event.host;
        let at = now.map_or(event.at, |now| event.at.min(now));
        let success = event.fields.as_ref().is_some_and(|fields| fields.success);
        if let Some(throttle) = self.throttle.filter(|_| !success)
            && !store
                .change_last_counted(&host, |last| throttle::counts(throttle, last, at, now))?
        {
            return Ok(Verdict::Counted);
        }
        if let Some(groups) = &self.groups {
            // The caller has read the fields, as the rule has keys.
            let Some(fields) = event.fields else {
                return Ok(Verdict::Counted);
            };
            let group_event = groups.event(&fields, host, event.at, event.count, event.lines);
            return self.count_in_group(groups, store, &fields, group_event, now);
        }
        let report = |network, crossing| {
            Reports::One(Report {
                address: network,
                crossing,
                decided: true,
            })
        };
        if !rule.several {
            let network = self.network(&host);
            let verdict = store.change(&network, |tally| tally.add(rule, event, now))?;
            return Ok(verdict.map(|crossing| report(network, crossing)));
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
                    return Ok(Verdict::Reached(report(*network, crossing)));
                }
            }
        }
        Ok(counted)
    }

    /// The rule of groups, where events count in groups and no throttle holds them back.
    pub fn only_groups(&self) -> Option<&Groups> {
        self.groups.as_ref().filter(|_| self.throttle.is_none())
    }

    /// Counts an event in its group.
    #[inline(always)]
    pub fn count_in_group<S: Store>(
        &self,
        groups: &Groups,
        store: &mut S,
        fields: &Fields,
        event: GroupEvent,
        now: Option<Time>,
    ) -> Result<Verdict<Reports>, S::Error> {
        let (values, rule) = (groups.values, &groups.rule);
        let host = event.address;
        let (network, key) = match &fields.by {
            // `Keys` leaves out events whose `net=` is no network.
            Some(net) if !rule.participants => {
                let network = Address::parse(&net.to_vec()).unwrap_or(host);
                (network, GroupKey::Network(network))
            }
            Some(text) => (host, GroupKey::Field(text)),
            None => {
                let network = self.network(&host);
                (network, GroupKey::Network(network))
            }
        };
        let of_key = match &key {
            GroupKey::Network(network) => values.address(network),
            GroupKey::Field(text) => text.value,
        };
        store.change_group(key, of_key, |group| group.add(rule, event, &network, now))
    }
}
