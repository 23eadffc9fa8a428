//! The ledger: which bans there are and were, since when, until when and why, kept in the state file.
//!
//! The ledger is written before the firewall is touched. What the firewall has still to be told is
//! *pending* until somebody has told it under the ledger's lock ([`Ledger::alone`]), so a process
//! killed in between leaves work that the next one finishes.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::address::Address;
use crate::complain::Fault;
use crate::record::Record;
use crate::state::{State, WriteError};
use crate::time::Time;

// Times are microseconds since 1970.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS ban (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,              -- the firewall that holds it
    since INTEGER NOT NULL,
    until INTEGER,                      -- as promised; NULL: until lifted
    ends INTEGER,                       -- the same, or when it was lifted
    facts BLOB                          -- what the record said: count=, rule=, line=, ...
);
CREATE INDEX IF NOT EXISTS ban_address ON ban (address);
CREATE INDEX IF NOT EXISTS ban_ends ON ban (ends);
CREATE TABLE IF NOT EXISTS pending (
    ban INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    due INTEGER NOT NULL                -- not to be told before
);
";

/// How long an ended ban is remembered.
const MEMORY: Duration = Duration::from_secs(90 * 86_400);
/// How many bans are remembered, however young; those in force are never forgotten.
const REMEMBERED: i64 = 1_000_000;
/// So many new bans after another, old ones are forgotten.
const FORGET_EVERY: i64 = 1_000;
/// What is told to a firewall at a time.
const CHUNK: usize = 10_000;

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
        record.set("since", seconds(self.since).as_bytes());
        let until = self.until.map_or("never".into(), seconds);
        record.set("until", until.as_bytes());
    }

    pub fn has_ended(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// How long it still lasts; `None` is until lifted.
    pub fn left(&self, now: Time) -> Option<Duration> {
        self.until.map(|until| until.since(now))
    }

    fn read(row: &Row) -> rusqlite::Result<Self> {
        let address = row.get_ref("address")?.as_str()?;
        let parsed = Address::parse(address.as_bytes());
        let not_one = || format!("not an address in the ledger: {address}").into();
        Ok(Ban {
            address: parsed.ok_or_else(|| {
                rusqlite::Error::FromSqlConversionFailure(0, Type::Text, not_one())
            })?,
            since: Time(row.get("since")?),
            until: row.get::<_, Option<i64>>("ends")?.map(Time),
        })
    }
}

/// A moment as records print it, to the whole second.
pub fn seconds(time: Time) -> String {
    Time::from_secs(time.0.div_euclid(1_000_000)).to_string()
}

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
    fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(Story {
            ban: Ban::read(row)?,
            backend: row.get("backend")?,
            promised: row.get::<_, Option<i64>>("until")?.map(Time),
            facts: row.get::<_, Option<Vec<u8>>>("facts")?.unwrap_or_default(),
        })
    }
}

/// The bans of this machine.
pub struct Ledger {
    state: State,
}

impl Ledger {
    /// Opens the ledger in the state file, made if need be; see [`State::open`].
    pub fn open(state_file: Option<&Path>) -> Result<Self, Fault> {
        let state = State::open(state_file, SCHEMA)?;
        Ok(Ledger { state })
    }

    /// Opens the ledger to read it only; `None` where there is none yet.
    pub fn look(state_file: Option<&Path>) -> Result<Option<Self>, Fault> {
        let Some(state) = State::look(state_file)? else {
            return Ok(None);
        };
        let is_there = state.run(|db| db.table_exists(None, "ban"))?;
        Ok(is_there.then_some(Ledger { state }))
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        self.state.path()
    }

    /// The ban of exactly this address or network that was in force at a moment, the present one if that is `None`.
    pub fn find(
        &self,
        backend: &str,
        address: &Address,
        at: Option<Time>,
    ) -> Result<Option<Ban>, Fault> {
        let (begun, now) = at.map_or((Time(i64::MAX), Time::now()), |t| (t, t));
        let found = self
            .state
            .run(|db| find(db, backend, address, begun, now))?;
        Ok(found.map(|(_, ban)| ban))
    }

    /// How many bans of exactly this address or network had ended by then.
    pub fn earlier(&self, address: &Address, at: Time) -> Result<u32, Fault> {
        self.state.run(|db| {
            db.prepare_cached("SELECT count(*) FROM ban WHERE address = ? AND ends <= ?")?
                .query_row(params![address.to_string(), at.0], |row| row.get(0))
        })
    }

