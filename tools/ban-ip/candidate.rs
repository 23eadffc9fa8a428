//! A record that may be banned, and the length of its ban.

use std::ffi::OsString;
use std::sync::OnceLock;
use std::time::Duration;

use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::ledger::{Ban, NewBan};
use pipeban_ban::ports;
use pipeban_ban::target::Target;

use crate::arguments::Arguments;
use crate::speaker::Speaker;

/// The longest ban that a factor can make; kernels count no further.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
/// The bytes kept of a line of evidence, and of all facts: remote parties write them.
const LINE_KEPT: usize = 500;
const FACTS_KEPT: usize = 4_000;
/// The field that says which pipeline made a ban. `$PIPEBAN_PIPELINE` names it.
const PIPELINE: &str = "pipeline";

/// The name of the pipeline that this run is a part of, if it is one.
fn pipeline() -> Option<&'static [u8]> {
    static NAME: OnceLock<Option<OsString>> = OnceLock::new();
    let named = || std::env::var_os("PIPEBAN_PIPELINE");
    let name = NAME.get_or_init(|| named().filter(|name| !name.is_empty()));
    name.as_ref().map(|name| name.as_encoded_bytes())
}

/// A record that may be banned, or lifted by the host that asked for it.
pub struct Candidate {
    /// The record as it came in.
    pub record: Record,
    /// The host that it is from; empty: this one.
    pub origin: String,
    /// When it was lifted there.
    pub lifted: Option<Time>,
    /// The ports that it is about; none is all.
    pub ports: Vec<u16>,
    /// Its `until=`: none, never, or a time.
    until: Option<Option<Time>>,
    /// Its `since=`.
    since: Option<Time>,
    /// When it happened, at the latest now.
    pub at: Option<Time>,
}

impl Candidate {
    /// Reads the host and the times of a record; the error is a phrase.
    pub fn read(
        mut record: Record,
        speaker: &Speaker,
        ports: &[u16],
        dry_run: bool,
    ) -> Result<Self, String> {
        let origin = speaker.origin(&mut record)?;
        let mut ports = ports.to_vec();
        if let Some(text) = record.get("port").filter(|_| ports.is_empty()) {
            let text = String::from_utf8_lossy(&text);
            ports = ports::parse(&text).map_err(|e| format!("not banned: {e}"))?;
        }
        if let Some(name) = pipeline() {
            record.set(PIPELINE, name);
        }
        if !ports.is_empty() {
            record.set("port", ports::text(&ports).as_bytes());
        }
        let lifted = time(&record, "lifted")?;
        if lifted.is_some() && (origin.is_empty() || matches!(speaker, Speaker::AsSaid)) {
            let text = "--origin NAME says whose bans are lifted; unban-at lifts all";
            return Err(format!("not lifted: {}: {text}", record.address));
        }
        if record.get("success").is_some_and(|value| value == b"yes") {
            let text = "its record is of a success (success=yes)";
            return Err(format!("not banned: {}: {text}", record.address));
        }
        let never = record.get("until").is_some_and(|until| until == b"never");
        let until = match never {
            true => Some(None),
            false => time(&record, "until")?.map(Some),
        };
        let at = match dry_run {
            true => time(&record, "at")?,
            // A bad value, from any writer, must not keep a ban from being made.
            false => time(&record, "at").unwrap_or_default(),
        };
        // A stamp ahead of the clock, as one in another zone, counts as now.
        let at = at.map(|at| at.min(Time::now()));
        let since = time(&record, "since").unwrap_or_default();
        Ok(Candidate {
            record,
            origin,
            lifted,
            ports,
            until,
            since,
            at,
        })
    }

    /// The packets that its ban drops, in parts: one for each port.
    pub fn targets(&self) -> Vec<Target> {
        let address = self.record.address;
        match self.ports.is_empty() {
            true => vec![address.into()],
            false => self
                .ports
                .iter()
                .map(|port| Target {
                    address,
                    port: *port,
                })
                .collect(),
        }
    }

    /// The fields that the ledger keeps, with lines as far as they fit.
    pub fn facts(&self) -> Vec<u8> {
        let mut kept = Record::new(self.record.address);
        for key in [
            PIPELINE, "count", "hosts", "first", "last", "at", "rule", "file", "line",
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
    max: Option<Duration>,
}

impl Policy {
    /// From the arguments `--for`, `--escalate` and `--max`.
    pub fn new(arguments: &Arguments) -> Self {
        Policy {
            duration: arguments.duration,
            escalate: arguments.escalate,
            max: arguments.max,
        }
    }

    /// The ban of a record that begins now, after this number of earlier ones. That of another host
    /// began when it says. Its length counts from the event, so old news may make a ban that has
    /// ended.
    pub fn new_ban(
        &self,
        candidate: &Candidate,
        target: Target,
        now: Time,
        earlier: u32,
    ) -> NewBan {
        // An end that the record names decides alone.
        let event = candidate.at.filter(|_| self.named_end(candidate).is_none());
        let others = candidate.since.filter(|_| !candidate.origin.is_empty());
        NewBan {
            ban: Ban {
                target,
                since: others.map_or(now, |since| since.min(now)),
                until: self.until(candidate, event.unwrap_or(now), earlier),
            },
            facts: candidate.facts(),
            event,
            said: candidate.since.or(candidate.at),
            origin: candidate.origin.clone(),
        }
    }

    /// The end that a record names, if that counts.
    pub fn named_end(&self, candidate: &Candidate) -> Option<Time> {
        let named = candidate.until.filter(|_| self.duration.is_none())?;
        Some(named.unwrap_or(Time::MAX))
    }

    /// The end of a ban whose length counts from `begin`, after this number of earlier ones.
    pub fn until(&self, candidate: &Candidate, begin: Time, earlier: u32) -> Option<Time> {
        let latest = self.max.map(|max| begin + max);
        let Some(duration) = self.duration else {
            let until = candidate.until.flatten();
            return until.map_or(latest, |until| Some(latest.map_or(until, |l| l.min(until))));
        };
        let mut length = duration;
        if earlier > 0 {
            let power = earlier.try_into().unwrap_or(i32::MAX);
            let factor = self.escalate.unwrap_or(1.0).powi(power);
            let longer = Duration::try_from_secs_f64(duration.as_secs_f64() * factor);
            length = longer.unwrap_or(CENTURY).min(CENTURY);
        }
        Some((begin + length).min(latest.unwrap_or(Time::MAX)))
    }
}
