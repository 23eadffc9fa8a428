//! A ban to be entered, and the bans that its address had before.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::ban::Ban;
use super::forget::forget_reminder;
use super::rows::last_id;
use crate::target::Target;
use pipeban::record::Record;
use pipeban::time::Time;

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

/// The row that a host's ban of an address takes, which had one before, and whether it is news;
/// `old` is the one in force, with its number.
pub(super) fn judge(
    db: &Connection,
    backend: &str,
    key: (&str, u16),
    new: &NewBan,
    old: Option<(i64, Ban)>,
    now: Time,
) -> rusqlite::Result<(i64, Entered)> {
    let no_news = old.map_or(Entered::Nothing, |(_, old)| Entered::Known(old));
    let old_id = match old {
        Some((id, _)) => id,
        None => last_id(db, backend, key, &new.origin)?,
    };
    let tells_time = new.event.is_some() || new.said.is_some();
    if tells_time && is_old_news(db, old_id, new, now)? {
        return Ok((old_id, no_news));
    }
    let ban = new.ban.onto(old.map(|(_, old)| old).as_ref(), now);
    Ok((old_id, ban.map_or(no_news, Entered::New)))
}

/// Gives a row to another ban, with a number. One that is lengthened without evidence keeps its
/// own.
pub(super) const REPLACE: &str = "UPDATE ban SET id = ?2, since = ?3, until = ?4, ends = ?4,
    facts = ifnull(?5, iif(?6, facts, NULL)) WHERE id = ?1";

/// Whether a ban was entered before for this event or a later one.
pub(super) fn is_known_event(
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
pub(super) fn keep_past(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut keep = db.prepare_cached(
        "INSERT INTO past (address, backend, since, until, ends, facts, port, origin)
         SELECT address, backend, since, until, ends, facts, port, origin FROM ban WHERE id = ?",
    )?;
    keep.execute([id])?;
    forget_reminder(db, id)
}

/// Whether the address was lifted by hand since its record says that the ban began. A lift in the
/// future, by a wrong clock, does not count: nobody could be banned until then.
pub(super) fn lifted_since(db: &Connection, new: &NewBan, now: Time) -> rusqlite::Result<bool> {
    let Some(said) = new.said else {
        return Ok(false);
    };
    let query = "SELECT 1 FROM lifted WHERE address = ? AND at BETWEEN ? AND ?";
    let mut query = db.prepare_cached(query)?;
    query.exists(params![new.ban.target.address.to_string(), said.0, now.0])
}