    /// All bans that have not ended, in the order of their addresses.
    pub fn current(&self, now: Time) -> Result<Vec<Story>, Fault> {
        let mut stories: Vec<Story> = self.state.run(|db| {
            let mut query = db.prepare("SELECT * FROM ban WHERE ends IS NULL OR ends > ?")?;
            query.query_map([now.0], Story::read)?.collect()
        })?;
        stories.sort_by_key(|story| story.ban.address);
        Ok(stories)
    }

    /// All that is remembered of exactly this address or network, the oldest first.
    pub fn stories(&self, address: &Address) -> Result<Vec<Story>, Fault> {
        self.state.run(|db| {
            let query = "SELECT * FROM ban WHERE address = ? ORDER BY id";
            let mut query = db.prepare_cached(query)?;
            query
                .query_map([address.to_string()], Story::read)?
                .collect()
        })
    }

    /// Enters those of `wanted`, each with its facts, that are new or longer than what is there and have not ended by
    /// now, as pending.
    ///
    /// Answers for each what it became; see [`Ban::onto`].
    pub fn ban(
        &mut self,
        backend: &str,
        wanted: &[(Ban, Vec<u8>)],
        now: Time,
    ) -> Result<Vec<Option<Ban>>, Fault> {
        self.state.write(|db| {
            let mut entered = Vec::new();
            let mut last = None;
            for (ban, facts) in wanted {
                let old = find(db, backend, &ban.address, Time(i64::MAX), now)?;
                let ban = Some(*ban).filter(|ban| !ban.has_ended(now));
                let ban = ban.and_then(|ban| ban.onto(old.as_ref().map(|(_, old)| old)));
                if let Some(ban) = &ban {
                    last = Some(enter(db, backend, old.map(|(id, _)| id), ban, facts)?);
                }
                entered.push(ban);
            }
            let new = entered.len() as i64;
            // Once in a while, for as long as new bans come.
            if last.is_some_and(|id| id % FORGET_EVERY < new) {
                forget(db, now)?;
            }
            Ok(entered)
        })
    }

    /// Sets the end of each address's bans, longer or shorter, as pending; a moment not after `now` lifts them.
    ///
    /// Answers for each what it became, with the firewall that holds it; nothing where there is no ban.
    pub fn end(
        &mut self,
        addresses: &[Address],
        until: Time,
        now: Time,
    ) -> Result<Vec<Vec<(String, Ban)>>, Fault> {
        self.state.write(|db| {
            let mut changed = Vec::with_capacity(addresses.len());
            for address in addresses {
                changed.push(end(db, address, until, now)?);
            }
            Ok(changed)
        })
    }

    /// Does `work` as the only one who changes ledger or firewall just now.
    pub fn alone<T>(
        &mut self,
        work: impl FnOnce(&Books) -> Result<T, WriteError>,
    ) -> Result<T, Fault> {
        self.state.write(|db| work(&Books(db)))
    }

    /// The firewalls that hold bans or have to be told something.
    pub fn backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare(
                "SELECT DISTINCT backend FROM ban WHERE ends IS NULL OR ends > ?
                 UNION SELECT backend FROM pending",
            )?;
            query.query_map([now.0], |row| row.get(0))?.collect()
        })
    }

    /// The firewalls that have to be told something by now.
    pub fn due_backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare("SELECT DISTINCT backend FROM pending WHERE due <= ?")?;
            query.query_map([now.0], |row| row.get(0))?.collect()
        })
    }
}

/// The ledger in the hands of the only one who may write it.
pub struct Books<'a>(&'a Transaction<'a>);

