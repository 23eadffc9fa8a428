//! The bans that a firewall was told, and those that it has still to be told.

use rusqlite::{Params, params};

use super::ban::Ban;
use super::complete::note_state;
use super::enter::highest;
use super::forget::forget_reminder;
use super::rows::{IS_LONGEST, is_shared, longest, readable};
use super::store::Ledger;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// The result of telling a firewall a ban, by the ban's number. A ban that was changed meanwhile
/// has another number: then the note is without effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Note {
    /// The firewall has lifted it.
    Lifted(i64),
    /// The firewall holds it and does not end it by itself.
    LiftWhenItEnds(i64),
    /// The firewall has still to lift it; it is to be tried at this moment.
    LiftAt(i64, Time),
    /// The firewall refuses it: it ends at its beginning.
    Refused(i64),
}

/// A change of a ban that a firewall has to be told.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The number of the change.
    pub id: i64,
    /// The ban that was changed.
    pub ban: Ban,
    /// The ban that the firewall is to hold, or has to lift if it has ended: the longest of its
    /// address.
    pub held: Ban,
}

/// Bans that have to be told.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Some have to be told by now.
    pub now: bool,
    /// Some have to be lifted later, in any firewall.
    pub later: bool,
}

impl Ledger {
    /// The next changes that a firewall has not been told, at most `limit`, with numbers above
    /// `after` and at most `last`.
    pub fn untold(
        &self,
        backend: &str,
        after: i64,
        last: i64,
        limit: usize,
    ) -> Result<Vec<Change>, Fault> {
        let query = "SELECT id, address, since, ends FROM ban
             WHERE id > max(?2, ifnull((SELECT ban FROM told WHERE backend = ?1), 0))
             AND id <= ?3 AND backend = ?1 ORDER BY id LIMIT ?4";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let bans = self.bans(query, params![backend, after, last, limit])?;
        self.changes(backend, bans)
    }

