//! The bans of one other host: those that it has told, and those of them that were passed on.
//!
//! The host may lie. It can fill its own table and use up its own changes, and no more.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pipeban::record::Record;
use pipeban::time::Time;

use crate::bucket::Bucket;
use crate::counts::Reason;
use crate::exempt::Exempt;
use crate::hello::{Hello, Sum};
use crate::message::{End, Message, whole};
use crate::target::Target;

/// A ban that is over stays in a full table for as long as a clock may be wrong.
const DOUBT: Duration = Duration::from_secs(3_600);
/// The most lifts of one host that are remembered, and the time that counts as just now.
const LIFTS: usize = 10_000;
const RECENT: Duration = Duration::from_secs(60);
/// A broker counts the time that is left to a message in whole seconds, and may be this much off.
const WHOLE: Duration = Duration::from_secs(1);
/// Ends of one ban in two runs may differ by this.
const DIFFERENCE: Duration = Duration::from_secs(60);

/// The bounds for the bans of all hosts.
pub struct Bounds {
    /// The most bans of one host.
    pub limit: usize,
    /// The number of changes a second.
    pub rate: u32,
    /// The longest ban.
    pub max: Duration,
    /// The shortest prefixes of IPv4 and IPv6.
    pub widest: (u8, u8),
}

/// The state of a ban here.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It was passed on.
    Passed,
    /// It was refused; it counts, for it was told.
    Refused,
    /// This host's ledger has it from an earlier run; its host has not told it yet.
    Inherited,
}

struct Ban {
    /// The end by the host's clock; of an inherited one by this clock.
    until: Option<Time>,
    since: Time,
    state: State,
    /// The last walk in which it was told.
    walk: u32,
}

/// The result of a comparison with a hello.
#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    /// All that the host has is here.
    Same,
    /// Something was lost on the way.
    Differs,
    /// The host has more bans than it may.
    TooMany,
}

/// The bans of one host.
pub struct Held {
    origin: String,
    bans: HashMap<Target, Ban>,
    bucket: Bucket,
    walk: u32,
    /// The last time that the host's clock has told.
    clock: Time,
    /// All was the same once: lifts of unknown bans are no news.
    was_whole: bool,
    /// The times of the lifts that were passed on: a ban that began no later is no news to ban-ip.
    lifts: HashMap<Target, Time>,
}

/// The moment of a message.
#[derive(Clone, Copy)]
pub struct Moment {
    /// This host's clock.
    pub now: Time,
    /// The same by the clock that nobody sets.
    pub instant: Instant,
    /// The time that is left to the message, as the broker or the host counts it.
    pub left: Option<Duration>,
}

impl Held {
    /// Nothing is known yet.
    pub fn new(origin: &str, bounds: &Bounds, now: Instant) -> Self {
        Held {
            origin: origin.into(),
            bans: HashMap::new(),
            bucket: Bucket::new(bounds.limit, bounds.rate, now),
            walk: 0,
            clock: Time::MIN,
            was_whole: false,
            lifts: HashMap::new(),
        }
    }

    /// The number of bans that were passed on.
    pub fn len(&self) -> usize {
        self.bans.values().filter(|ban| ban.is_passed()).count()
    }

    /// A ban of this host that the ledger has from an earlier run.
    pub fn inherit(&mut self, message: &Message, bounds: &Bounds) {
        if let End::Until(until) = message.end
            && self.bans.len() < bounds.limit
        {
            let ban = Ban {
                until,
                since: message.since.unwrap_or(Time::MIN),
                state: State::Inherited,
                walk: 0,
            };
            self.bans.insert(message.target, ban);
        }
    }

    /// Takes a message of this host. `out` gets the records to pass on.
    pub fn take(
        &mut self,
        message: &Message,
        moment: Moment,
        bounds: &Bounds,
        exempt: &Exempt,
        out: &mut Vec<Record>,
    ) -> Result<(), Reason> {
        let target = message.target;
        let until = match message.end {
            End::Until(until) => until,
            End::Lifted(at) => return self.lift(target, at, moment, out),
        };
        let old = self.bans.get_mut(&target);
        if let Some(old) = old
            && old.until == until
            && old.state == State::Passed
        {
            old.walk = self.walk;
            return Ok(());
        }
        self.make_room(&target, bounds, moment.now)?;
        if !self.bucket.take(moment.instant) {
            return Err(Reason::Rate);
        }
        let old = self.bans.get(&target);
        let end = end(until, moment, bounds.max);
        let passed = allowed(&target, end, moment.now, bounds, exempt);
        let mut record = Record::with_fields(target.address, &message.notes);
        let mut begin = message.since.unwrap_or(moment.now);
        if let Some(old) = old.filter(|old| old.is_passed()) {
            let is_shorter = match old.state {
                // Its end was reckoned from another moment.
                State::Inherited => old.until.unwrap_or(Time::MAX) > end + DIFFERENCE,
                _ => old.until.unwrap_or(Time::MAX).min(moment.now + bounds.max) > end,
            };
            let since = old.since;
            begin = begin.max(since);
            // A ban is made shorter by a lift and another ban.
            if is_shorter || passed.is_err() {
                out.push(self.tell_lift(&target, since));
            }
        }
        if let Some(lift) = self.lifts.get(&target) {
            begin = begin.max(*lift + Duration::from_secs(1));
        }
        let ban = Ban {
            until,
            since: begin,
            state: match passed {
                Ok(()) => State::Passed,
                Err(_) => State::Refused,
            },
            walk: self.walk,
        };
        self.bans.insert(target, ban);
        passed?;
        target.push_port(&mut record);
        record.push("origin", self.origin.as_bytes());
        record.push("since", begin.to_string().as_bytes());
        record.push("until", end.to_string().as_bytes());
        out.push(record);
        Ok(())
    }

