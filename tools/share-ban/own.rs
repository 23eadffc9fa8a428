//! The bans of this host, and those of them that the broker has.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use pipeban::record::Record;
use pipeban::time::Time;

use crate::counts::Reason;
use crate::hello::Sum;
use crate::message::{End, Message, whole};
use crate::target::Target;

/// The broker keeps a lift no longer than this.
const LIFT: Duration = Duration::from_secs(30 * 86_400);
/// The most lifts that are remembered.
const LIFTS: usize = 100_000;
/// The most messages that nobody has sent and that wait to be cleared.
const CLEARS: usize = 1_000;

/// A ban of this host.
struct Ban {
    since: Option<Time>,
    until: Option<Time>,
    notes: Box<[u8]>,
}

/// A lift of a ban that would last until then.
struct Lift {
    at: Time,
    until: Time,
}

/// A message for the broker to keep.
#[derive(Debug, PartialEq)]
pub struct Kept {
    /// The end of its topic.
    pub name: String,
    /// Empty: nothing is kept there.
    pub payload: Vec<u8>,
    /// The time that it is kept, in seconds; `None` is for ever.
    pub expiry: Option<u32>,
}

/// The bans of this host.
#[derive(Default)]
pub struct Own {
    /// Of each target the ban that ends last, with the firewall that it is in (`backend=`).
    bans: BTreeMap<Target, (Box<[u8]>, Ban)>,
    /// Bans of the same targets in other firewalls.
    others: BTreeMap<(Target, Box<[u8]>), Ban>,
    lifts: BTreeMap<Target, Lift>,
    /// The targets that the broker does not have as they are.
    waiting: BTreeSet<Target>,
    /// Names behind this host's topic at which the broker keeps messages that are none.
    clears: BTreeSet<String>,
    /// All bans of this host are known.
    pub is_whole: bool,
    /// Counts the changes of bans.
    changes: u64,
}

impl Own {
    /// Takes a record of this host's list, or of a change. A ban that has run out is passed over:
    /// the broker forgets it by itself.
    pub fn take(&mut self, record: &Record, now: Time) -> Result<(), Reason> {
        let firewall: Box<[u8]> = record.get("backend").unwrap_or_default().into();
        for target in Target::of_record(record).ok_or(Reason::Form)? {
            let Some(message) = Message::of_record(target, record)? else {
                continue;
            };
            match message.end {
                End::Until(until) => {
                    let ban = Ban {
                        since: message.since,
                        until,
                        notes: message.notes.into(),
                    };
                    self.ban(target, firewall.clone(), ban);
                }
                End::Lifted(at) => {
                    let until = record.get("until").and_then(|until| Time::parse(&until));
                    let ran_out = until.is_some_and(|until| whole(until) == at);
                    self.lift(target, &firewall, at, ran_out, now);
                }
            }
        }
        Ok(())
    }

    fn ban(&mut self, target: Target, firewall: Box<[u8]>, mut ban: Ban) {
        self.changes += 1;
        if let Some(lift) = self.lifts.remove(&target) {
            // In the same second it would be no news to ban-ip.
            let later = lift.at + Duration::from_secs(1);
            ban.since = ban.since.map(|since| since.max(later));
        }
        match self.bans.remove(&target) {
            Some((other, old)) if other != firewall && !ends_before(&old, &ban) => {
                self.bans.insert(target, (other, old));
                self.others.insert((target, firewall), ban);
                return;
            }
            Some((other, old)) if other != firewall => {
                self.others.remove(&(target, firewall.clone()));
                self.others.insert((target, other), old);
            }
            _ => {}
        }
        self.bans.insert(target, (firewall, ban));
        self.waiting.insert(target);
    }

    fn lift(&mut self, target: Target, firewall: &[u8], at: Time, ran_out: bool, now: Time) {
        self.others.remove(&(target, firewall.into()));
        let is_main = |(main, _): &&(Box<[u8]>, Ban)| **main == *firewall;
        if self.bans.get(&target).filter(is_main).is_none() {
            return;
        }
        let Some((_, ban)) = self.bans.remove(&target) else {
            return;
        };
        self.changes += 1;
        let range = (target, Box::default())..;
        let of_target = self
            .others
            .range(range)
            .take_while(|((t, _), _)| *t == target);
        let next = of_target.reduce(|a, b| if ends_before(a.1, b.1) { b } else { a });
        if let Some(key) = next.map(|(key, _)| key.clone()) {
            if let Some(ban) = self.others.remove(&key) {
                self.bans.insert(target, (key.1, ban));
            }
        } else if ran_out {
            self.waiting.remove(&target);
            return;
        } else {
            self.note_lift(target, at, ban.until, now);
        }
        self.waiting.insert(target);
    }

