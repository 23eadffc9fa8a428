//! The ledger: which bans there are, since when and until when, kept in the state file.
//!
//! The ledger is written before the firewall is touched. What the firewall may not know yet is
//! *pending*: it stays so until somebody has told the firewall under the ledger's lock
//! ([`Ledger::settle`]), so a process killed in between leaves work that the next one finishes.

use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::address::Address;
use crate::complain::Fault;
use crate::record::Record;
use crate::state::{State, WriteError};
use crate::time::Time;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS ban (
    address TEXT PRIMARY KEY,
    since INTEGER NOT NULL,             -- microseconds since 1970
    until INTEGER,                      -- NULL: until lifted
    backend TEXT NOT NULL,              -- the firewall that holds it
    pending INTEGER NOT NULL            -- 1: that firewall may not know yet
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ban_pending ON ban (backend) WHERE pending;
";

/// One ban.
#[derive(Clone, Debug, PartialEq)]
pub struct Ban {
    pub address: Address,
    pub since: Time,
    /// `None` is until lifted.
    pub until: Option<Time>,
    pub backend: String,
}

impl Ban {
    /// What this ban becomes where `old` stands: `None` if it ends no later. A ban that is lengthened keeps its beginning.
    pub fn onto(mut self, old: Option<&Ban>) -> Option<Self> {
        if let Some(old) = old {
            // Ends are told apart by the second, as they are printed: else every event of a flood
            // would lengthen its ban by some microseconds.
            let second = |t: Time| t.0.div_euclid(1_000_000);
            let longer = match (self.until, old.until) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(mine), Some(other)) => second(mine) > second(other),
            };
            if !longer {
                return None;
            }
            self.since = old.since;
        }
        Some(self)
    }

    /// Puts `since=` and `until=` into a record, to the whole second.
    pub fn describe(&self, record: &mut Record) {
        let text = |t: Time| Time::from_secs(t.0.div_euclid(1_000_000)).to_string();
        record.set("since", text(self.since).as_bytes());
        record.set("until", self.until.map_or("never".into(), text).as_bytes());
    }

    pub fn has_ended(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn read(row: &Row) -> rusqlite::Result<Self> {
        let address: String = row.get("address")?;
        let parsed = Address::parse(address.as_bytes());
        let not_one = || format!("not an address in the ledger: {address}").into();
        Ok(Ban {
            address: parsed.ok_or_else(|| {
                rusqlite::Error::FromSqlConversionFailure(0, Type::Text, not_one())
            })?,
            since: Time(row.get("since")?),
            until: row.get::<_, Option<i64>>("until")?.map(Time),
            backend: row.get("backend")?,
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
        Ok(Ledger {
            state: State::open(state_file, SCHEMA)?,
        })
    }

    /// Opens the ledger to read it only; `None` where there is none yet.
    pub fn look(state_file: Option<&Path>) -> Result<Option<Self>, Fault> {
        let Some(state) = State::look(state_file)? else {
            return Ok(None);
        };
        let is_there = state.run(|db| db.table_exists(None, "ban"))?;
        Ok(is_there.then_some(Ledger { state }))
    }

    /// The ban of exactly this address or network, if it has not ended.
    pub fn get(&self, address: &Address, now: Time) -> Result<Option<Ban>, Fault> {
        self.state.run(|db| find(db, address, now))
    }

    /// All bans that have not ended, in the order of their addresses.
    pub fn current(&self, now: Time) -> Result<Vec<Ban>, Fault> {
        let mut bans: Vec<Ban> = self.state.run(|db| {
            let mut query =
                db.prepare_cached("SELECT * FROM ban WHERE until IS NULL OR until > ?")?;
            query.query_map([now.0], Ban::read)?.collect()
        })?;
        bans.sort_by_key(|ban| ban.address);
        Ok(bans)
    }

    /// Enters those of `wanted` that are new or longer than what is there, as pending.
    ///
    /// Answers for each what it became; see [`Ban::onto`].
    pub fn ban(&mut self, wanted: &[Ban], now: Time) -> Result<Vec<Option<Ban>>, Fault> {
        self.state.write(|db| {
            let mut entered = Vec::with_capacity(wanted.len());
            for ban in wanted {
                let ban = ban.clone().onto(find(db, &ban.address, now)?.as_ref());
                if let Some(ban) = &ban {
                    enter(db, ban)?;
                }
                entered.push(ban);
            }
            Ok(entered)
        })
    }

    /// Sets the end of each address's ban, longer or shorter, as pending; `None` where there is no ban.
    pub fn end(
        &mut self,
        addresses: &[Address],
        until: Time,
        now: Time,
    ) -> Result<Vec<Option<Ban>>, Fault> {
        self.state.write(|db| {
            let mut changed = Vec::with_capacity(addresses.len());
            for address in addresses {
                let ban = find(db, address, now)?.map(|old| Ban {
                    until: Some(until),
                    ..old
                });
                if let Some(ban) = &ban {
                    enter(db, ban)?;
                }
                changed.push(ban);
            }
            Ok(changed)
        })
    }

    /// Makes all bans of a backend pending, because its firewall may have lost them.
    pub fn doubt(&mut self, backend: &str) -> Result<(), Fault> {
        self.state
            .run(|db| db.execute("UPDATE ban SET pending = 1 WHERE backend = ?", [backend]))?;
        Ok(())
    }

    /// Tells the firewall, by `tell`, all that is pending for this backend, as the only one who does so just now.
    ///
    /// Bans among them that have ended are to be lifted; they leave the ledger.
    pub fn settle(
        &mut self,
        backend: &str,
        tell: impl FnOnce(&[Ban]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.state.write(|db| {
            let mut query = db.prepare_cached("SELECT * FROM ban WHERE pending AND backend = ?")?;
            let pending = query.query_map([backend], Ban::read)?;
            tell(&pending.collect::<rusqlite::Result<Vec<_>>>()?).map_err(WriteError::Other)?;
            db.prepare_cached("UPDATE ban SET pending = 0 WHERE pending AND backend = ?")?
                .execute([backend])?;
            // What the kernel's own timeout has ended needs no telling.
            db.prepare_cached("DELETE FROM ban WHERE NOT pending AND until <= ?")?
                .execute([Time::now().0])?;
            Ok(())
        })
    }

    /// The backends that hold bans.
    pub fn backends(&self) -> Result<Vec<String>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare("SELECT DISTINCT backend FROM ban")?;
            query.query_map([], |row| row.get(0))?.collect()
        })
    }
}

fn find(db: &Connection, address: &Address, now: Time) -> rusqlite::Result<Option<Ban>> {
    let query = "SELECT * FROM ban WHERE address = ? AND (until IS NULL OR until > ?)";
    let mut query = db.prepare_cached(query)?;
    query
        .query_row(params![address.to_string(), now.0], Ban::read)
        .optional()
}

fn enter(db: &Connection, ban: &Ban) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO ban VALUES (:address, :since, :until, :backend, 1)",
    )?;
    insert.execute(named_params! {
        ":address": ban.address.to_string(),
        ":since": ban.since.0,
        ":until": ban.until.map(|t| t.0),
        ":backend": ban.backend,
    })?;
    Ok(())
}
