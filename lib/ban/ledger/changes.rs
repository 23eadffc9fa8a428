//! All bans at one moment, and the changes since then.
//!
//! Each change gives a ban the highest number, so the changes after a number are a range.

use rusqlite::{Connection, Row, params};

use super::ban::{BanDetails, DETAILS};
use super::rows::{IS_LONGEST, LONGEST, is_shared, readable};
use super::store::Ledger;
use crate::target::Target;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// The number of changes that are read together.
const CHUNK: i64 = 20_000;

/// All bans in force at one moment.
#[derive(Default)]
pub struct Snapshot {
    /// The bans, in the order of their addresses.
    pub bans: Vec<BanDetails>,
    /// The number of the last change.
    pub last: i64,
    /// Whether any firewall was ever told anything. If not, the ledger is new, and the bans of one
    /// that was lost may still be taken over.
    pub in_use: bool,
}

/// A ban that was changed. A firewall that refuses it when it is told ends it without another
/// change of the number.
pub struct Changed {
    /// The number of the change.
    pub id: i64,
    /// The ban as it is now; it may have ended.
    pub details: BanDetails,
}

impl Ledger {
    /// All bans in force, in the order of their addresses: those that this `origin` has asked
    /// for (empty: this host), or for each address the longest one.
    pub fn current(&self, now: Time, origin: Option<&str>) -> Result<Vec<BanDetails>, Fault> {
        self.state.run(|db| current(db, now, origin))
    }

    /// The same, and the number of the last change.
    pub fn snapshot(&self, now: Time, origin: Option<&str>) -> Result<Snapshot, Fault> {
        self.state.run(|db| {
            // All is read from one state of the file.
            let db = db.unchecked_transaction()?;
            let number = |query| db.query_row(query, [], |row| row.get::<_, i64>(0));
            Ok(Snapshot {
                last: number("SELECT ifnull(max(id), 0) FROM ban")?,
                in_use: number("SELECT EXISTS (SELECT 1 FROM told)")? > 0,
                bans: current(&db, now, origin)?,
            })
        })
    }

    /// Whether other hosts have asked for bans: then an address may have several.
    pub fn is_shared(&self) -> Result<bool, Fault> {
        self.state.run(is_shared)
    }

    /// The next bans that were changed after the change of this number, in the order of the
    /// changes; none if there are no more.
    pub fn changed_after(&self, id: i64) -> Result<Vec<Changed>, Fault> {
        self.state.run(|db| {
            let query =
                format!("SELECT {DETAILS}, id FROM ban WHERE id > ? ORDER BY id LIMIT {CHUNK}");
            let mut query = db.prepare_cached(&query)?;
            readable(query.query_map([id], Changed::read)?)
        })
    }

    /// The bans with numbers above `after` and at most `last` that this firewall has refused.
    pub fn refused(&self, backend: &str, after: i64, last: i64) -> Result<Vec<BanDetails>, Fault> {
        self.state.run(|db| {
            let query = format!(
                "SELECT {DETAILS} FROM ban WHERE id > ? AND id <= ? AND ends <= since
                 AND backend = ?"
            );
            let mut query = db.prepare_cached(&query)?;
            readable(query.query_map(params![after, last, backend], BanDetails::read)?)
        })
    }

    /// The last ban of exactly this target in this firewall, ended or not; see
    /// [`current`](Self::current).
    pub fn last_ban(
        &self,
        backend: &str,
        target: &Target,
        origin: Option<&str>,
    ) -> Result<Option<BanDetails>, Fault> {
        self.state.run(|db| {
            let query = format!(
                "SELECT {DETAILS} FROM ban
                 WHERE address = ?1 AND backend = ?2 AND port = ?4
                 AND origin = ifnull(?3, origin) {LONGEST}"
            );
            let mut query = db.prepare_cached(&query)?;
            let values = params![target.address.to_string(), backend, origin, target.port];
            let found = readable(query.query_map(values, BanDetails::read)?)?;
            Ok(found.into_iter().next())
        })
    }
}

fn current(db: &Connection, now: Time, origin: Option<&str>) -> rusqlite::Result<Vec<BanDetails>> {
    let several = origin.is_none() && is_shared(db)?;
    let of_several = if several {
        IS_LONGEST
    } else {
        "?3 IS NOT NULL"
    };
    let mut query = db.prepare(&format!(
        "SELECT {DETAILS} FROM ban WHERE (ends IS NULL OR ends > ?1) AND ends IS until
         AND origin = ifnull(?2, origin) AND {of_several}"
    ))?;
    let mut bans = readable(query.query_map(params![now.0, origin, now.0], BanDetails::read)?)?;
    bans.sort_by_key(|details| details.ban.target);
    Ok(bans)
}

impl Changed {
    /// From the columns of [`DETAILS`] and `id`.
    fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(Changed {
            details: BanDetails::read(row)?,
            id: row.get("id")?,
        })
    }
}