    /// Remembers a lift for as long as the ban would have lasted.
    fn note_lift(&mut self, target: Target, at: Time, until: Option<Time>, now: Time) {
        let latest = now + LIFT;
        let until = until.map_or(latest, |until| until.min(latest));
        if self.lifts.len() >= LIFTS {
            self.lifts.retain(|_, lift| lift.until > now);
        }
        if self.lifts.len() < LIFTS {
            self.lifts.insert(target, Lift { at, until });
        }
    }

    /// A new connection: nobody knows what the broker has.
    pub fn begin(&mut self, now: Time) {
        self.lifts.retain(|_, lift| lift.until > now);
        self.waiting = self.bans.keys().chain(self.lifts.keys()).copied().collect();
        self.clears.clear();
    }

    /// A message that the broker keeps as this host's; `name` is the end of its topic.
    pub fn look_at(&mut self, name: &str, payload: &[u8], origin: &str, now: Time) {
        if payload.is_empty() {
            return;
        }
        let said = Message::parse(payload, origin).ok();
        let said = said.filter(|said| Some(said.target) == Target::parse(name.as_bytes()));
        let Some(said) = said else {
            if self.clears.len() < CLEARS {
                self.clears.insert(name.into());
            }
            return;
        };
        let target = said.target;
        let same = match (self.bans.get(&target), said.end) {
            (Some((_, ban)), End::Until(until)) => ban.until.map(whole) == until,
            (Some(_), End::Lifted(_)) => false,
            (None, End::Lifted(_)) => true,
            (None, End::Until(_)) if !self.is_whole => return,
            (None, End::Until(until)) => {
                if !self.lifts.contains_key(&target) {
                    self.note_lift(target, whole(now), until, now);
                }
                false
            }
        };
        match same {
            true => self.waiting.remove(&target),
            false => self.waiting.insert(target),
        };
    }

    /// The next message that the broker is to be sent.
    pub fn next(&mut self, now: Time) -> Option<Kept> {
        if let Some(name) = self.clears.pop_first() {
            return Some(Kept {
                name,
                payload: vec![],
                expiry: None,
            });
        }
        while let Some(target) = self.waiting.pop_first() {
            let (message, until) = if let Some((_, ban)) = self.bans.get(&target) {
                (ban.message(target), ban.until)
            } else if let Some(lift) = self.lifts.get(&target) {
                let message = Message {
                    target,
                    since: None,
                    end: End::Lifted(lift.at),
                    notes: vec![],
                };
                (message, Some(lift.until))
            } else {
                continue;
            };
            if until.is_some_and(|until| until <= now) {
                continue;
            }
            // Rounded up: no ban ends early.
            let left = until.map(|until| until.since(now).as_micros().div_ceil(1_000_000));
            return Some(Kept {
                name: target.to_string(),
                payload: message.bytes(),
                expiry: left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)),
            });
        }
        None
    }

    /// Whether the broker has all that it should.
    pub fn is_sent(&self) -> bool {
        self.waiting.is_empty() && self.clears.is_empty()
    }

    /// The number of changes so far.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The number of bans.
    pub fn len(&self) -> usize {
        self.bans.len()
    }

    /// The sum of the bans that last longer than `at`.
    pub fn sum(&self, at: Time) -> Sum {
        let mut sum = Sum::default();
        let lasting = self.bans.iter().filter(|(_, (_, ban))| ban.lasts(at));
        lasting.for_each(|(target, (_, ban))| sum.add(target, ban.until));
        sum
    }

    /// The bans behind this target, or all of them, that last longer than `now`, in order.
    pub fn after(&self, target: Option<Target>, now: Time) -> impl Iterator<Item = Message> {
        let from = target.map_or(Bound::Unbounded, Bound::Excluded);
        let bans = self.bans.range((from, Bound::Unbounded));
        bans.filter(move |(_, (_, ban))| ban.lasts(now))
            .map(|(target, (_, ban))| ban.message(*target))
    }
}

impl Ban {
    fn lasts(&self, at: Time) -> bool {
        self.until.is_none_or(|until| until > at)
    }

    fn message(&self, target: Target) -> Message {
        Message {
            target,
            since: self.since,
            end: End::Until(self.until),
            notes: self.notes.to_vec(),
        }
    }
}

