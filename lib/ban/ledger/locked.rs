//! Which bans a firewall has been told, and which it has still to be told.

use rusqlite::{Params, Transaction, params};

use super::Ban;
use super::forget::forget_reminder;
use pipeban::time::Time;

/// The number of bans that a firewall is told together.
const CHUNK: i64 = 10_000;

/// The ledger under its lock: no other process changes it meanwhile.
pub struct LockedLedger<'a>(pub(super) &'a Transaction<'a>);

impl LockedLedger<'_> {
    /// The next bans that a firewall has not been told, with their numbers, which are above
    /// `after`.
    pub fn untold(&self, backend: &str, after: i64) -> rusqlite::Result<Vec<(i64, Ban)>> {
        let query = "SELECT id, address, since, ends FROM ban
             WHERE id > max(?2, ifnull((SELECT ban FROM told WHERE backend = ?1), 0))
             AND backend = ?1 ORDER BY id LIMIT ?3";
        self.chunk(query, params![backend, after, CHUNK])
    }

    /// The bans that have ended by now and that a firewall has to lift, with their numbers.
    pub fn due(&self, backend: &str, now: Time) -> rusqlite::Result<Vec<(i64, Ban)>> {
        let query = "SELECT id, address, since, ends FROM later JOIN ban ON ban.id = later.ban
             WHERE later.backend = ? AND due <= ?";
        self.chunk(query, params![backend, now.0])
    }

    /// The next bans that a firewall was told and should hold, with their numbers, which are above
    /// `after`.
    pub fn current(
        &self,
        backend: &str,
        after: i64,
        now: Time,
    ) -> rusqlite::Result<Vec<(i64, Ban)>> {
        let query = "SELECT id, address, since, ends FROM ban
             WHERE id > ?2 AND id <= (SELECT ban FROM told WHERE backend = ?1)
             AND backend = ?1 AND (ends IS NULL OR ends > ?3)
             ORDER BY id LIMIT ?4";
        self.chunk(query, params![backend, after, now.0, CHUNK])
    }

    fn chunk(&self, query: &str, values: impl Params) -> rusqlite::Result<Vec<(i64, Ban)>> {
        let mut query = self.0.prepare_cached(query)?;
        query
            .query_map(values, |row| Ok((row.get(0)?, Ban::read(row, 1)?)))?
            .collect()
    }

    /// Notes that a firewall was told all bans.
    pub fn all_told(&self, backend: &str) -> rusqlite::Result<()> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO told SELECT ?1, max(id) FROM ban WHERE true
             ON CONFLICT DO UPDATE SET ban = excluded.ban WHERE ban <> excluded.ban",
        )?;
        insert.execute([backend]).map(drop)
    }

    /// Notes that a firewall has to lift a ban when it is due.
    pub fn remind(&self, id: i64, backend: &str, due: Time) -> rusqlite::Result<()> {
        let mut insert = self
            .0
            .prepare_cached("INSERT OR REPLACE INTO later VALUES (?, ?, ?)")?;
        insert.execute(params![id, backend, due.0]).map(drop)
    }

    /// Notes that a firewall has lifted a ban.
    pub fn forget_reminder(&self, id: i64) -> rusqlite::Result<()> {
        forget_reminder(self.0, id)
    }

    /// Notes that a firewall refuses a ban: it ends at its beginning.
    pub fn refused(&self, id: i64) -> rusqlite::Result<()> {
        let mut update = self
            .0
            .prepare_cached("UPDATE ban SET ends = since WHERE id = ?")?;
        update.execute([id]).map(drop)
    }

    /// The moment at which a firewall has next to lift a ban.
    pub fn next_due(&self) -> rusqlite::Result<Option<Time>> {
        let mut query = self.0.prepare_cached("SELECT min(due) FROM later")?;
        let due: Option<i64> = query.query_row([], |row| row.get(0))?;
        Ok(due.map(Time))
    }
}