impl Books<'_> {
    /// What a firewall has to be told by now: bans with their numbers, those above `after`, not all at once.
    pub fn pending(
        &self,
        backend: &str,
        after: i64,
        now: Time,
    ) -> rusqlite::Result<Vec<(i64, Ban)>> {
        self.chunk(
            "SELECT ban.* FROM pending JOIN ban ON ban.id = pending.ban
             WHERE pending.backend = ?1 AND pending.ban > ?2 AND due <= ?3
             ORDER BY pending.ban LIMIT ?4",
            backend,
            after,
            now,
        )
    }

    /// The bans that a firewall should hold, with their numbers, those above `after`, not all at once.
    pub fn current(
        &self,
        backend: &str,
        after: i64,
        now: Time,
    ) -> rusqlite::Result<Vec<(i64, Ban)>> {
        self.chunk(
            "SELECT * FROM ban
             WHERE backend = ?1 AND id > ?2 AND (ends IS NULL OR ends > ?3)
             ORDER BY id LIMIT ?4",
            backend,
            after,
            now,
        )
    }

    fn chunk(
        &self,
        query: &str,
        backend: &str,
        after: i64,
        now: Time,
    ) -> rusqlite::Result<Vec<(i64, Ban)>> {
        let mut query = self.0.prepare_cached(query)?;
        let values = params![backend, after, now.0, CHUNK as i64];
        query
            .query_map(values, |row| Ok((row.get("id")?, Ban::read(row)?)))?
            .collect()
    }

    /// Notes that a firewall was told of a ban; `again` is when it has to be told that it has ended.
    pub fn told(&self, id: i64, again: Option<Time>) -> rusqlite::Result<()> {
        match again {
            None => self
                .0
                .prepare_cached("DELETE FROM pending WHERE ban = ?")?
                .execute([id])?,
            Some(due) => self
                .0
                .prepare_cached("UPDATE pending SET due = ?2 WHERE ban = ?1")?
                .execute([id, due.0])?,
        };
        Ok(())
    }

    /// Takes out a ban that its firewall refuses.
    pub fn refused(&self, id: i64) -> rusqlite::Result<()> {
        self.told(id, None)?;
        self.0.execute("DELETE FROM ban WHERE id = ?", [id])?;
        Ok(())
    }

    /// When a firewall has next to be told something.
    pub fn next_due(&self) -> rusqlite::Result<Option<Time>> {
        let mut query = self.0.prepare_cached("SELECT min(due) FROM pending")?;
        let due: Option<i64> = query.query_row([], |row| row.get(0))?;
        Ok(due.map(Time))
    }
}

fn find(
    db: &Connection,
    backend: &str,
    address: &Address,
    begun: Time,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    let mut query = db.prepare_cached(
        "SELECT id, address, since, ends FROM ban
         WHERE address = ? AND backend = ? AND since <= ? AND (ends IS NULL OR ends > ?)",
    )?;
    query
        .query_row(
            params![address.to_string(), backend, begun.0, now.0],
            |row| Ok((row.get(0)?, Ban::read(row)?)),
        )
        .optional()
}

/// Enters a ban as pending, in place of the one of that number; answers its number.
fn enter(
    db: &Connection,
    backend: &str,
    old: Option<i64>,
    ban: &Ban,
    facts: &[u8],
) -> rusqlite::Result<i64> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO ban (id, address, backend, since, until, ends, facts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
    )?;
    let until = ban.until.map(|t| t.0);
    let facts = Some(facts).filter(|f| !f.is_empty());
    insert.execute(params![
        old,
        ban.address.to_string(),
        backend,
        ban.since.0,
        until,
        facts
    ])?;
    let id = old.unwrap_or_else(|| db.last_insert_rowid());
    put_pending(db, id, backend)?;
    Ok(id)
}

fn put_pending(db: &Connection, id: i64, backend: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO pending VALUES (?, ?, 0)")?
        .execute(params![id, backend])?;
    Ok(())
}

fn end(
    db: &Connection,
    address: &Address,
    until: Time,
    now: Time,
) -> rusqlite::Result<Vec<(String, Ban)>> {
    let mut query = db.prepare_cached(
        "SELECT id, backend, address, since, ends FROM ban
         WHERE address = ? AND (ends IS NULL OR ends > ?)",
    )?;
    let found: Vec<(i64, String, Ban)> = query
        .query_map(params![address.to_string(), now.0], |row| {
            Ok((row.get(0)?, row.get(1)?, Ban::read(row)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for (id, backend, ban) in found {
        // A lifted ban remembers when it was to end.
        let mut update = db.prepare_cached(
            "UPDATE ban SET ends = ?2, until = iif(?2 > ?3, ?2, until) WHERE id = ?1",
        )?;
        update.execute([id, until.0, now.0])?;
        put_pending(db, id, &backend)?;
        let until = Some(until);
        changed.push((backend, Ban { until, ..ban }));
    }
    Ok(changed)
}

/// Forgets what ended long ago, and what ended at all where too much is remembered.
fn forget(db: &Connection, now: Time) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM ban
         WHERE (ends < ?1 OR ends <= ?2 AND id <= (SELECT max(id) FROM ban) - ?3)
         AND id NOT IN (SELECT ban FROM pending)",
    )?
    .execute([(now - MEMORY).0, now.0, REMEMBERED])?;
    Ok(())
}
