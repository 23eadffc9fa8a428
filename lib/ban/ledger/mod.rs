//! The ledger: which bans there are and were, since when, until when and why, kept in the state file.
//!
//! The ledger is written before the firewall is touched, and notes what the firewall was told when somebody has told
//! it under the ledger's lock ([`Ledger::alone`]): so a process killed in between leaves work that the next one
//! finishes.

mod ban;
mod books;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::record::Record;
use pipeban::state::{State, WriteError};
use pipeban::time::Time;

use ban::STORY;
pub use ban::{Ban, Clerk, Story, seconds};
pub use books::Books;

// Times are microseconds since 1970. Each change gives a ban a new number, the highest so far: so what a firewall has
// not been told is a range, and entering a new ban is one statement.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS ban (        -- the last one of each address in each firewall
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,                      -- as promised; NULL: until lifted
    ends INTEGER,                       -- the same, or when it was lifted
    facts BLOB,                         -- what the record said: count=, rule=, line=, ...
    UNIQUE (address, backend)
);
CREATE TABLE IF NOT EXISTS past (       -- those before
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    ends INTEGER,
    facts BLOB
);
CREATE INDEX IF NOT EXISTS past_address ON past (address);
CREATE TABLE IF NOT EXISTS told (
    backend TEXT PRIMARY KEY,
    ban INTEGER NOT NULL                -- the firewall knows all bans up to this
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS later (      -- bans whose end a firewall has to be told
    ban INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    due INTEGER NOT NULL
);
";

/// How long an ended ban is remembered.
const MEMORY: Duration = Duration::from_secs(90 * 86_400);
/// How many ended bans are remembered, however young: so many of the last, and so many of those before.
const REMEMBERED: i64 = 500_000;
/// So many new bans after another, some old ones are looked at and forgotten.
const FORGET_EVERY: i64 = 1_000;
const FORGET_AMONG: i64 = 10_000;
/// So many new bans together are many.
const BULK: usize = 1_000;

/// A ban to be entered.
pub struct Entry {
    pub ban: Ban,
    /// Fields of a record, each with the TAB before it.
    pub facts: Vec<u8>,
    /// When that happened what it is for. If it is not after what the address was banned for last, the ban is no news,
    /// whatever became of that one: a log is read again after a restart, or by each run of a cron job.
    pub event: Option<Time>,
}

/// The bans of this machine.
pub struct Ledger {
    state: State,
}

impl Ledger {
    /// Opens the ledger in the state file, made if need be; see [`State::open`].
    pub fn open(state_file: Option<&Path>) -> Result<Self, Fault> {
        let state = State::open(state_file, SCHEMA)?;
        // Bans in bulk touch the whole index again and again.
        state.run(|db| db.execute_batch("PRAGMA cache_size=-16384"))?;
        Ok(Ledger { state })
    }

    /// Opens the ledger to read it only; `None` where there is none yet.
    pub fn look(state_file: Option<&Path>) -> Result<Option<Self>, Fault> {
        let Some(state) = State::look(state_file)? else {
            return Ok(None);
        };
        let is_there = state.run(|db| db.table_exists(None, "told"))?;
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
            let mut query = db.prepare_cached(
                "SELECT (SELECT count(*) FROM past WHERE address = ?1 AND ends <= ?2)
                      + (SELECT count(*) FROM ban WHERE address = ?1 AND ends <= ?2)",
            )?;
            query.query_row(params![address.to_string(), at.0], |row| row.get(0))
        })
    }

    /// All bans that have not ended, in the order of their addresses.
    pub fn current(&self, now: Time) -> Result<Vec<Story>, Fault> {
        let mut stories: Vec<Story> = self.state.run(|db| {
            let query = format!("SELECT {STORY} FROM ban WHERE ends IS NULL OR ends > ?");
            let mut query = db.prepare(&query)?;
            query.query_map([now.0], Story::read)?.collect()
        })?;
        stories.sort_by_key(|story| story.ban.address);
        Ok(stories)
    }

    /// All that is remembered of exactly this address or network, the oldest first.
    pub fn stories(&self, address: &Address) -> Result<Vec<Story>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {STORY} FROM past WHERE address = ?1 UNION ALL
                 SELECT {STORY} FROM ban WHERE address = ?1 ORDER BY since"
            ))?;
            let stories = query.query_map([address.to_string()], Story::read)?;
            stories.collect()
        })
    }

    /// Enters those of `wanted` that are new or longer than what is there and have not ended by now; the firewall has
    /// then to be told.
    ///
    /// Answers for each what it became; see [`Ban::onto`].
    pub fn ban(
        &mut self,
        backend: &str,
        wanted: &[Entry],
        now: Time,
    ) -> Result<Vec<Option<Ban>>, Fault> {
        if wanted.len() >= BULK {
            // To write back seldom is quicker; but each process that opens the file reads what is not yet.
            let seldom = "PRAGMA wal_autocheckpoint=4000";
            self.state.run(|db| db.execute_batch(seldom))?;
        }
        self.state.write(|db| {
            let (mut changes, mut last) = (0, 0);
            let mut entered = vec![None; wanted.len()];
            // Neighbours share a page of the index.
            let mut order: Vec<usize> = (0..wanted.len()).collect();
            order.sort_by_key(|i| wanted[*i].ban.address);
            let mut insert = db.prepare_cached(
                "INSERT OR IGNORE INTO ban (address, backend, since, until, ends, facts)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?;
            for i in order {
                let entry = &wanted[i];
                let ban = &entry.ban;
                let address = ban.address.to_string();
                let until = ban.until.map(|t| t.0);
                let facts = Some(&entry.facts).filter(|f| !f.is_empty());
                if ban.has_ended(now) {
                    continue;
                }
                let values = params![address, backend, ban.since.0, until, facts];
                let change = match insert.execute(values)? {
                    0 => replace(db, backend, entry, facts, now)?,
                    _ => Some((db.last_insert_rowid(), *ban)),
                };
                if let Some((id, ban)) = change {
                    entered[i] = Some(ban);
                    last = id;
                    changes += 1;
                }
            }
            if last / FORGET_EVERY != (last - changes) / FORGET_EVERY {
                forget(db, last, now)?;
            }
            Ok(entered)
        })
    }

    /// Sets the end of each address's bans, longer or shorter; a moment not after `now` lifts them. The firewall has
    /// then to be told.
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

    /// The firewalls that hold bans, or have to be told that they ended.
    pub fn backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT DISTINCT backend FROM ban WHERE ends IS NULL OR ends > ?
             UNION SELECT backend FROM later",
            now,
        )
    }

    /// The firewalls that have to be told by now that bans ended.
    pub fn due_backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        self.names("SELECT DISTINCT backend FROM later WHERE due <= ?", now)
    }

    fn names(&self, query: &str, now: Time) -> Result<Vec<String>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare(query)?;
            query.query_map([now.0], |row| row.get(0))?.collect()
        })
    }
}

