//! What bans: ledger and firewall, or in a dry run the thought of what they would hold.

use std::collections::HashMap;
use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::complain::describe;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::{Outcome, enforce};
use pipeban_ban::firewall::{self, Firewall};
use pipeban_ban::ledger::{Ban, Clerk, Entry, Ledger};
use pipeban_ban::waiter;

use crate::Arguments;

/// The longest ban that a factor can make; kernels count no further.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
/// What is kept of a record's evidence, in bytes: lines are written by remote parties, and many.
const LINE_KEPT: usize = 500;
const FACTS_KEPT: usize = 4_000;

/// A record that may be banned.
pub struct Wish {
    pub record: Record,
    /// What its `until=` says: not there, never, or a time.
    until: Option<Option<Time>>,
    /// When it happened.
    at: Option<Time>,
}

impl Wish {
    /// Reads what matters of a record; the error says what is wrong with it.
    pub fn read(record: Record, dry_run: bool) -> Result<Self, String> {
        let never = record.get("until").is_some_and(|until| until == b"never");
        let until = match never {
            true => Some(None),
            false => time(&record, "until")?.map(Some),
        };
        // What is banned now is banned from now on, whenever it happened; then this tells only what is known already.
        let at = match dry_run {
            true => {
                time(&record, "at")?.map_or_else(|| time(&record, "last"), |at| Ok(Some(at)))?
            }
            false => time(&record, "at").unwrap_or_default(),
        };
        Ok(Wish { record, until, at })
    }
}

fn time(record: &Record, key: &str) -> Result<Option<Time>, String> {
    let Some(text) = record.get(key) else {
        return Ok(None);
    };
    let wrong = || format!("not a time: {key}={}", String::from_utf8_lossy(&text));
    Time::parse(&text).map(Some).ok_or_else(wrong)
}

/// How long bans are to last.
struct Terms {
    duration: Option<Duration>,
    escalate: Option<f64>,
    max: Duration,
}

impl Terms {
    /// The end of a ban that begins now, after so many earlier ones.
    fn until(&self, wish: &Wish, now: Time, earlier: u32) -> Option<Time> {
        let Some(duration) = self.duration else {
            return wish.until.flatten();
        };
        let factor = self
            .escalate
            .unwrap_or(1.0)
            .powi(earlier.try_into().unwrap_or(i32::MAX));
        let longer = Duration::try_from_secs_f64(duration.as_secs_f64() * factor);
        let longer = longer.unwrap_or(CENTURY).min(self.max);
        Some(
            now + if earlier == 0 {
                duration.min(self.max)
            } else {
                longer
            },
        )
    }
}

/// What bans.
pub struct Hand {
    backend: String,
    terms: Terms,
    real: Option<Real>,
    /// In a dry run: the ledger as it is, and what would have been decided so far, with how many bans came before.
    ledger: Option<Ledger>,
    decided: HashMap<Address, (Ban, u32)>,
}

struct Real {
    ledger: Ledger,
    firewall: Box<dyn Firewall>,
}

impl Hand {
    pub fn open(arguments: &Arguments, backend: String) -> Result<Self, Fault> {
        let state_file = arguments.state_file.as_deref();
        let terms = Terms {
            duration: arguments.duration,
            escalate: arguments.escalate,
            max: arguments.max.unwrap_or(CENTURY),
        };
        let mut hand = Hand {
            backend,
            terms,
            real: None,
            ledger: None,
            decided: HashMap::new(),
        };
        if arguments.dry_run {
            hand.ledger = Ledger::look(state_file)?;
        } else {
            let firewall = firewall::open(&hand.backend);
            let firewall =
                firewall.map_err(|e| Fault::new(firewall::name(&hand.backend), describe(&e)))?;
            let ledger = Ledger::open(state_file)?;
            hand.real = Some(Real { ledger, firewall });
        }
        Ok(hand)
    }

