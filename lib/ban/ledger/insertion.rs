//! The statements that enter new bans: one, or some at once.

use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection, ToSql};

use super::new_ban::NewBan;
use pipeban::time::Time;

/// The number of bans that one statement enters.
pub(super) const ROWS: usize = 32;

/// Enters one ban if its target had none.
pub(super) static ONE: LazyLock<String> = LazyLock::new(|| insertion(1));

/// Enters those of [`ROWS`] bans whose targets had none.
pub(super) static SOME: LazyLock<String> = LazyLock::new(|| insertion(ROWS));

/// The same, and makes those longer that were in force by the time `?2` and end earlier, as
/// [`Ban::onto`](super::Ban::onto) has it.
pub(super) static SOME_LONGER: LazyLock<String> = LazyLock::new(|| {
    let insertion = insertion(ROWS).replace(" OR IGNORE", "");
    format!(
        "{insertion} ON CONFLICT (address, backend, port, origin) DO UPDATE
         SET id = excluded.id, since = min(ban.since, ?2), until = excluded.until,
             ends = excluded.ends, facts = ifnull(excluded.facts, ban.facts)
         WHERE ban.ends > ?2 AND ban.ends IS ban.until
         AND (excluded.ends IS NULL OR excluded.ends / 1000000
             > max(ban.ends - max(ban.since - ?2, 0), ?2) / 1000000)"
    )
});

/// Finds the beginnings of the bans that got numbers above this one. `RETURNING` would make a table
/// in memory each time.
pub(super) const BEGINS: &str = "SELECT since FROM ban WHERE id > ? ORDER BY id";

/// A statement that is prepared when it is first needed: a single new ban needs one of them.
pub(super) type Kept<'a> = Option<CachedStatement<'a>>;

/// The statement, which is of this text.
pub(super) fn kept<'s, 'a>(
    kept: &'s mut Kept<'a>,
    db: &'a Connection,
    text: &str,
) -> rusqlite::Result<&'s mut CachedStatement<'a>> {
    match kept {
        Some(statement) => Ok(statement),
        None => Ok(kept.insert(db.prepare_cached(text)?)),
    }
}

/// The statement that enters this number of bans, those that have no row yet.
fn insertion(rows: usize) -> String {
    let row = |i: usize| {
        let [address, since, until, facts, origin, port] = [3, 4, 5, 6, 7, 8].map(|n| n + 6 * i);
        // The pointer of an empty text that is bound is none: to compare it costs 100 ns (AVX-512).
        let origin = format!("ifnull(?{origin}, '')");
        format!("(?{address}, ?1, ?{since}, ?{until}, ?{until}, ?{facts}, {origin}, ?{port})")
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    let columns = "address, backend, since, until, ends, facts, origin, port";
    format!(
        "INSERT OR IGNORE INTO ban ({columns}) VALUES {}",
        rows.join(", ")
    )
}

/// Executes [`ONE`] or [`SOME`]; answers the number of those that had no row.
pub(super) fn insert<'a>(
    statement: &mut CachedStatement,
    backend: &str,
    rows: impl IntoIterator<Item = &'a NewBan>,
) -> rusqlite::Result<usize> {
    bind(statement, backend, rows)?;
    statement.raw_execute()
}

/// Executes [`SOME_LONGER`]; answers the number of those that were entered or made longer.
pub(super) fn insert_longer<'a>(
    statement: &mut CachedStatement,
    backend: &str,
    rows: impl IntoIterator<Item = &'a NewBan>,
    now: Time,
) -> rusqlite::Result<usize> {
    statement.raw_bind_parameter(2, now.0)?;
    insert(statement, backend, rows)
}

fn bind<'a>(
    statement: &mut CachedStatement,
    backend: &str,
    rows: impl IntoIterator<Item = &'a NewBan>,
) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, backend)?;
    let mut last = 2;
    let mut bind = |value: &dyn ToSql| {
        last += 1;
        statement.raw_bind_parameter(last, value)
    };
    for new in rows {
        let ban = &new.ban;
        bind(&ban.target.address.to_string())?;
        bind(&ban.since.0)?;
        bind(&ban.until.map(|t| t.0))?;
        bind(&Some(&new.facts).filter(|f| !f.is_empty()))?;
        bind(&Some(&new.origin).filter(|o| !o.is_empty()))?;
        bind(&ban.target.port)?;
    }
    Ok(())
}
