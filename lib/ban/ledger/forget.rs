//! Forgets ended bans, a few at a time.

use std::ops::RangeInclusive;

use rusqlite::Connection;

use pipeban::time::Time;

/// The greatest number of ended bans kept among the last bans of their address, and likewise among
/// the earlier ones.
const REMEMBERED: i64 = 500_000;
/// An ended ban is kept until bans were entered on this number of later days.
const DAYS: i64 = 90;
/// A day in microseconds.
const DAY: i64 = 86_400_000_000;
/// Old bans are looked at after each series of this number of changes.
const FORGET_EVERY: i64 = 1_000;
/// The number of bans that are looked at together.
const FORGET_AMONG: i64 = 10_000;

/// Removes the note that a firewall has to lift a ban.
pub(super) fn forget_reminder(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM later WHERE ban = ?")?;
    delete.execute([id]).map(drop)
}

/// The number of a day since 1970.
pub(super) fn day(now: Time) -> i64 {
    now.0.div_euclid(DAY)
}

/// Forgets some, if it is time after changes with these numbers, the last ones. A day on which none
/// were entered before is noted.
pub(super) fn forget_some(
    db: &Connection,
    changes: RangeInclusive<i64>,
    is_noted: bool,
    now: Time,
) -> rusqlite::Result<()> {
    let (first, last) = changes.into_inner();
    if !is_noted {
        let mut insert = db.prepare_cached("INSERT OR IGNORE INTO day VALUES (?)")?;
        insert.execute([day(now)])?;
    }
    if last / FORGET_EVERY == (first - 1) / FORGET_EVERY {
        return Ok(());
    }
    forget(db, last, now)
}

/// Bans that ended before this moment are old: since then bans were entered on [`DAYS`] days. The
/// clock alone makes none old: it may be ahead for a while.
fn long_ago(db: &Connection) -> rusqlite::Result<i64> {
    let mut query =
        db.prepare_cached("SELECT number FROM day ORDER BY number DESC LIMIT 1 OFFSET ?")?;
    let mut rows = query.query([DAYS - 1])?;
    let first = rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()?;
    Ok(first.map_or(i64::MIN, |day| day.saturating_mul(DAY)))
}

/// Removes bans that ended long ago, and the oldest ended bans if there are too many: among the
/// oldest past bans, and in a stretch of the last bans, another one each time, so that no run has
/// to look at all of them.
fn forget(db: &Connection, last: i64, now: Time) -> rusqlite::Result<()> {
    let long_ago = long_ago(db)?;
    db.prepare_cached(
        "DELETE FROM past WHERE id IN (SELECT id FROM past ORDER BY id LIMIT ?3)
         AND (ends < ?1 OR id <= (SELECT max(id) FROM past) - ?2)",
    )?
    .execute([long_ago, REMEMBERED, FORGET_AMONG])?;
    // A multiplicative hash: in time all stretches have their turn.
    let start = (last / FORGET_EVERY)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)
        .rem_euclid(last);
    db.prepare_cached(
        "DELETE FROM ban WHERE id BETWEEN ?1 AND ?1 + ?2 AND id < ?3
         AND (ends < ?4 OR ends <= ?5 AND id <= ?3 - ?6)
         AND id NOT IN (SELECT ban FROM later)",
    )?
    .execute([start, FORGET_AMONG, last, long_ago, now.0, REMEMBERED])?;
    db.prepare_cached("DELETE FROM lifted WHERE at < ?")?
        .execute([long_ago])?;
    Ok(())
}