/// The ban of an address that had begun by one moment and not ended by another, with its number.
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
    let values = params![address.to_string(), backend, begun.0, now.0];
    query
        .query_row(values, |row| Ok((row.get(0)?, Ban::read(row, 1)?)))
        .optional()
}

/// Enters a ban where the address had one before; answers what it became, with its number.
fn replace(
    db: &Connection,
    backend: &str,
    entry: &Entry,
    facts: Option<&Vec<u8>>,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    let ban = &entry.ban;
    let address = ban.address.to_string();
    if let Some(event) = entry.event
        && last_event(db, &address, backend)?.is_some_and(|last| event <= last && last <= now)
    {
        return Ok(None);
    }
    let old = find(db, backend, &ban.address, Time(i64::MAX), now)?;
    if old.is_none() {
        let mut keep = db.prepare_cached(
            "INSERT INTO past (address, backend, since, until, ends, facts)
             SELECT address, backend, since, until, ends, facts FROM ban
             WHERE address = ? AND backend = ?",
        )?;
        keep.execute([address.as_str(), backend])?;
    }
    let Some(new) = ban.onto(old.map(|(_, old)| old).as_ref()) else {
        return Ok(None);
    };
    let id = renumber(db, &address, backend)?;
    let mut update = db.prepare_cached(
        "UPDATE ban SET since = ?3, until = ?4, ends = ?4, facts = ifnull(?5, iif(?6, facts, NULL))
         WHERE address = ?1 AND backend = ?2",
    )?;
    let until = new.until.map(|t| t.0);
    // A ban that is lengthened without evidence keeps what it had.
    let lengthened = old.is_some();
    update.execute(params![
        address,
        backend,
        new.since.0,
        until,
        facts,
        lengthened
    ])?;
    Ok(Some((id, new)))
}

