//! The bans that a firewall was told, and those that it has still to be told.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::ban::Ban;
use super::complete::{Complete, complete, note_complete, note_state};
use super::forget::forget_reminder;
use super::recent::Recent;
use super::rows::{IS_LONGEST, highest, is_shared, longest, readable, told};
use super::store::Ledger;
use crate::target::Target;
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
    /// target.
    pub held: Ban,
}

/// The changes that a firewall has to be told next.
#[derive(Debug)]
pub struct Pending {
    /// The ledger had no ban of the untold targets before: most likely the firewall has none.
    pub are_first: bool,
    /// The bans that have ended by now and that it has still to lift.
    pub due: Vec<Change>,
    /// The next changes that it has not been told.
    pub untold: Vec<Change>,
    /// The highest number of these and all further ones.
    pub last: Option<i64>,
    /// Some bans have to be lifted later, in any firewall.
    pub later: bool,
    /// The state in which it held all bans that it was told.
    pub complete: Option<Complete>,
}

impl Ledger {
    /// All that a firewall has to be told next: the bans that are due, and at most `limit` changes
    /// that it has not been told, with numbers above `after` and at most `last`.
    pub fn pending(
        &self,
        backend: &str,
        after: i64,
        last: Option<i64>,
        limit: usize,
    ) -> Result<Pending, Fault> {
        let recent = &self.recent;
        self.state.run(|db| {
            if let Some((told, complete)) = only_recent(db, recent, backend)? {
                return Ok(recent_ones(recent, after.max(told), last, limit, complete));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            // All is read under one lock of the file.
            let db = db.unchecked_transaction()?;
            let now = Time::now();
            let due = bans(
                &db,
                recent,
                "SELECT id, address, port, since, iif(ends IS until, ends, min(ends, ?2))
                 FROM later JOIN ban ON ban.id = later.ban
                 WHERE later.backend = ?1 AND due <= ?2",
                params![backend, now.0],
            )?;
            let after = after.max(told(&db, backend)?);
            let last = match last {
                Some(last) => Some(last),
                None => last_after(&db, backend, after)?,
            };
            let untold = bans(
                &db,
                recent,
                "SELECT id, address, port, since, iif(ends IS until, ends, min(ends, ?5)) FROM ban
                 WHERE id > ?1 AND id <= ?2 AND backend = ?3 ORDER BY id LIMIT ?4",
                params![after, last, backend, limit, now.0],
            )?;
            Ok(Pending {
                are_first: false,
                due: changes(&db, backend, due, now)?,
                untold: changes(&db, backend, untold, now)?,
                last,
                later: db
                    .prepare_cached("SELECT 1 FROM later LIMIT 1")?
                    .exists([])?,
                complete: complete(&db, backend)?,
            })
        })
    }

    /// The same, if the firewall's lock is held since before the last [`ban`](Self::ban): then
    /// nothing has to be read, unless there are reminders or bans of other hosts.
    pub fn pending_entered(&self, backend: &str, limit: usize) -> Option<Pending> {
        let (told, complete) = self.recent.told(backend)?;
        Some(recent_ones(
            &self.recent,
            told,
            None,
            limit,
            complete.clone(),
        ))
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
            "SELECT id, address, port, since, ends FROM ban
             WHERE id > ?2 AND backend = ?1 AND (ends IS NULL OR ends > ?3) AND ends IS until
             AND {of_several}
             ORDER BY id LIMIT ?4"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![backend, after, now.0, limit];
        self.state.run(|db| bans(db, &self.recent, &query, values))
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
        let unprinted = self.unprinted.as_mut().filter(|u| u.are_lifts());
        self.state.write(|db| {
            if let Some(unprinted) = unprinted {
                let lifted = notes.iter().filter_map(|note| match note {
                    Note::Lifted(id) => Some(*id),
                    _ => None,
                });
                lifted
                    .into_iter()
                    .try_for_each(|id| unprinted.note(db, id..=id))?;
            }
            if let Some(state) = state {
                note_state(db, backend, state)?;
            }
            note_told(db, backend, told)?;
            if notes.is_empty() {
                return Ok(());
            }
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

    /// The state in which a firewall held all bans that it was told, if there was any.
    pub fn complete(&self, backend: &str) -> Result<Option<Complete>, Fault> {
        self.state.run(|db| complete(db, backend))
    }

    /// Notes that a firewall in this state holds exactly the bans that it was told.
    pub fn note_complete(&mut self, backend: &str, state: &str) -> Result<(), Fault> {
        self.state.run(|db| note_complete(db, backend, state))
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
        self.state.run(|db| told(db, backend))
    }

    /// The highest number of a ban, and that up to which a firewall was told all bans: as long as
    /// both are the same, no ban was entered or changed, nor told, and none was refused.
    pub fn numbers(&self, backend: &str) -> Result<(i64, i64), Fault> {
        self.state.run(|db| {
            let db = db.unchecked_transaction()?;
            Ok((highest(&db)?, told(&db, backend)?))
        })
    }

    /// Whether a firewall has still to lift a ban of this target that has ended by now: the last
    /// try was in vain.
    pub fn is_to_be_lifted(
        &self,
        backend: &str,
        target: &Target,
        now: Time,
    ) -> Result<bool, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(
                "SELECT 1 FROM ban JOIN later ON later.ban = ban.id
                 WHERE address = ?1 AND ban.backend = ?2 AND port = ?3 AND ends <= ?4",
            )?;
            query.exists(params![
                target.address.to_string(),
                backend,
                target.port,
                now.0
            ])
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

/// The number up to which a firewall was told all bans, and its state, if all changes above that
/// were entered by this process just now, and none was changed since, by one query; `None` if
/// others have to be read.
fn only_recent(
    db: &Connection,
    recent: &Recent,
    backend: &str,
) -> rusqlite::Result<Option<(i64, Option<Complete>)>> {
    if recent.numbers().is_empty() {
        return Ok(None);
    }
    // One statement reads one state of the file.
    let mut query = db.prepare_cached(
        "SELECT ifnull((SELECT ban FROM told WHERE backend = ?1), 0),
             ifnull((SELECT max(id) FROM ban), 0),
             EXISTS (SELECT 1 FROM later) OR EXISTS (SELECT 1 FROM ban WHERE origin <> ''),
             state, clock
         FROM (SELECT 1) LEFT JOIN state ON backend = ?1",
    )?;
    query.query_row([backend], |row| {
        let (told, highest, has_others): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let are_all = !has_others && recent.are_all(backend, told, highest);
        let complete = Complete::read(row, 3)?;
        Ok(are_all.then_some((told, complete)))
    })
}

/// The next changes of those above `after`, all of which were entered by this process.
fn recent_ones(
    recent: &Recent,
    after: i64,
    last: Option<i64>,
    limit: usize,
    complete: Option<Complete>,
) -> Pending {
    let highest = *recent.numbers().end();
    let last = last.or((after < highest).then_some(highest));
    let numbers = after + 1..=last.unwrap_or(after);
    let untold = numbers.take(limit).filter_map(|id| {
        let ban = recent.get(id)?;
        let held = ban;
        Some(Change { id, ban, held })
    });
    Pending {
        are_first: recent.are_first(),
        due: vec![],
        untold: untold.collect(),
        last,
        later: false,
        complete,
    }
}

/// The bans that a query finds, with their numbers.
fn bans(
    db: &Connection,
    recent: &Recent,
    query: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<(i64, Ban)>> {
    let mut query = db.prepare_cached(query)?;
    readable(query.query_map(values, |row| {
        let id = row.get(0)?;
        let known = recent.get(id).map_or_else(|| Ban::read(row, 1), Ok);
        Ok((id, known?))
    })?)
}

/// Notes that a firewall was told all its bans up to this number.
pub(super) fn note_told(db: &Connection, backend: &str, told: i64) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO told VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET ban = excluded.ban WHERE ban < excluded.ban",
    )?;
    insert.execute(params![backend, told]).map(drop)
}

/// The highest number above `after` of a ban that is for this firewall.
pub(super) fn last_after(
    db: &Connection,
    backend: &str,
    after: i64,
) -> rusqlite::Result<Option<i64>> {
    let mut query = db.prepare_cached(
        "SELECT id FROM ban WHERE id > ? AND backend = ? ORDER BY id DESC LIMIT 1",
    )?;
    query
        .query_row(params![after, backend], |row| row.get(0))
        .optional()
}

/// These bans, each with the longest one of its address.
fn changes(
    db: &Connection,
    backend: &str,
    bans: Vec<(i64, Ban)>,
    now: Time,
) -> rusqlite::Result<Vec<Change>> {
    let mut changes = Vec::with_capacity(bans.len());
    let shared = !bans.is_empty() && is_shared(db)?;
    for (id, ban) in bans {
        let held = match shared {
            true => longest(db, backend, &ban.target, Time::MAX, now)?,
            false => None,
        };
        let held = held.map_or(ban, |(_, held)| held);
        changes.push(Change { id, ban, held });
    }
    Ok(changes)
}
