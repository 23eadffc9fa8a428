//! Counts by address in the state file: the events counted so far, kept between runs.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use pipeban::complain::Fault;
use pipeban::state::{State, WriteError};
use pipeban::time::Time;

/// The highest number of addresses where the user gives none, so that a flood of them cannot fill
/// the disk.
pub const ADDRESSES: usize = 1_000_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS hit (
    scope TEXT NOT NULL,                -- the rule; hits of one never add to another's
    address TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER,                      -- microseconds since 1970, or NULL
    last INTEGER,
    detail TEXT NOT NULL,               -- JSON that the rule reads
    PRIMARY KEY (scope, address)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hit_last ON hit (scope, last);
";

/// The events of one address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hit {
    pub count: u64,
    /// The times of the first and the last event.
    pub span: Option<(Time, Time)>,
    /// Whatever else the rule keeps, as JSON, or empty.
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

/// The hits of one rule, in the open state file.
pub struct Hits {
    state: State,
    scope: String,
}

impl Hits {
    /// Opens the hits of the rule `scope`; for `option` see [`pipeban::state::path`].
    pub fn open(option: Option<&Path>, scope: &str) -> Result<Self, Fault> {
        Ok(Hits {
            state: State::open(option, SCHEMA)?,
            scope: scope.into(),
        })
    }

    /// Opens the file anew if it was deleted or replaced; answers whether it was.
    pub fn open_if_replaced(&mut self) -> Result<bool, Fault> {
        let is_replaced = self.state.is_replaced();
        if is_replaced {
            self.state = State::open(Some(self.state.path()), SCHEMA)?;
        }
        Ok(is_replaced)
    }

    /// Does all of `work` in one transaction, as the only writer, or none of it.
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

    /// A random number that all users of the file know: made by the first one.
    pub fn key(&mut self) -> Result<u128, Fault> {
        let seed = RandomState::new();
        let half = |n: u8| u128::from(seed.hash_one(n));
        let new = format!("{:032x}", half(0) << 64 | half(1));
        self.state.write(|transaction| {
            let sql = "INSERT OR IGNORE INTO hit (scope, address, count, detail)
                VALUES ('key', '', 0, ?)";
            transaction.execute(sql, [new])?;
            let sql = "SELECT detail FROM hit WHERE scope = 'key'";
            let text: String = transaction.query_row(sql, [], |row| row.get(0))?;
            Ok(u128::from_str_radix(&text, 16).unwrap_or_default())
        })
    }

    /// Reads, while others may write.
    pub fn read<T>(&self, work: impl FnOnce(&Table) -> rusqlite::Result<T>) -> Result<T, Fault> {
        let scope = &self.scope;
        self.state.run(|db| work(&Table { db, scope }))
    }

    /// All hits of the rule.
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

/// The bytes of all details of a rule: lines that are evidence fill a disk.
const DETAILS: i64 = 256 << 20;

/// The hits of one rule, inside a transaction or to be read only.
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

    /// The hit of an address.
    pub fn get(&self, address: &str) -> rusqlite::Result<Option<Hit>> {
        let sql = "SELECT * FROM hit WHERE scope = ? AND address = ?";
        let mut one = self.db.prepare_cached(sql)?;
        one.query_row(params![self.scope, address], Hit::read)
            .optional()
    }

    /// Stores the hit of an address in place of the one that is there.
    pub fn put(&self, address: &str, hit: &Hit) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO hit (scope, address, count, first, last, detail)
            VALUES (?, ?, ?, ?, ?, ?)";
        let mut insert = self.db.prepare_cached(sql)?;
        insert.execute(params![
            self.scope,
            address,
            // SQLite has no larger numbers; `read` makes this the same one again.
            hit.count as i64,
            hit.span.map(|(first, _)| first.0),
            hit.span.map(|(_, last)| last.0),
            hit.detail
        ])?;
        Ok(())
    }

    /// Removes the hit of an address.
    pub fn remove(&self, address: &str) -> rusqlite::Result<()> {
        let sql = "DELETE FROM hit WHERE scope = ? AND address = ?";
        let mut delete = self.db.prepare_cached(sql)?;
        delete.execute(params![self.scope, address])?;
        Ok(())
    }

    /// Removes the addresses whose last event was before this time.
    pub fn evict_before(&self, time: Time) -> rusqlite::Result<()> {
        let sql = "DELETE FROM hit WHERE scope = ? AND last < ?";
        let mut delete = self.db.prepare_cached(sql)?;
        delete.execute(params![self.scope, time.0])?;
        Ok(())
    }

    /// Removes the addresses that have been silent for longest, where the details of all have more
    /// bytes than [`DETAILS`]; returns their number.
    ///
    /// This reads all of them, so it is done at random, as in
    /// [`evict_beyond`](Self::evict_beyond), and only if the whole file is as large.
    pub fn evict_details(&self, put: usize) -> rusqlite::Result<usize> {
        const CHANCE: usize = 256;
        if Time::now().0.unsigned_abs() as usize % CHANCE >= put {
            return Ok(0);
        }
        let pragma = |name: &str| {
            let mut pragma = self.db.prepare_cached(&format!("PRAGMA {name}"))?;
            pragma.query_row([], |row| row.get::<_, i64>(0))
        };
        let pages = pragma("page_count")? - pragma("freelist_count")?;
        if pages * pragma("page_size")? <= DETAILS {
            return Ok(0);
        }
        // Half of it, so that this is not soon done again.
        let sql = "DELETE FROM hit WHERE scope = ?1
            AND (SELECT sum(length(detail)) FROM hit WHERE scope = ?1) > ?2
            AND address IN (SELECT address FROM
                (SELECT address, sum(length(detail)) OVER (ORDER BY last DESC, address) AS bytes
                 FROM hit WHERE scope = ?1)
                WHERE bytes > ?2 / 2)";
        let mut delete = self.db.prepare_cached(sql)?;
        delete.execute(params![self.scope, DETAILS])
    }

    /// Removes the addresses that have been silent for longest, where there are more than `most`;
    /// returns their number.
    ///
    /// This reads all of them, so it is done at random: on average once for each `most` / 16
    /// addresses that were put. `put` is the number put since the last call.
    pub fn evict_beyond(&self, most: usize, put: usize) -> rusqlite::Result<usize> {
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

/// Any bytes as text: each byte as the character of its number.
pub fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

/// The reverse of [`characters`].
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}