    fn lift(
        &mut self,
        target: Target,
        at: Time,
        moment: Moment,
        out: &mut Vec<Record>,
    ) -> Result<(), Reason> {
        let old = self.bans.get(&target);
        let is_news = old.map_or(!self.was_whole, Ban::is_passed);
        if is_news && !self.bucket.take(moment.instant) {
            return Err(Reason::Rate);
        }
        if is_news {
            let since = old.map_or(at, |old| old.since);
            out.push(self.tell_lift(&target, at.max(since)));
        }
        self.bans.remove(&target);
        Ok(())
    }

    /// Makes room for a target in a full table by forgetting bans that are over.
    fn make_room(&mut self, target: &Target, bounds: &Bounds, now: Time) -> Result<(), Reason> {
        if self.bans.len() >= bounds.limit && !self.bans.contains_key(target) {
            let over = self.clock.max(now - DOUBT);
            self.bans
                .retain(|_, ban| ban.until.is_none_or(|until| until > over));
            if self.bans.len() >= bounds.limit {
                return Err(Reason::Limit);
            }
        }
        Ok(())
    }

    /// The record of a lift. Its time is by the host's clock, as `since=` is.
    fn tell_lift(&mut self, target: &Target, at: Time) -> Record {
        // Only a ban of the same second may begin too early.
        if self.lifts.len() >= LIFTS {
            self.lifts.retain(|_, lift| *lift + RECENT > at);
        }
        if self.lifts.len() < LIFTS {
            self.lifts.insert(*target, at);
        }
        let mut record = Record::new(target.address);
        target.push_port(&mut record);
        record.push("origin", self.origin.as_bytes());
        record.push("lifted", at.to_string().as_bytes());
        record
    }

    /// Compares the bans with the number and the sum of a hello. If all are the same, those that
    /// only this host's ledger has are lifted.
    pub fn compare(&mut self, hello: &Hello, limit: usize, out: &mut Vec<Record>) -> Compared {
        self.clock = self.clock.max(hello.at);
        if hello.sum.bans > limit as u64 {
            return Compared::TooMany;
        }
        let mut sum = Sum::default();
        for (target, ban) in &self.bans {
            if ban.state != State::Inherited && ban.until.is_none_or(|until| until > hello.at) {
                sum.add(target, ban.until);
            }
        }
        if sum != hello.sum {
            return Compared::Differs;
        }
        self.sweep(hello.at, |ban| ban.state == State::Inherited, out);
        self.was_whole = true;
        Compared::Same
    }

    /// Begins a walk through all bans of the host, page by page.
    pub fn begin_walk(&mut self) {
        self.walk = self.walk.wrapping_add(1);
    }

    /// Ends the walk: bans that were not told in it, at this time of the host's, are lifted.
    pub fn end_walk(&mut self, at: Time, out: &mut Vec<Record>) {
        let walk = self.walk;
        self.sweep(
            at,
            |ban| ban.walk != walk || ban.state == State::Inherited,
            out,
        );
    }

    /// Lifts those that are exempt by now.
    pub fn look_at_exempt(&mut self, exempt: &Exempt, out: &mut Vec<Record>) {
        let mut lifted = vec![];
        for (target, ban) in &mut self.bans {
            if ban.is_passed() && exempt.touches(&target.address) {
                ban.state = State::Refused;
                lifted.push((*target, ban.since));
            }
        }
        let records = lifted
            .iter()
            .map(|(target, since)| self.tell_lift(target, *since));
        out.extend(records);
    }

    fn sweep(&mut self, at: Time, gone: impl Fn(&Ban) -> bool, out: &mut Vec<Record>) {
        let gone = self.bans.iter().filter(|(_, ban)| gone(ban));
        let gone: Vec<(Target, bool, Time)> = gone
            .map(|(target, ban)| (*target, ban.is_passed(), ban.since))
            .collect();
        for (target, was_passed, since) in gone {
            self.bans.remove(&target);
            if was_passed {
                out.push(self.tell_lift(&target, at.max(since)));
            }
        }
    }
}

impl Ban {
    /// Whether this host may have it in its firewall.
    fn is_passed(&self) -> bool {
        self.state != State::Refused
    }
}

/// The end of a ban here: as its host says, but no later than the broker keeps it, and no longer
/// than allowed.
fn end(until: Option<Time>, moment: Moment, max: Duration) -> Time {
    let left = moment.left.map_or(max, |left| (left + WHOLE).min(max));
    whole(until.unwrap_or(Time::MAX).min(moment.now + left))
}

/// Whether a ban may be passed on.
fn allowed(
    target: &Target,
    end: Time,
    now: Time,
    bounds: &Bounds,
    exempt: &Exempt,
) -> Result<(), Reason> {
    let net = &target.address;
    let widest = match net.is_ipv4() {
        true => bounds.widest.0,
        false => bounds.widest.1,
    };
    if net.prefix_len() < widest {
        Err(Reason::Prefix)
    } else if exempt.touches(net) {
        Err(Reason::Exempt)
    } else if end <= now {
        Err(Reason::Over)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
