//! The ledger: the present and past bans with their beginning, end and reason, in the state file.
//!
//! A ban is entered before the firewall is told, and the ledger notes, under its lock
//! ([`Ledger::lock`]), which bans the firewall was told: so a process that is killed in between
//! leaves work that the next one finishes.

mod ban;
mod enter;
mod forget;
mod locked;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::state::{State, WriteError};
use pipeban::time::Time;

use ban::DETAILS;
pub use ban::{Ban, BanDetails, BanFormatter, seconds};
pub use enter::NewBan;
pub use locked::LockedLedger;

// Times are microseconds since 1970. Each change gives a ban a new number, the highest so far: so
// the bans that a firewall has not been told are a range, and a new ban is entered by one
// statement.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS ban (        -- the last ban of each address in each firewall
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,                      -- the planned end; NULL: until lifted
    ends INTEGER,                       -- the same, or the moment of the lift
    facts BLOB,                         -- fields of the record: count=, rule=, line=, ...
    UNIQUE (address, backend)
);
CREATE TABLE IF NOT EXISTS past (       -- earlier bans
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
    ban INTEGER NOT NULL                -- the firewall was told all bans up to this id
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS later (      -- bans that a firewall has to lift when they end
    ban INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    due INTEGER NOT NULL
);
";

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

    /// The ban of exactly this address or network that was in force at a moment; `None` is now.
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

    /// The number of bans of exactly this address or network that had ended by then.
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
    pub fn current(&self, now: Time) -> Result<Vec<BanDetails>, Fault> {
        let mut bans: Vec<BanDetails> = self.state.run(|db| {
            let query = format!("SELECT {DETAILS} FROM ban WHERE ends IS NULL OR ends > ?");
            let mut query = db.prepare(&query)?;
            query.query_map([now.0], BanDetails::read)?.collect()
        })?;
        bans.sort_by_key(|details| details.ban.address);
        Ok(bans)
    }

    /// All bans of exactly this address or network that the ledger remembers, the oldest first.
    pub fn history(&self, address: &Address) -> Result<Vec<BanDetails>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {DETAILS} FROM past WHERE address = ?1 UNION ALL
                 SELECT {DETAILS} FROM ban WHERE address = ?1 ORDER BY since"
            ))?;
            query
                .query_map([address.to_string()], BanDetails::read)?
                .collect()
        })
    }

    /// Does `work` while no other process changes ledger or firewall.
    pub fn lock<T>(
        &mut self,
        work: impl FnOnce(&LockedLedger) -> Result<T, WriteError>,
    ) -> Result<T, Fault> {
        self.state.write(|db| work(&LockedLedger(db)))
    }

    /// The firewalls that hold bans or have to lift some.
    pub fn backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT DISTINCT backend FROM ban WHERE ends IS NULL OR ends > ?
             UNION SELECT backend FROM later",
            now,
        )
    }

    /// The firewalls that have to lift bans by now.
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

/// The ban of an address that has begun by `begun` and not ended by `now`, with its number.
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