/// When what an address was banned for last happened, if its record said so.
fn last_event(db: &Connection, address: &str, backend: &str) -> rusqlite::Result<Option<Time>> {
    let mut query = db.prepare_cached("SELECT facts FROM ban WHERE address = ? AND backend = ?")?;
    let facts: Option<Vec<u8>> = query.query_row([address, backend], |row| row.get(0))?;
    let line = [address.as_bytes(), &facts.unwrap_or_default()].concat();
    let record = Record::parse(&line).ok().flatten();
    Ok(record.and_then(|r| Time::parse(&r.get("at")?)))
}

/// Gives a ban the highest number, because its firewall has to be told of it.
fn renumber(db: &Connection, address: &str, backend: &str) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached("SELECT id FROM ban WHERE address = ? AND backend = ?")?;
    let id = query.query_row([address, backend], |row| row.get(0))?;
    forget_reminder(db, id)?;
    let mut query = db.prepare_cached("SELECT max(id) + 1 FROM ban")?;
    let highest = query.query_row([], |row| row.get(0))?;
    let mut update = db.prepare_cached("UPDATE ban SET id = ? WHERE id = ?")?;
    update.execute([highest, id])?;
    Ok(highest)
}

fn forget_reminder(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM later WHERE ban = ?")?;
    delete.execute([id]).map(drop)
}

fn end(
    db: &Connection,
    address: &Address,
    until: Time,
    now: Time,
) -> rusqlite::Result<Vec<(String, Ban)>> {
    let text = address.to_string();
    let mut query = db.prepare_cached(
        "SELECT backend, address, since, ends FROM ban
         WHERE address = ? AND (ends IS NULL OR ends > ?)",
    )?;
    let found: Vec<(String, Ban)> = query
        .query_map(params![text, now.0], |row| {
            Ok((row.get(0)?, Ban::read(row, 1)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for (backend, ban) in found {
        renumber(db, &text, &backend)?;
        // A lifted ban remembers when it was to end.
        let mut update = db.prepare_cached(
            "UPDATE ban SET ends = ?3, until = iif(?3 > ?4, ?3, until)
             WHERE address = ?1 AND backend = ?2",
        )?;
        update.execute(params![text, backend, until.0, now.0])?;
        let until = Some(until);
        changed.push((backend, Ban { until, ..ban }));
    }
    Ok(changed)
}

/// Forgets what ended long ago, and what ended at all where too much is remembered: among the oldest of the past, and
/// in a stretch of the last bans, another one each time, so that no run has to look at all.
fn forget(db: &Connection, last: i64, now: Time) -> rusqlite::Result<()> {
    let long_ago = (now - MEMORY).0;
    db.prepare_cached(
        "DELETE FROM past WHERE id IN (SELECT id FROM past ORDER BY id LIMIT ?3)
         AND (ends < ?1 OR id <= (SELECT max(id) FROM past) - ?2)",
    )?
    .execute([long_ago, REMEMBERED, FORGET_AMONG])?;
    // By chance, as far as a multiplicative hash is chance: so in time all are looked at.
    let start = (last / FORGET_EVERY)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)
        .rem_euclid(last);
    db.prepare_cached(
        "DELETE FROM ban WHERE id BETWEEN ?1 AND ?1 + ?2 AND id < ?3
         AND (ends < ?4 OR ends <= ?5 AND id <= ?3 - ?6)
         AND id NOT IN (SELECT ban FROM later)",
    )?
    .execute([start, FORGET_AMONG, last, long_ago, now.0, REMEMBERED])?;
    Ok(())
}
