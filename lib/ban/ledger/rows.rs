//! Rows of the ledger's tables.

use rusqlite::{Connection, OptionalExtension, params};

use super::ban::Ban;
use pipeban::address::Address;
use pipeban::complain;
use pipeban::time::Time;

/// Several hosts may ask for one ban: of their rows the one that ends last is in force.
pub(super) const LONGEST: &str = "ORDER BY ifnull(ends, 9223372036854775807) DESC, id DESC LIMIT 1";

/// A condition that leaves out a row of `ban` beside a longer one that has not ended by `?3`.
pub(super) const IS_LONGEST: &str = "NOT EXISTS (SELECT 1 FROM ban AS other
    WHERE other.address = ban.address AND other.backend = ban.backend AND other.port = ban.port
    AND (other.ends IS NULL OR other.ends > ?3)
    AND (ifnull(other.ends, 9223372036854775807), other.id)
        > (ifnull(ban.ends, 9223372036854775807), ban.id))";

/// Whether any ban was asked for by another host. If not, no ban has two rows.
pub(super) fn is_shared(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM ban WHERE origin <> '' LIMIT 1")?
        .exists([])
}

/// The longest ban of an address that has begun by `begun` and not ended by `now`, with its number.
pub(super) fn longest(
    db: &Connection,
    backend: &str,
    address: &Address,
    begun: Time,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT id, address, since, ends FROM ban
         WHERE address = ? AND backend = ? AND since <= ? AND (ends IS NULL OR ends > ?) {LONGEST}"
    ))?;
    let values = params![address.to_string(), backend, begun.0, now.0];
    query
        .query_row(values, |row| Ok((row.get(0)?, Ban::read(row, 1)?)))
        .optional()
}

/// The ban in force that one host has asked for, with its number.
pub(super) fn in_force(
    db: &Connection,
    backend: &str,
    address: &str,
    origin: &str,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    let mut query = db.prepare_cached(
        "SELECT id, address, since, ends FROM ban
         WHERE address = ? AND backend = ? AND port = 0 AND origin = ?
         AND (ends IS NULL OR ends > ?)",
    )?;
    query
        .query_row(params![address, backend, origin, now.0], |row| {
            Ok((row.get(0)?, Ban::read(row, 1)?))
        })
        .optional()
}

/// The number of the last ban that one host has asked for, ended or not.
pub(super) fn last_id(
    db: &Connection,
    backend: &str,
    address: &str,
    origin: &str,
) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached(
        "SELECT id FROM ban WHERE address = ? AND backend = ? AND port = 0 AND origin = ?",
    )?;
    query.query_row([address, backend, origin], |row| row.get(0))
}

/// The rows that this version can read; the others are reported and left alone.
pub(super) fn readable<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
) -> rusqlite::Result<Vec<T>> {
    let mut read = Vec::new();
    for row in rows {
        match row {
            Ok(row) => read.push(row),
            Err(rusqlite::Error::FromSqlConversionFailure(_, _, e)) => {
                complain::error("ledger", e);
            }
            Err(e @ rusqlite::Error::InvalidColumnType(..)) => complain::error("ledger", e),
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}
