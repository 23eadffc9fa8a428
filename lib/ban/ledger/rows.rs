//! Rows of the ledger's tables.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::ban::Ban;
use super::complete::Complete;
use super::forget::forget_reminder;
use crate::target::Target;
use pipeban::complain;
use pipeban::time::Time;

/// The greatest number of reports that are remembered.
const REMEMBERED: usize = 1_000;

/// All that a batch has to know before it begins. One query finds it: a statement of its own for
/// each would cost a single ban as much as its entry.
pub(super) struct Tables {
    /// The highest number of a ban.
    pub(super) highest: i64,
    /// Another host has asked for some ban; see [`is_shared`].
    pub(super) is_shared: bool,
    /// Some address was lifted by hand.
    pub(super) has_lifted: bool,
    /// Some firewall has to lift a ban later.
    pub(super) has_later: bool,
    /// Some other process of the same command has, or had, changes to print.
    pub(super) has_unprinted: bool,
    /// Bans were entered on this day before.
    pub(super) has_day: bool,
    /// The number up to which the firewall was told all bans.
    pub(super) told: i64,
    /// The state in which it held all of them.
    pub(super) complete: Option<Complete>,
}

impl Tables {
    /// For bans in this firewall, of a process of this number and command, on this day.
    pub(super) fn look(
        db: &Connection,
        backend: &str,
        (process, command): (i64, &str),
        day: i64,
    ) -> rusqlite::Result<Self> {
        let mut query = db.prepare_cached(
            "SELECT ifnull((SELECT max(id) FROM ban), 0),
                 EXISTS (SELECT 1 FROM ban WHERE origin <> ''),
                 EXISTS (SELECT 1 FROM lifted), EXISTS (SELECT 1 FROM later),
                 EXISTS (SELECT 1 FROM unprinted WHERE process <> ?2 AND command = ?3),
                 EXISTS (SELECT 1 FROM day WHERE number = ?4),
                 ifnull((SELECT ban FROM told WHERE backend = ?1), 0), state, clock
             FROM (SELECT 1) LEFT JOIN state ON backend = ?1",
        )?;
        query.query_row(params![backend, process, command, day], |row| {
            Ok(Tables {
                highest: row.get(0)?,
                is_shared: row.get(1)?,
                has_lifted: row.get(2)?,
                has_later: row.get(3)?,
                has_unprinted: row.get(4)?,
                has_day: row.get(5)?,
                told: row.get(6)?,
                complete: Complete::read(row, 7)?,
            })
        })
    }
}

/// Several hosts may ask for one ban: of their rows the one that ends last is in force.
pub(super) const LONGEST: &str = "ORDER BY ifnull(ends, 9223372036854775807) DESC, id DESC LIMIT 1";

/// A condition that leaves out a row of `ban` beside a longer one that has not ended by `?3`.
pub(super) const IS_LONGEST: &str = "NOT EXISTS (SELECT 1 FROM ban AS other
    WHERE other.address = ban.address AND other.backend = ban.backend AND other.port = ban.port
    AND (other.ends IS NULL OR other.ends > ?3) AND other.ends IS other.until
    AND (ifnull(other.ends, 9223372036854775807), other.id)
        > (ifnull(ban.ends, 9223372036854775807), ban.id))";

/// Whether any ban was asked for by another host. If not, no ban has two rows.
pub(super) fn is_shared(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM ban WHERE origin <> '' LIMIT 1")?
        .exists([])
}

/// The longest ban of a target that has begun by `begun` and not ended by `now`, with its number.
pub(super) fn longest(
    db: &Connection,
    backend: &str,
    target: &Target,
    begun: Time,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT id, address, port, since, ends FROM ban
         WHERE address = ? AND backend = ? AND port = ? AND since <= ?
         AND (ends IS NULL OR ends > ?) AND (ends IS until OR ?) {LONGEST}"
    ))?;
    let address = target.address.to_string();
    // A moment may lie before a lift.
    let is_past = begun < Time::MAX;
    let values = params![address, backend, target.port, begun.0, now.0, is_past];
    query
        .query_row(values, |row| Ok((row.get(0)?, Ban::read(row, 1)?)))
        .optional()
}

/// The query of [`in_force`], which is prepared once for many bans.
pub(super) const IN_FORCE: &str = "SELECT id, address, port, since, ends FROM ban
    WHERE address = ? AND backend = ? AND port = ? AND origin = ifnull(?, '')
    AND (ends IS NULL OR ends > ?) AND ends IS until";

/// The ban in force that one host has asked for, with its number.
pub(super) fn in_force(
    query: &mut Statement,
    backend: &str,
    (address, port): (&str, u16),
    origin: &str,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    // See `insertion`.
    let origin = Some(origin).filter(|origin| !origin.is_empty());
    query
        .query_row(params![address, backend, port, origin, now.0], |row| {
            Ok((row.get(0)?, Ban::read(row, 1)?))
        })
        .optional()
}

/// The number of the last ban that one host has asked for, ended or not.
pub(super) fn last_id(
    db: &Connection,
    backend: &str,
    (address, port): (&str, u16),
    origin: &str,
) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached(
        "SELECT id FROM ban WHERE address = ? AND backend = ? AND port = ? AND origin = ?",
    )?;
    query.query_row(params![address, backend, port, origin], |row| row.get(0))
}

/// The highest number of a ban.
pub(super) fn highest(db: &Connection) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached("SELECT ifnull(max(id), 0) FROM ban")?;
    query.query_row([], |row| row.get(0))
}

/// The number up to which a firewall was told all bans.
pub(super) fn told(db: &Connection, backend: &str) -> rusqlite::Result<i64> {
    let query = "SELECT ifnull(max(ban), 0) FROM told WHERE backend = ?";
    db.prepare_cached(query)?
        .query_row([backend], |row| row.get(0))
}

/// Makes a ban the last one that was changed, so that its firewall is told of it.
pub(super) fn renumber(db: &Connection, id: i64, last: i64) -> rusqlite::Result<()> {
    forget_reminder(db, id)?;
    let mut update = db.prepare_cached("UPDATE ban SET id = ? WHERE id = ?")?;
    update.execute([last, id]).map(drop)
}

/// The rows that this version can read; the others are reported and left alone.
pub(super) fn readable<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
) -> rusqlite::Result<Vec<T>> {
    let mut read = Vec::new();
    for row in rows {
        match row {
            Ok(row) => read.push(row),
            Err(rusqlite::Error::FromSqlConversionFailure(_, _, e)) => report(e.to_string()),
            Err(e @ rusqlite::Error::InvalidColumnType(..)) => report(e.to_string()),
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}

/// Reports a row that can't be read, once: a run reads the ledger several times.
fn report(text: String) {
    static REPORTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    if reported.contains(&text) {
        return;
    }
    complain::error("ledger", &text);
    if reported.len() < REMEMBERED {
        reported.insert(text);
    }
}