fn ends_before(a: &Ban, b: &Ban) -> bool {
    let end = |ban: &Ban| ban.until.unwrap_or(Time::MAX);
    end(a) < end(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_774_804_577);

    fn own(lines: &[&str]) -> Own {
        let mut own = Own {
            is_whole: true,
            ..Own::default()
        };
        lines.iter().for_each(|line| take(&mut own, line));
        own
    }

    /// Takes a record in which `+60` is a time.
    fn take(own: &mut Own, line: &str) {
        let words = line.split(' ').map(|word| match word.split_once("=+") {
            Some((key, seconds)) => {
                let ahead = Duration::from_secs(seconds.parse().expect("seconds"));
                format!("{key}={}", NOW + ahead)
            }
            None => word.into(),
        });
        let line = words.collect::<Vec<_>>().join("\t");
        let record = Record::parse(line.as_bytes()).ok().flatten();
        own.take(&record.expect("a record"), NOW).expect("good");
    }

    /// The messages sent: the name, the last field without its time, and the expiry.
    fn sent(own: &mut Own) -> Vec<String> {
        let kept = std::iter::from_fn(|| own.next(NOW));
        kept.map(|kept| {
            let text = String::from_utf8(kept.payload).expect("text");
            let end = text.rsplit('\t').next().unwrap_or_default();
            let end = end.split('=').next().unwrap_or_default();
            format!("{} {end} {:?}", kept.name, kept.expiry)
        })
        .collect()
    }

    #[test]
    fn changes() {
        let mut own = own(&["192.0.2.1 until=+60", "192.0.2.2 port=22,80 until=never"]);
        let all = [
            "192.0.2.1 until Some(60)",
            "192.0.2.2@22 until None",
            "192.0.2.2@80 until None",
        ];
        assert_eq!(sent(&mut own), all);
        assert!(own.is_sent());
        take(&mut own, "192.0.2.1 until=+60 lifted=+60");
        assert_eq!(sent(&mut own), [""; 0], "it has run out");
        take(&mut own, "192.0.2.2 port=22 until=never lifted=+0");
        assert_eq!(sent(&mut own), ["192.0.2.2@22 lifted Some(2592000)"]);
        take(&mut own, "192.0.2.2 port=22 until=+9");
        assert_eq!(sent(&mut own), ["192.0.2.2@22 until Some(9)"]);
        assert_eq!(own.sum(NOW + Duration::from_secs(10)).bans, 1);
        own.begin(NOW);
        assert_eq!(sent(&mut own).len(), 2);
    }

    #[test]
    fn several_firewalls() {
        let mut own = own(&["192.0.2.1 until=+60", "192.0.2.1 backend=exec until=+90"]);
        assert_eq!(sent(&mut own), ["192.0.2.1 until Some(90)"]);
        take(&mut own, "192.0.2.1 backend=exec until=+90 lifted=+0");
        assert_eq!(sent(&mut own), ["192.0.2.1 until Some(60)"]);
        take(&mut own, "192.0.2.1 backend=none until=+30");
        take(&mut own, "192.0.2.1 until=+60 lifted=+0");
        assert_eq!(sent(&mut own), ["192.0.2.1 until Some(30)"]);
        take(&mut own, "192.0.2.1 backend=none until=+30 lifted=+0");
        assert_eq!(sent(&mut own), ["192.0.2.1 lifted Some(30)"]);
    }

    #[test]
    fn the_brokers_copy() {
        let mut own = own(&["192.0.2.1 until=+60", "192.0.2.2 until=+60"]);
        own.begin(NOW);
        let look = |own: &mut Own, name: &str, text: &str| {
            let text = text.replace('+', &(NOW + Duration::from_secs(60)).to_string());
            own.look_at(name, text.as_bytes(), "me", NOW);
        };
        look(&mut own, "192.0.2.1", "192.0.2.1\tuntil=+");
        look(&mut own, "192.0.2.3", "192.0.2.3\tuntil=+");
        look(&mut own, "192.0.2.4", "192.0.2.5\tuntil=+");
        look(&mut own, "192.0.2.6", "192.0.2.6\tlifted=+");
        let expected = [
            "192.0.2.4  None",
            "192.0.2.2 until Some(60)",
            "192.0.2.3 lifted Some(60)",
        ];
        assert_eq!(sent(&mut own), expected);
        // Somebody else has written there.
        look(&mut own, "192.0.2.2", "192.0.2.2\tuntil=never");
        look(&mut own, "192.0.2.1", "192.0.2.1\tlifted=+");
        assert_eq!(
            sent(&mut own),
            ["192.0.2.1 until Some(60)", "192.0.2.2 until Some(60)"]
        );
        // A list that is not whole yet denies nothing.
        own.is_whole = false;
        look(&mut own, "192.0.2.9", "192.0.2.9\tuntil=+");
        assert_eq!(sent(&mut own), [""; 0]);
    }
}
