//! A ban as the ledger knows it, and as records tell it.

use std::time::Duration;

use bstr::ByteSlice;
use rusqlite::Row;
use rusqlite::types::Type;

use pipeban::address::Address;
use pipeban::record::Record;
use pipeban::time::Time;

/// One ban.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ban {
    pub address: Address,
    pub since: Time,
    /// `None` is until lifted.
    pub until: Option<Time>,
}

impl Ban {
    /// What this ban becomes where `old` stands: `None` if it ends no later. A ban that is lengthened keeps its beginning.
    pub fn onto(self, old: Option<&Ban>) -> Option<Self> {
        let Some(old) = old else { return Some(self) };
        // Ends are told apart by the second, as they are printed: else every event of a flood
        // would lengthen its ban by some microseconds.
        let second = |t: Time| t.0.div_euclid(1_000_000);
        let longer = match (self.until, old.until) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(mine), Some(other)) => second(mine) > second(other),
        };
        let since = old.since;
        longer.then_some(Ban { since, ..self })
    }

    /// Puts `since=` and `until=` into a record, to the whole second.
    pub fn describe(&self, record: &mut Record) {
        Clerk::default().describe(self, record);
    }

    pub fn has_ended(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// How long it still lasts; `None` is until lifted.
    pub fn left(&self, now: Time) -> Option<Duration> {
        self.until.map(|until| until.since(now))
    }

    /// From the columns address, since and ends, the first of them at `from`.
    pub(super) fn read(row: &Row, from: usize) -> rusqlite::Result<Self> {
        let address = row.get_ref(from)?.as_bytes()?;
        let not_one = || {
            let what = format!("not an address in the ledger: {}", address.as_bstr()).into();
            rusqlite::Error::FromSqlConversionFailure(from, Type::Text, what)
        };
        Ok(Ban {
            address: Address::parse(address).ok_or_else(not_one)?,
            since: Time(row.get(from + 1)?),
            until: row.get::<_, Option<i64>>(from + 2)?.map(Time),
        })
    }
}

/// Writes many bans into records: they begin and end together, and a calendar is slow.
#[derive(Default)]
pub struct Clerk {
    since: (i64, String),
    until: (i64, String),
}

impl Clerk {
    /// See [`Ban::describe`].
    pub fn describe(&mut self, ban: &Ban, record: &mut Record) {
        let write = |(known, text): &mut (i64, String), time: Time| {
            let second = time.0.div_euclid(1_000_000);
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
    Time::from_secs(time.0.div_euclid(1_000_000)).to_string()
}

pub(super) const STORY: &str = "address, since, ends, backend, until, facts";

/// A ban with all that is known of it.
pub struct Story {
    pub ban: Ban,
    pub backend: String,
    /// When it was to end; before that it ended only if it was lifted.
    pub promised: Option<Time>,
    /// Fields of a record, each with the TAB before it.
    pub facts: Vec<u8>,
}

impl Story {
    /// From the columns that [`STORY`] names.
    pub(super) fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(Story {
            ban: Ban::read(row, 0)?,
            backend: row.get(3)?,
            promised: row.get::<_, Option<i64>>(4)?.map(Time),
            facts: row.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default(),
        })
    }
}