    /// Bans a batch and prints what is new or longer; answers whether anything was.
    pub fn ban(&mut self, batch: Vec<Wish>, output: &mut Output) -> Result<bool, Fault> {
        if batch.is_empty() {
            return Ok(false);
        }
        let entered = match &mut self.real {
            Some(real) => real.ban(&self.backend, &self.terms, &batch)?,
            None => batch
                .iter()
                .map(|wish| self.imagine(wish))
                .collect::<Result<_, _>>()?,
        };
        let mut done = false;
        let mut clerk = Clerk::default();
        for (mut wish, ban) in batch.into_iter().zip(entered) {
            if let Some(ban) = ban {
                clerk.describe(&ban, &mut wish.record);
                output.record(&wish.record)?;
                done = true;
            }
        }
        Ok(done)
    }

    /// What a record would do at its time, without doing it.
    fn imagine(&mut self, wish: &Wish) -> Result<Option<Ban>, Fault> {
        let address = wish.record.address;
        let now = wish.at.unwrap_or_else(Time::now);
        let decided = self.decided.get(&address).copied();
        let (mut old, mut earlier) = (None, 0);
        if let Some((ban, before)) = decided {
            let ended = ban.has_ended(now);
            earlier = before + u32::from(ended);
            old = (!ended).then_some(ban);
        } else if let Some(ledger) = &self.ledger {
            old = ledger.find(&self.backend, &address, Some(now))?;
            earlier = ledger.earlier(&address, now)?;
        }
        let until = self.terms.until(wish, now, earlier);
        let ban = Ban {
            address,
            since: now,
            until,
        };
        let new = Some(ban)
            .filter(|b| !b.has_ended(now))
            .and_then(|b| b.onto(old.as_ref()));
        if let Some(ban) = new {
            self.decided.insert(address, (ban, earlier));
        }
        Ok(new)
    }
}

impl Real {
    /// Puts a batch in place; for each, answers what it became if it is new or longer.
    fn ban(
        &mut self,
        backend: &str,
        terms: &Terms,
        batch: &[Wish],
    ) -> Result<Vec<Option<Ban>>, Fault> {
        let now = Time::now();
        let mut bans = Vec::with_capacity(batch.len());
        for wish in batch {
            let address = wish.record.address;
            let earlier = match terms.escalate {
                Some(_) => self.ledger.earlier(&address, now)?,
                None => 0,
            };
            let until = terms.until(wish, now, earlier);
            let ban = Ban {
                address,
                since: now,
                until,
            };
            // An end that the record names decides alone.
            let names_end = terms.duration.is_none() && wish.until.is_some();
            bans.push(Entry {
                ban,
                facts: facts(&wish.record),
                event: wish.at.filter(|_| !names_end),
            });
        }
        let mut entered = self.ledger.ban(backend, &bans, now)?;
        if entered.iter().any(Option::is_some) {
            let outcome: Outcome = enforce(&mut self.ledger, backend, self.firewall.as_mut())?;
            if outcome.later {
                waiter::summon(self.ledger.path())?;
            }
            let refused = |ban: &Ban| outcome.refused.contains(&ban.address);
            for ban in entered
                .iter_mut()
                .filter(|b| b.as_ref().is_some_and(refused))
            {
                *ban = None;
            }
        }
        Ok(entered)
    }
}

/// What the ledger is to remember of a record beside the ban itself: its fields, the lines only as far as they fit.
fn facts(record: &Record) -> Vec<u8> {
    let mut kept = Record::new(record.address);
    for key in [
        "count", "hosts", "first", "last", "at", "rule", "file", "line",
    ] {
        for value in record.all(key) {
            let value = &value[..value.len().min(LINE_KEPT)];
            if kept.fields_text().len() + key.len() + value.len() < FACTS_KEPT {
                kept.push(key, value);
            }
        }
    }
    kept.fields_text().to_vec()
}
