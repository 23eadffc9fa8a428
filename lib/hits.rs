//! The events counted so far, by address, kept in the state file between runs.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::address::Address;
use crate::complain::Fault;
use crate::state::{State, WriteError};
use crate::time::Time;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS hit (
    scope TEXT NOT NULL,                -- what counts them: hits of one rule never add to another's
    address TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,             -- microseconds since 1970
    last INTEGER NOT NULL,
    times BLOB NOT NULL,                -- of each event in the window, as such numbers of 8 bytes, little-endian
    PRIMARY KEY (scope, address)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hit_last ON hit (scope, last);
";

/// What is known of one address.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub count: u64,
    pub first: Time,
    pub last: Time,
    /// When the events in a window were, sorted; empty where no window is counted.
    pub times: Vec<Time>,
}

impl Default for Hit {
    fn default() -> Self {
        Hit {
            count: 0,
            first: Self::UNKNOWN,
            last: Self::UNKNOWN,
            times: Vec::new(),
        }
    }
}

impl Hit {
    /// Stands for the time of events that told none.
    pub const UNKNOWN: Time = Time(i64::MIN);

    /// Adds the events of another to these, where no window is counted.
    pub fn add(&mut self, other: &Hit) {
        self.count += other.count;
        self.last = self.last.max(other.last);
        if other.first != Self::UNKNOWN {
            self.first = match self.first {
                Self::UNKNOWN => other.first,
                first => first.min(other.first),
            };
        }
    }

    fn read(row: &Row) -> rusqlite::Result<Self> {
        let times: Vec<u8> = row.get("times")?;
        let number = |bytes: &[u8; 8]| Time(i64::from_le_bytes(*bytes));
        Ok(Hit {
            count: row.get::<_, i64>("count")? as u64,
            first: Time(row.get("first")?),
            last: Time(row.get("last")?),
            times: times.as_chunks().0.iter().map(number).collect(),
        })
    }
}

/// The hits of one scope.
pub struct Hits {
    state: State,
    scope: String,
}

impl Hits {
    /// Opens them in the state file; for `option` see [`crate::state::path`].
    pub fn open(option: Option<&Path>, scope: &str) -> Result<Self, Fault> {
        Ok(Hits {
            state: State::open(option, SCHEMA)?,
            scope: scope.into(),
        })
    }

    /// Does all of `work` as the only writer, or nothing of it.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&Table) -> Result<T, WriteError>,
    ) -> Result<T, Fault> {
        let scope = &self.scope;
        self.state
            .write(|transaction| work(&Table { transaction, scope }))
    }

    /// Adds these to what is there.
    pub fn add(&mut self, hits: HashMap<Address, Hit>) -> Result<(), Fault> {
        if hits.is_empty() {
            return Ok(());
        }
        self.write(|table| {
            for (address, hit) in &hits {
                let mut sum = table.get(address)?.unwrap_or_default();
                sum.add(hit);
                table.put(address, &sum)?;
            }
            Ok(())
        })
    }

    /// All of the scope.
    pub fn all(&self) -> Result<HashMap<Address, Hit>, Fault> {
        self.state.run(|db| {
            let mut all = db.prepare("SELECT * FROM hit WHERE scope = ?")?;
            let rows = all.query_map([&self.scope], |row| Ok((address(row)?, Hit::read(row)?)))?;
            rows.collect()
        })
    }
}

/// The hits of one scope, inside a transaction.
pub struct Table<'a> {
    transaction: &'a Transaction<'a>,
    scope: &'a str,
}

impl Table<'_> {
    pub fn get(&self, address: &Address) -> rusqlite::Result<Option<Hit>> {
        let sql = "SELECT * FROM hit WHERE scope = ? AND address = ?";
        let mut one = self.transaction.prepare_cached(sql)?;
        one.query_row(params![self.scope, address.to_string()], Hit::read)
            .optional()
    }

    /// Puts what is known of an address in place of what is there; no event at all is no row.
    pub fn put(&self, address: &Address, hit: &Hit) -> rusqlite::Result<()> {
        if hit.count == 0 {
            let sql = "DELETE FROM hit WHERE scope = ? AND address = ?";
            let mut delete = self.transaction.prepare_cached(sql)?;
            delete.execute(params![self.scope, address.to_string()])?;
            return Ok(());
        }
        let times: Vec<u8> = hit.times.iter().flat_map(|t| t.0.to_le_bytes()).collect();
        let sql = "INSERT OR REPLACE INTO hit (scope, address, count, first, last, times) VALUES (?, ?, ?, ?, ?, ?)";
        let mut insert = self.transaction.prepare_cached(sql)?;
        insert.execute(params![
            self.scope,
            address.to_string(),
            hit.count as i64,
            hit.first.0,
            hit.last.0,
            times
        ])?;
        Ok(())
    }

    /// Drops the addresses that have been silent since before this time.
    pub fn forget_before(&self, time: Time) -> rusqlite::Result<()> {
        let sql = "DELETE FROM hit WHERE scope = ? AND last < ?";
        let mut delete = self.transaction.prepare_cached(sql)?;
        delete.execute(params![self.scope, time.0])?;
        Ok(())
    }
}

fn address(row: &Row) -> rusqlite::Result<Address> {
    let text: String = row.get("address")?;
    Address::parse(text.as_bytes()).ok_or_else(|| {
        let what = format!("not an address in the state: {text}").into();
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, what)
    })
}
