//! New bans, and longer ones.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::ban::Ban;
use super::forget::{forget_reminder, forget_some};
use super::rows::{in_force, is_shared, last_id, longest};
use super::store::Ledger;
use super::unprinted::Unprinted;
use crate::target::Target;
use pipeban::complain::Fault;
use pipeban::record::Record;
use pipeban::time::Time;

/// From this number of new bans on, the ledger writes in bulk mode.
const BULK: usize = 1_000;

/// A ban to be entered.
pub struct NewBan {
    /// The ban as it was asked for.
    pub ban: Ban,
    /// Fields of a record, each with the TAB before it.
    pub facts: Vec<u8>,
    /// The time of the event that it is for. If that is not after the event of the address's last
    /// ban, the ban is no news, even if that one has ended: a log is read again after a restart, or
    /// by each run of a cron job.
    pub event: Option<Time>,
    /// When its record says that it began or that the event was: if the address was lifted by hand
    /// since then, the ban is no news.
    pub said: Option<Time>,
    /// The host that asks for it; empty: this one.
    pub origin: String,
}

impl NewBan {
    /// A ban that a firewall holds and the ledger does not know.
    pub fn held(target: Target, left: Option<Duration>, now: Time) -> Self {
        NewBan {
            ban: Ban {
                target,
                since: now,
                until: left.map(|left| now + left),
            },
            facts: vec![],
            event: None,
            said: None,
            origin: String::new(),
        }
    }
}

/// The result of entering a ban.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entered {
    /// The ban is new or longer: the firewall has to be told.
    New(Ban),
    /// It is no news; this ban of the address is in force.
    Known(Ban),
    /// It is no news, and the address is not banned.
    Nothing,
    /// It would have ended by now: its event was long ago, or it names an end in the past.
    Over,
}

impl Ledger {
    /// Enters those of `wanted` that are new, or longer than the present ban of their address, and
    /// have not ended by now; see [`Ban::onto`]. The firewall has then to be told.
    ///
    /// A ban that another host asks for is entered beside this host's own. One in force that a
    /// killed process has not printed is entered again as it is.
    pub fn ban(
        &mut self,
        backend: &str,
        wanted: &[NewBan],
        now: Time,
    ) -> Result<Vec<Entered>, Fault> {
        self.write_many(wanted.len())?;
        let unprinted = &mut self.unprinted;
        self.state
            .write(|db| Ok(enter(db, unprinted, backend, wanted, now)?))
    }

    /// Prepares to write this number of bans.
    pub(super) fn write_many(&self, number: usize) -> Result<(), Fault> {
        if number < BULK {
            return Ok(());
        }
        // To write back seldom is quicker, but each process that opens the file reads all that is
        // not yet written back.
        let seldom = "PRAGMA wal_autocheckpoint=4000";
        self.state.run(|db| db.execute_batch(seldom))
    }

    /// Enters those of these bans again that are still in force and that the firewall was told: it
    /// does not hold them, and has to be told again.
    pub fn put_back(&mut self, backend: &str, bans: &[Ban], now: Time) -> Result<(), Fault> {
        let unprinted = &mut self.unprinted;
        self.state.write(|db| {
            let (told, before) = (told(db, backend)?, highest(db)?);
            let mut last = before;
            for ban in bans {
                let found = longest(db, backend, &ban.target, Time::MAX, now)?;
                if let Some((id, _)) = found.filter(|(id, _)| *id <= told) {
                    last += 1;
                    renumber(db, id, last)?;
                }
            }
            match unprinted {
                Some(unprinted) if last > before => Ok(unprinted.note(db, before + 1..=last)?),
                _ => Ok(()),
            }
        })
    }
}

/// Enters bans; see [`Ledger::ban`].
pub(super) fn enter(
    db: &Connection,
    unprinted: &mut Option<Unprinted>,
    backend: &str,
    wanted: &[NewBan],
    now: Time,
) -> rusqlite::Result<Vec<Entered>> {
    let (mut changes, mut last) = (0, 0);
    let left = unprinted.as_ref().map(|u| u.left(db)).transpose()?;
    let left = left.unwrap_or_default();
    let mut entered = vec![Entered::Nothing; wanted.len()];
    // Neighbours share a page of the index.
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|i| wanted[*i].ban.target);
    let shared = wanted.iter().any(|new| !new.origin.is_empty()) || is_shared(db)?;
    let lifted = any_lifted(db)?;
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO ban
             (address, backend, since, until, ends, facts, origin, port)
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)",
    )?;
    // Of the last address a ban was in force: then most likely also of this one.
    let mut expect_old = false;
    for i in order {
        let new = &wanted[i];
        let ban = &new.ban;
        let until = ban.until.map(|t| t.0);
        let facts = Some(&new.facts).filter(|f| !f.is_empty());
        let over = ban.has_ended(now);
        if over && new.event.is_none() {
            entered[i] = Entered::Over;
            continue;
        }
        let others = match shared {
            true => longest(db, backend, &ban.target, Time::MAX, now)?,
            false => None,
        };
        let others = others.map(|(_, ban)| ban);
        if lifted && lifted_since(db, new, now)? {
            entered[i] = others.map_or(Entered::Nothing, Entered::Known);
            continue;
        }
        let address = ban.target.address.to_string();
        let key = (address.as_str(), ban.target.port);
        if over {
            if !is_known_event(db, backend, key, new, now)? {
                entered[i] = Entered::Over;
            }
            continue;
        }
        let find_old = || in_force(db, backend, key, &new.origin, now);
        let mut old = match expect_old {
            true => find_old()?,
            false => None,
        };
        let since = ban.since.0;
        let values = params![address, backend, since, until, facts, new.origin, key.1];
        let done = if old.is_none() && insert.execute(values)? > 0 {
            (last, expect_old) = (db.last_insert_rowid(), false);
            Entered::New(*ban)
        } else {
            if old.is_none() {
                old = find_old()?;
            }
            expect_old = old.is_some();
            if last == 0 {
                last = highest(db)?;
            }
            let mut done = replace(db, backend, key, new, old, now, last + 1)?;
            if let (Entered::Known(_), Some((id, ban))) = (done, old)
                && left.contains(id)
            {
                renumber(db, id, last + 1)?;
                done = Entered::New(ban);
            }
            last += i64::from(matches!(done, Entered::New(_)));
            done
        };
        changes += i64::from(matches!(done, Entered::New(_)));
        entered[i] = match (done, others) {
            // Beside a longer one it is no news.
            (Entered::New(ban), Some(other)) if ban.onto(Some(&other), now).is_none() => {
                Entered::Known(other)
            }
            (Entered::Nothing, Some(other)) => Entered::Known(other),
            (done, _) => done,
        };
    }
    if changes > 0 {
        if let Some(unprinted) = unprinted {
            unprinted.note(db, last - changes + 1..=last)?;
        }
        forget_some(db, changes, last, now)?;
    }
    Ok(entered)
}

