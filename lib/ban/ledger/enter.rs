//! Changes of bans: new ones, longer ones, and ends.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::ban::Ban;
use super::forget::{forget_reminder, forget_some};
use super::store::{Ledger, find, readable};
use pipeban::address::Address;
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
}

impl NewBan {
    /// A ban that a firewall holds and the ledger does not know.
    pub fn held(address: Address, left: Option<Duration>, now: Time) -> Self {
        NewBan {
            ban: Ban {
                address,
                since: now,
                until: left.map(|left| now + left),
            },
            facts: vec![],
            event: None,
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
}

impl Ledger {
    /// Enters those of `wanted` that are new, or longer than the present ban of their address, and
    /// have not ended by now; see [`Ban::onto`]. The firewall has then to be told.
    pub fn ban(
        &mut self,
        backend: &str,
        wanted: &[NewBan],
        now: Time,
    ) -> Result<Vec<Entered>, Fault> {
        if wanted.len() >= BULK {
            // To write back seldom is quicker, but each process that opens the file reads all that
            // is not yet written back.
            let seldom = "PRAGMA wal_autocheckpoint=4000";
            self.state.run(|db| db.execute_batch(seldom))?;
        }
        self.state.write(|db| {
            let (mut changes, mut last) = (0, 0);
            let mut entered = vec![Entered::Nothing; wanted.len()];
            // Neighbours share a page of the index.
            let mut order: Vec<usize> = (0..wanted.len()).collect();
            order.sort_by_key(|i| wanted[*i].ban.address);
            let mut insert = db.prepare_cached(
                "INSERT OR IGNORE INTO ban (address, backend, since, until, ends, facts)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?;
            // Of the last address a ban was in force: then most likely also of this one.
            let mut expect_old = false;
            for i in order {
                let new = &wanted[i];
                let ban = &new.ban;
                let until = ban.until.map(|t| t.0);
                let facts = Some(&new.facts).filter(|f| !f.is_empty());
                if ban.has_ended(now) {
                    continue;
                }
                let address = ban.address.to_string();
                let find_old = || find(db, backend, &address, Time(i64::MAX), now);
                let mut old = match expect_old {
                    true => find_old()?,
                    false => None,
                };
                if old.is_none() {
                    let values = params![address, backend, ban.since.0, until, facts];
                    if insert.execute(values)? > 0 {
                        entered[i] = Entered::New(*ban);
                        (last, expect_old) = (db.last_insert_rowid(), false);
                        changes += 1;
                        continue;
                    }
                    old = find_old()?;
                }
                expect_old = old.is_some();
                if last == 0 {
                    last = highest(db)?;
                }
                entered[i] = replace(db, backend, &address, new, old, now, last + 1)?;
                let is_new = matches!(entered[i], Entered::New(_));
                last += i64::from(is_new);
                changes += i64::from(is_new);
            }
            if changes > 0 {
                forget_some(db, changes, last, now)?;
            }
            Ok(entered)
        })
    }

    /// Sets the end of each address's bans, longer or shorter; a moment not after `now` lifts them.
    /// The firewalls have then to be told.
    ///
    /// Answers the resulting bans of each address, each with its firewall.
    pub fn end(
        &mut self,
        addresses: &[Address],
        until: Time,
        now: Time,
    ) -> Result<Vec<Vec<(String, Ban)>>, Fault> {
        self.state.write(|db| {
            let mut changed = Vec::with_capacity(addresses.len());
            for address in addresses {
                changed.push(end(db, address, until, now)?);
            }
            Ok(changed)
        })
    }
}

/// Enters a ban of an address that had one before, under the number `id`; `old` is the one in
/// force, with its number.
fn replace(
    db: &Connection,
    backend: &str,
    address: &str,
    new: &NewBan,
    old: Option<(i64, Ban)>,
    now: Time,
    id: i64,
) -> rusqlite::Result<Entered> {
    let no_news = old.map_or(Entered::Nothing, |(_, old)| Entered::Known(old));
    if let Some(event) = new.event
        && last_event(db, address, backend)?.is_some_and(|last| event <= last && last <= now)
    {
        return Ok(no_news);
    }
    let Some(ban) = new.ban.onto(old.map(|(_, old)| old).as_ref()) else {
        return Ok(no_news);
    };
    let until = ban.until.map(|t| t.0);
    let facts = Some(&new.facts).filter(|f| !f.is_empty());
    if let Some((old_id, _)) = old {
        forget_reminder(db, old_id)?;
        // A ban that is lengthened without evidence keeps its own.
        let mut update = db.prepare_cached(
            "UPDATE ban SET id = ?5, since = ?2, until = ?3, ends = ?3, facts = ifnull(?4, facts)
             WHERE id = ?1",
        )?;
        update.execute(params![old_id, ban.since.0, until, facts, id])?;
    } else {
        keep_past(db, address, backend)?;
        let mut update = db.prepare_cached(
            "UPDATE ban SET id = ?6, since = ?3, until = ?4, ends = ?4, facts = ?5
             WHERE address = ?1 AND backend = ?2",
        )?;
        update.execute(params![address, backend, ban.since.0, until, facts, id])?;
    }
    Ok(Entered::New(ban))
}

/// Moves the ended ban of an address to the past ones; a note that a firewall has to lift it is
/// without object then.
fn keep_past(db: &Connection, address: &str, backend: &str) -> rusqlite::Result<()> {
    let mut keep = db.prepare_cached(
        "INSERT INTO past (address, backend, since, until, ends, facts)
         SELECT address, backend, since, until, ends, facts FROM ban
         WHERE address = ?1 AND backend = ?2",
    )?;
    keep.execute([address, backend])?;
    let mut delete = db.prepare_cached(
        "DELETE FROM later WHERE ban = (SELECT id FROM ban WHERE address = ?1 AND backend = ?2)",
    )?;
    delete.execute([address, backend]).map(drop)
}

/// The highest number of a ban.
pub(super) fn highest(db: &Connection) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached("SELECT ifnull(max(id), 0) FROM ban")?;
    query.query_row([], |row| row.get(0))
}

/// The time of the event for which an address was banned last, if its record said so.
fn last_event(db: &Connection, address: &str, backend: &str) -> rusqlite::Result<Option<Time>> {
    let mut query = db.prepare_cached("SELECT facts FROM ban WHERE address = ? AND backend = ?")?;
    let facts: Option<Vec<u8>> = query.query_row([address, backend], |row| row.get(0))?;
    let line = [address.as_bytes(), &facts.unwrap_or_default()].concat();
    let record = Record::parse(&line).ok().flatten();
    Ok(record.and_then(|r| Time::parse(&r.get("at")?)))
}

/// Gives a ban the highest number, because its firewall has to be told of it.
fn renumber(db: &Connection, address: &str, backend: &str) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached("SELECT id FROM ban WHERE address = ? AND backend = ?")?;
    let id = query.query_row([address, backend], |row| row.get(0))?;
    forget_reminder(db, id)?;
    let last = highest(db)? + 1;
    let mut update = db.prepare_cached("UPDATE ban SET id = ? WHERE id = ?")?;
    update.execute([last, id])?;
    Ok(last)
}

/// Sets the end of an address's bans; answers them with their firewalls.
fn end(
    db: &Connection,
    address: &Address,
    until: Time,
    now: Time,
) -> rusqlite::Result<Vec<(String, Ban)>> {
    let text = address.to_string();
    // Also a ban that has ended, if its firewall has still to lift it.
    let mut query = db.prepare_cached(
        "SELECT backend, address, since, ends FROM ban
         WHERE address = ? AND (ends IS NULL OR ends > ? OR id IN (SELECT ban FROM later)
             OR id > ifnull((SELECT ban FROM told WHERE backend = ban.backend), 0))",
    )?;
    let found: Vec<(String, Ban)> = readable(query.query_map(params![text, now.0], |row| {
        Ok((row.get(0)?, Ban::read(row, 1)?))
    })?)?;
    let mut changed = Vec::new();
    for (backend, ban) in found {
        renumber(db, &text, &backend)?;
        // A lifted ban remembers when it was to end.
        let mut update = db.prepare_cached(
            "UPDATE ban SET ends = ?3, until = iif(?3 > ?4, ?3, until)
             WHERE address = ?1 AND backend = ?2",
        )?;
        update.execute(params![text, backend, until.0, now.0])?;
        let until = Some(until);
        changed.push((backend, Ban { until, ..ban }));
    }
    Ok(changed)
}
