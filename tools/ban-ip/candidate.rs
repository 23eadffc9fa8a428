//! A record that may be banned, and the length of its ban.

use std::time::Duration;

use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::ledger::{Ban, NewBan};

use crate::arguments::Arguments;

/// The longest ban that a factor can make; kernels count no further.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
/// The bytes kept of a line of evidence, and of all facts: remote parties write them.
const LINE_KEPT: usize = 500;
const FACTS_KEPT: usize = 4_000;

/// A record that may be banned.
pub struct Candidate {
    /// The record as it came in.
    pub record: Record,
    /// Its `until=`: none, never, or a time.
    until: Option<Option<Time>>,
    /// When it happened.
    pub at: Option<Time>,
}

impl Candidate {
    /// Reads the times of a record; the error is a phrase.
    pub fn read(record: Record, dry_run: bool) -> Result<Self, String> {
        if record.get("lifted").is_some() {
            return Err(format!("not banned: {} was lifted", record.address));
        }
        let never = record.get("until").is_some_and(|until| until == b"never");
        let until = match never {
            true => Some(None),
            false => time(&record, "until")?.map(Some),
        };
        // A ban begins now, whenever the event was; the event's time only tells whether it is news.
        let at = match dry_run {
            true => {
                time(&record, "at")?.map_or_else(|| time(&record, "last"), |at| Ok(Some(at)))?
            }
            false => time(&record, "at").unwrap_or_default(),
        };
        Ok(Candidate { record, until, at })
    }

    /// The fields that the ledger keeps, with lines as far as they fit.
    pub fn facts(&self) -> Vec<u8> {
        let mut kept = Record::new(self.record.address);
        for key in [
            "count", "hosts", "first", "last", "at", "rule", "file", "line",
        ] {
            for value in self.record.all(key) {
                let value = &value[..value.len().min(LINE_KEPT)];
                if kept.fields_text().len() + key.len() + value.len() < FACTS_KEPT {
                    kept.push(key, value);
                }
            }
        }
        kept.fields_text().to_vec()
    }
}

fn time(record: &Record, key: &str) -> Result<Option<Time>, String> {
    let Some(text) = record.get(key) else {
        return Ok(None);
    };
    let wrong = || format!("not a time: {key}={}", String::from_utf8_lossy(&text));
    Time::parse(&text).map(Some).ok_or_else(wrong)
}

/// The length of bans.
pub struct Policy {
    /// The length of a first ban; `None`: as the record says.
    duration: Option<Duration>,
    /// The factor for each earlier ban.
    pub escalate: Option<f64>,
    max: Duration,
}

impl Policy {
    /// From the arguments `--for`, `--escalate` and `--max`.
    pub fn new(arguments: &Arguments) -> Self {
        Policy {
            duration: arguments.duration,
            escalate: arguments.escalate,
            max: arguments.max.unwrap_or(CENTURY),
        }
    }

    /// The ban of a record that begins now, after this number of earlier ones.
    pub fn new_ban(&self, candidate: &Candidate, now: Time, earlier: u32) -> NewBan {
        // An end that the record names decides alone.
        let names_end = self.duration.is_none() && candidate.until.is_some();
        NewBan {
            ban: Ban {
                address: candidate.record.address,
                since: now,
                until: self.until(candidate, now, earlier),
            },
            facts: candidate.facts(),
            event: candidate.at.filter(|_| !names_end),
        }
    }

    /// The end of a ban that begins now, after this number of earlier ones.
    pub fn until(&self, candidate: &Candidate, now: Time, earlier: u32) -> Option<Time> {
        let Some(duration) = self.duration else {
            return candidate.until.flatten();
        };
        if earlier == 0 {
            return Some(now + duration.min(self.max));
        }
        let power = earlier.try_into().unwrap_or(i32::MAX);
        let factor = self.escalate.unwrap_or(1.0).powi(power);
        let longer = Duration::try_from_secs_f64(duration.as_secs_f64() * factor);
        Some(now + longer.unwrap_or(CENTURY).min(self.max))
    }
}