/// Makes a ban the last one that was changed, so that its firewall is told of it.
fn renumber(db: &Connection, id: i64, last: i64) -> rusqlite::Result<()> {
    forget_reminder(db, id)?;
    let mut update = db.prepare_cached("UPDATE ban SET id = ? WHERE id = ?")?;
    update.execute([last, id]).map(drop)
}

/// Enters a ban of an address that had one before, under the number `id`; `old` is the one in
/// force, with its number.
fn replace(
    db: &Connection,
    backend: &str,
    key: (&str, u16),
    new: &NewBan,
    old: Option<(i64, Ban)>,
    now: Time,
    id: i64,
) -> rusqlite::Result<Entered> {
    let no_news = old.map_or(Entered::Nothing, |(_, old)| Entered::Known(old));
    let old_id = match old {
        Some((id, _)) => id,
        None => last_id(db, backend, key, &new.origin)?,
    };
    let tells_time = new.event.is_some() || new.said.is_some();
    if tells_time && is_old_news(db, old_id, new, now)? {
        return Ok(no_news);
    }
    let Some(ban) = new.ban.onto(old.map(|(_, old)| old).as_ref(), now) else {
        return Ok(no_news);
    };
    let until = ban.until.map(|t| t.0);
    let facts = Some(&new.facts).filter(|f| !f.is_empty());
    match old {
        Some(_) => forget_reminder(db, old_id)?,
        None => keep_past(db, old_id)?,
    }
    // A ban that is lengthened without evidence keeps its own.
    let mut update = db.prepare_cached(
        "UPDATE ban SET id = ?2, since = ?3, until = ?4, ends = ?4,
             facts = ifnull(?5, iif(?6, facts, NULL))
         WHERE id = ?1",
    )?;
    let (since, lasts) = (ban.since.0, old.is_some());
    update.execute(params![old_id, id, since, until, facts, lasts])?;
    Ok(Entered::New(ban))
}

/// Whether a ban was entered before for this event or a later one.
fn is_known_event(
    db: &Connection,
    backend: &str,
    key: (&str, u16),
    new: &NewBan,
    now: Time,
) -> rusqlite::Result<bool> {
    match last_id(db, backend, key, &new.origin).optional()? {
        Some(id) => is_old_news(db, id, new, now),
        None => Ok(false),
    }
}

/// Whether a ban in the ledger, in force or ended, makes a new one no news: it was for a later
/// event, or its host has lifted it since the new one began.
fn is_old_news(db: &Connection, id: i64, new: &NewBan, now: Time) -> rusqlite::Result<bool> {
    let mut query = db.prepare_cached("SELECT until, ends, facts FROM ban WHERE id = ?")?;
    query.query_row([id], |row| {
        let (planned, ends): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        let lifted = ends.filter(|_| ends != planned).map(Time);
        let lifted = lifted.filter(|lifted| *lifted <= now);
        let facts = row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default();
        let event = Record::with_fields(new.ban.target.address, &facts).get("at");
        let event = event.and_then(|at| Time::parse(&at));
        let is_later = event >= new.event && event.is_some_and(|event| event <= now);
        Ok(new.event.is_some() && is_later || new.said.is_some() && new.said <= lifted)
    })
}

/// Moves the ended ban of an address to the past ones; a note that a firewall has to lift it is
/// without object then.
fn keep_past(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut keep = db.prepare_cached(
        "INSERT INTO past (address, backend, since, until, ends, facts, port, origin)
         SELECT address, backend, since, until, ends, facts, port, origin FROM ban WHERE id = ?",
    )?;
    keep.execute([id])?;
    forget_reminder(db, id)
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

/// Whether any address was lifted by hand.
fn any_lifted(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM lifted LIMIT 1")?
        .exists([])
}

/// Whether the address was lifted by hand since its record says that the ban began. A lift in the
/// future, by a wrong clock, does not count: nobody could be banned until then.
fn lifted_since(db: &Connection, new: &NewBan, now: Time) -> rusqlite::Result<bool> {
    let Some(said) = new.said else {
        return Ok(false);
    };
    let query = "SELECT 1 FROM lifted WHERE address = ? AND at BETWEEN ? AND ?";
    let mut query = db.prepare_cached(query)?;
    query.exists(params![new.ban.target.address.to_string(), said.0, now.0])
}
