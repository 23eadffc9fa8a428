//! The events counted so far, by address, kept in the state file between runs.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use pipeban::complain::Fault;
use pipeban::state::{State, WriteError};
use pipeban::time::Time;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS hit (
    scope TEXT NOT NULL,                -- what counts them: hits of one rule never add to another's
    address TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER,                      -- microseconds since 1970; NULL: not known
    last INTEGER,
    detail TEXT NOT NULL,               -- what else the rule has to know
    PRIMARY KEY (scope, address)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hit_last ON hit (scope, last);
";

/// What is known of one address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hit {
    pub count: u64,
    /// When the first and the last event were.
    pub span: Option<(Time, Time)>,
    /// What else its owner has to know.
    pub detail: String,
}

impl Hit {
    /// Adds events to these.
    pub fn add(&mut self, count: u64, span: Option<(Time, Time)>) {
        self.count = self.count.saturating_add(count);
        self.span = match (self.span, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    fn read(row: &Row) -> rusqlite::Result<Self> {
        let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Time));
        Ok(Hit {
            count: row.get::<_, i64>("count")? as u64,
            span: time("first")?.zip(time("last")?),
            detail: row.get("detail")?,
        })
    }
}

/// The hits of one scope.
pub struct Hits {
    state: State,
    scope: String,
}

impl Hits {
    /// Opens them in the state file; for `option` see [`pipeban::state::path`].
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
        self.state.write(|transaction| {
            work(&Table {
                db: transaction,
                scope,
            })
        })
    }

    /// Reads, while others may write.
    pub fn look<T>(&self, work: impl FnOnce(&Table) -> rusqlite::Result<T>) -> Result<T, Fault> {
        let scope = &self.scope;
        self.state.run(|db| work(&Table { db, scope }))
    }

    /// All of the scope.
    pub fn all(&self) -> Result<Vec<(String, Hit)>, Fault> {
        self.state.run(|db| {
            let mut all = db.prepare("SELECT * FROM hit WHERE scope = ?")?;
            let rows = all.query_map([&self.scope], |row| {
                Ok((row.get("address")?, Hit::read(row)?))
            })?;
            rows.collect()
        })
    }
}

/// The hits of one scope, inside a transaction or just to be read.
pub struct Table<'a> {
    db: &'a Connection,
    scope: &'a str,
}

impl Table<'_> {
    /// A number that changes when another process has written to the state.
    pub fn version(&self) -> rusqlite::Result<i64> {
        let mut version = self.db.prepare_cached("PRAGMA data_version")?;
        version.query_row([], |row| row.get(0))
    }

    pub fn get(&self, address: &str) -> rusqlite::Result<Option<Hit>> {
        let sql = "SELECT * FROM hit WHERE scope = ? AND address = ?";
        let mut one = self.db.prepare_cached(sql)?;
        one.query_row(params![self.scope, address], Hit::read)
            .optional()
    }

    /// Puts what is known of an address in place of what is there.
    pub fn put(&self, address: &str, hit: &Hit) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO hit (scope, address, count, first, last, detail) VALUES (?, ?, ?, ?, ?, ?)";
        let mut insert = self.db.prepare_cached(sql)?;
        insert.execute(params![
            self.scope,
            address,
            // The database knows no larger numbers.
            i64::try_from(hit.count).unwrap_or(i64::MAX),
            hit.span.map(|(first, _)| first.0),
            hit.span.map(|(_, last)| last.0),
            hit.detail
        ])?;
        Ok(())
    }

    /// Nothing is known of this address any more.
    pub fn remove(&self, address: &str) -> rusqlite::Result<()> {
        let sql = "DELETE FROM hit WHERE scope = ? AND address = ?";
        let mut delete = self.db.prepare_cached(sql)?;
        delete.execute(params![self.scope, address])?;
        Ok(())
    }

    /// Drops the addresses that have been silent since before this time.
    pub fn forget_before(&self, time: Time) -> rusqlite::Result<()> {
        let sql = "DELETE FROM hit WHERE scope = ? AND last < ?";
        let mut delete = self.db.prepare_cached(sql)?;
        delete.execute(params![self.scope, time.0])?;
        Ok(())
    }

    /// Drops the addresses that have been silent for longest, where there are more than this; answers how many.
    ///
    /// All of them are looked through for it, so it is done only now and then: on average once for as many
    /// addresses put, which is what `put` tells, as are a sixteenth of `most`.
    pub fn forget_beyond(&self, most: usize, put: usize) -> rusqlite::Result<usize> {
        let chance = (most / 16).max(1);
        if Time::now().0.unsigned_abs() as usize % chance >= put {
            return Ok(0);
        }
        let sql = "DELETE FROM hit WHERE scope = ?1 AND address IN
            (SELECT address FROM hit WHERE scope = ?1 ORDER BY last DESC LIMIT -1 OFFSET ?2)";
        let mut delete = self.db.prepare_cached(sql)?;
        delete.execute(params![self.scope, most as i64])
    }
}