    /// Whether a firewall has to be told anything by now.
    pub fn has_work(&self, backend: &str, now: Time) -> Result<Work, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM later WHERE backend = ?1 AND due <= ?2)
                     OR EXISTS (SELECT 1 FROM ban WHERE backend = ?1
                         AND id > ifnull((SELECT ban FROM told WHERE backend = ?1), 0)),
                     EXISTS (SELECT 1 FROM later)",
            )?;
            query.query_row(params![backend, now.0], |row| {
                Ok(Work {
                    now: row.get(0)?,
                    later: row.get(1)?,
                })
            })
        })
    }

    /// The highest number that a firewall has not been told.
    pub fn last_untold(&self, backend: &str) -> Result<Option<i64>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(
                "SELECT id FROM ban
                 WHERE id > ifnull((SELECT ban FROM told WHERE backend = ?1), 0)
                 AND backend = ?1 ORDER BY id DESC LIMIT 1",
            )?;
            let mut rows = query.query([backend])?;
            rows.next()?.map(|row| row.get(0)).transpose()
        })
    }

    /// The bans that have ended by now and that a firewall has still to lift.
    pub fn due(&self, backend: &str, now: Time) -> Result<Vec<Change>, Fault> {
        let query = "SELECT id, address, since, ends FROM later JOIN ban ON ban.id = later.ban
             WHERE later.backend = ? AND due <= ?";
        let bans = self.bans(query, params![backend, now.0])?;
        self.changes(backend, bans)
    }

    /// These bans, each with the longest one of its address.
    fn changes(&self, backend: &str, bans: Vec<(i64, Ban)>) -> Result<Vec<Change>, Fault> {
        self.state.run(|db| {
            let now = Time::now();
            let mut changes = Vec::with_capacity(bans.len());
            let shared = !bans.is_empty() && is_shared(db)?;
            for (id, ban) in bans {
                let held = match shared {
                    true => longest(db, backend, &ban.address, Time::MAX, now)?,
                    false => None,
                };
                let held = held.map_or(ban, |(_, held)| held);
                changes.push(Change { id, ban, held });
            }
            Ok(changes)
        })
    }

    /// The next bans that a firewall should hold, told or not, at most `limit`, with their numbers,
    /// which are above `after`.
    pub fn in_force(
        &self,
        backend: &str,
        after: i64,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(i64, Ban)>, Fault> {
        let of_several = match self.is_shared()? {
            true => IS_LONGEST,
            false => "true",
        };
        let query = format!(
            "SELECT id, address, since, ends FROM ban
             WHERE id > ?2 AND backend = ?1 AND (ends IS NULL OR ends > ?3) AND {of_several}
             ORDER BY id LIMIT ?4"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.bans(&query, params![backend, after, now.0, limit])
    }

    fn bans(&self, query: &str, values: impl Params) -> Result<Vec<(i64, Ban)>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(query)?;
            readable(query.query_map(values, |row| Ok((row.get(0)?, Ban::read(row, 1)?)))?)
        })
    }

    /// Notes that a firewall was told all its bans up to this number, and with which results; and
    /// the `state` that it is in, if it holds all of them.
    pub fn note(
        &mut self,
        backend: &str,
        told: i64,
        notes: &[Note],
        state: Option<&str>,
    ) -> Result<(), Fault> {
        self.state.write(|db| {
            if let Some(state) = state {
                note_state(db, backend, state)?;
            }
            let mut insert = db.prepare_cached(
                "INSERT INTO told VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET ban = excluded.ban WHERE ban < excluded.ban",
            )?;
            insert.execute(params![backend, told])?;
            let mut remind = db.prepare_cached(
                "INSERT OR REPLACE INTO later SELECT id, backend, ifnull(?2, ends) FROM ban
                 WHERE id = ?1 AND ifnull(?2, ends) IS NOT NULL",
            )?;
            let mut refuse = db.prepare_cached("UPDATE ban SET ends = since WHERE id = ?")?;
            for note in notes {
                match note {
                    Note::Lifted(id) => forget_reminder(db, *id)?,
                    Note::LiftWhenItEnds(id) => _ = remind.execute(params![id, None::<i64>])?,
                    Note::LiftAt(id, due) => _ = remind.execute(params![id, due.0])?,
                    Note::Refused(id) => _ = refuse.execute([id])?,
                }
            }
            Ok(())
        })
    }

    /// Notes that the lifts that are due in a firewall are to be tried again at this moment.
    pub fn put_off(&mut self, backend: &str, until: Time) -> Result<(), Fault> {
        self.state.run(|db| {
            let query = "UPDATE later SET due = ?2 WHERE backend = ?1 AND due < ?2";
            db.execute(query, params![backend, until.0]).map(drop)
        })
    }

    /// Whether this firewall was ever told anything from this ledger.
    pub fn knows(&self, backend: &str) -> Result<bool, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached("SELECT 1 FROM told WHERE backend = ?")?;
            query.exists([backend])
        })
    }

    /// The number up to which a firewall was told all bans.
    pub fn told(&self, backend: &str) -> Result<i64, Fault> {
        self.state.run(|db| {
            let query = "SELECT ifnull(max(ban), 0) FROM told WHERE backend = ?";
            db.prepare_cached(query)?
                .query_row([backend], |row| row.get(0))
        })
    }

    /// Puts a ban behind all others that are to be told; answers its new number, or `None` if it
    /// was changed meanwhile.
    pub fn postpone(&mut self, id: i64) -> Result<Option<i64>, Fault> {
        self.state.write(|db| {
            let last = highest(db)? + 1;
            let mut update = db.prepare_cached("UPDATE ban SET id = ? WHERE id = ?")?;
            let changed = update.execute([last, id])?;
            Ok((changed > 0).then_some(last))
        })
    }

    /// The next moment at which a firewall has to lift a ban.
    pub fn next_due(&self) -> Result<Option<Time>, Fault> {
        self.state.run(|db| {
            let query = "SELECT min(due) FROM later JOIN ban ON ban.id = later.ban";
            let due: Option<i64> = db.prepare_cached(query)?.query_row([], |row| row.get(0))?;
            Ok(due.map(Time))
        })
    }

    /// The same, under the lock of the state file; `none_left` is called if there is none.
    pub fn next_due_or(&mut self, none_left: impl FnOnce()) -> Result<Option<Time>, Fault> {
        self.state.write(|db| {
            let query = "SELECT min(due) FROM later JOIN ban ON ban.id = later.ban";
            let due: Option<i64> = db.prepare_cached(query)?.query_row([], |row| row.get(0))?;
            if due.is_none() {
                none_left();
            }
            Ok(due.map(Time))
        })
    }
}
