//! A ban as the ledger keeps it, and its form in records.

use std::time::Duration;

use bstr::ByteSlice;
use rusqlite::Row;
use rusqlite::types::Type;

use pipeban::address::Address;
use pipeban::record::Record;
use pipeban::time::Time;

use crate::target::Target;

/// One ban.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ban {
    /// The packets that it drops.
    pub target: Target,
    /// When it begins.
    pub since: Time,
    /// When it ends; `None` is until lifted.
    pub until: Option<Time>,
}

impl Ban {
    /// This ban in place of `old`: `None` if it ends no later. A ban that is lengthened keeps its
    /// beginning, unless that is in the future: then the clock was wrong.
    pub fn onto(self, old: Option<&Ban>, now: Time) -> Option<Self> {
        let Some(old) = old else { return Some(self) };
        // Ends are compared by the second, as they are printed: else each event of a flood would
        // lengthen its ban by some microseconds.
        let longer = match (self.until, old.left(now)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(mine), Some(left)) => mine.secs() > (now + left).secs(),
        };
        let since = old.since.min(now);
        longer.then_some(Ban { since, ..self })
    }

    /// Puts `since=` and `until=` into a record, to the whole second.
    pub fn describe(&self, record: &mut Record) {
        BanFormatter::default().describe(self, record);
    }

    /// Whether it has ended by then.
    pub fn has_ended(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// The time that is left of it, at most its length: a clock may be wrong. `None` is until
    /// lifted.
    pub fn left(&self, now: Time) -> Option<Duration> {
        self.until.map(|until| until.since(now.max(self.since)))
    }

    /// From the columns address, port, since and ends, the first of them at `from`.
    pub(super) fn read(row: &Row, from: usize) -> rusqlite::Result<Self> {
        let address = row.get_ref(from)?.as_bytes()?;
        let not_one = || {
            let text = format!("not an address in the ledger: {}", address.as_bstr()).into();
            rusqlite::Error::FromSqlConversionFailure(from, Type::Text, text)
        };
        Ok(Ban {
            target: Target {
                address: Address::parse(address).ok_or_else(not_one)?,
                port: row.get(from + 1)?,
            },
            since: Time(row.get(from + 2)?),
            until: row.get::<_, Option<i64>>(from + 3)?.map(Time),
        })
    }
}

/// Writes bans into records; many begin and end together, and a calendar is slow.
#[derive(Default)]
pub struct BanFormatter {
    since: (i64, String),
    until: (i64, String),
}

impl BanFormatter {
    /// See [`Ban::describe`].
    pub fn describe(&mut self, ban: &Ban, record: &mut Record) {
        let write = |(known, text): &mut (i64, String), time: Time| {
            let second = time.secs();
            if text.is_empty() || *known != second {
                (*known, *text) = (second, seconds(time));
            }
        };
        write(&mut self.since, ban.since);
        record.set("since", self.since.1.as_bytes());
        if let Some(until) = ban.until {
            write(&mut self.until, until);
            record.set("until", self.until.1.as_bytes());
        } else {
            record.set("until", b"never");
        }
    }
}

/// A moment as records print it, to the whole second.
pub fn seconds(time: Time) -> String {
    Time::from_secs(time.secs()).to_string()
}

/// The columns that [`BanDetails::read`] reads.
pub(super) const DETAILS: &str = "address, port, since, ends, backend, until, facts, origin";

/// A ban with all that the ledger keeps of it.
pub struct BanDetails {
    /// The ban; its end is the moment of the lift if it was lifted.
    pub ban: Ban,
    /// The firewall that holds it, as the ledger writes it.
    pub backend: String,
    /// The end that was set for it; `None` is until lifted.
    pub planned_end: Option<Time>,
    /// Fields of a record, each with the TAB before it.
    pub facts: Vec<u8>,
    /// The host that asked for it; empty: this one.
    pub origin: String,
}

impl BanDetails {
    /// Whether it has ended by then. One that was lifted has, also if a clock that was ahead says
    /// that the lift is still to come.
    pub fn has_ended(&self, now: Time) -> bool {
        self.planned_end != self.ban.until || self.ban.has_ended(now)
    }

    /// From the columns of [`DETAILS`].
    pub(super) fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(BanDetails {
            ban: Ban::read(row, 0)?,
            backend: row.get(4)?,
            planned_end: row.get::<_, Option<i64>>(5)?.map(Time),
            facts: row.get::<_, Option<Vec<u8>>>(6)?.unwrap_or_default(),
            origin: row.get(7)?,
        })
    }
}
