//! Changes of bans: new ones, longer ones, and ends.

use rusqlite::{Connection, params};

use super::forget::{forget_reminder, forget_some};
use super::{Ban, Ledger, find};
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

impl Ledger {
    /// Enters those of `wanted` that are new, or longer than the present ban of their address, and
    /// have not ended by now; the firewall has then to be told.
    ///
    /// Answers the resulting ban of each that was entered; see [`Ban::onto`].
    pub fn ban(
        &mut self,
        backend: &str,
        wanted: &[NewBan],
        now: Time,
    ) -> Result<Vec<Option<Ban>>, Fault> {
        if wanted.len() >= BULK {
            // To write back seldom is quicker, but each process that opens the file reads all that
            // is not yet written back.
            let seldom = "PRAGMA wal_autocheckpoint=4000";
            self.state.run(|db| db.execute_batch(seldom))?;
        }
        self.state.write(|db| {
            let (mut changes, mut last) = (0, 0);
            let mut entered = vec![None; wanted.len()];
            // Neighbours share a page of the index.
            let mut order: Vec<usize> = (0..wanted.len()).collect();
            order.sort_by_key(|i| wanted[*i].ban.address);
            let mut insert = db.prepare_cached(
                "INSERT OR IGNORE INTO ban (address, backend, since, until, ends, facts)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?;
            for i in order {
                let entry = &wanted[i];
                let ban = &entry.ban;
                let address = ban.address.to_string();
                let until = ban.until.map(|t| t.0);
                let facts = Some(&entry.facts).filter(|f| !f.is_empty());
                if ban.has_ended(now) {
                    continue;
                }
                let values = params![address, backend, ban.since.0, until, facts];
                let change = match insert.execute(values)? {
                    0 => replace(db, backend, entry, facts, now)?,
                    _ => Some((db.last_insert_rowid(), *ban)),
                };
                if let Some((id, ban)) = change {
                    entered[i] = Some(ban);
                    last = id;
                    changes += 1;
                }
            }
            forget_some(db, changes, last, now)?;
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

/// Enters a ban of an address that had one before; answers the resulting ban with its number.
fn replace(
    db: &Connection,
    backend: &str,
    entry: &NewBan,
    facts: Option<&Vec<u8>>,
    now: Time,
) -> rusqlite::Result<Option<(i64, Ban)>> {
    let ban = &entry.ban;
    let address = ban.address.to_string();
    if let Some(event) = entry.event
        && last_event(db, &address, backend)?.is_some_and(|last| event <= last && last <= now)
    {
        return Ok(None);
    }
    let old = find(db, backend, &ban.address, Time(i64::MAX), now)?;
    if old.is_none() {
        let mut keep = db.prepare_cached(
            "INSERT INTO past (address, backend, since, until, ends, facts)
             SELECT address, backend, since, until, ends, facts FROM ban
             WHERE address = ? AND backend = ?",
        )?;
        keep.execute([address.as_str(), backend])?;
    }
    let Some(new) = ban.onto(old.map(|(_, old)| old).as_ref()) else {
        return Ok(None);
    };
    let id = renumber(db, &address, backend)?;
    let mut update = db.prepare_cached(
        "UPDATE ban SET since = ?3, until = ?4, ends = ?4, facts = ifnull(?5, iif(?6, facts, NULL))
         WHERE address = ?1 AND backend = ?2",
    )?;
    let until = new.until.map(|t| t.0);
    // A ban that is lengthened without evidence keeps its own.
    let lengthened = old.is_some();
    update.execute(params![
        address,
        backend,
        new.since.0,
        until,
        facts,
        lengthened
    ])?;
    Ok(Some((id, new)))
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
    let mut query = db.prepare_cached("SELECT max(id) + 1 FROM ban")?;
    let highest = query.query_row([], |row| row.get(0))?;
    let mut update = db.prepare_cached("UPDATE ban SET id = ? WHERE id = ?")?;
    update.execute([highest, id])?;
    Ok(highest)
}

/// Sets the end of an address's bans; answers them with their firewalls.
fn end(
    db: &Connection,
    address: &Address,
    until: Time,
    now: Time,
) -> rusqlite::Result<Vec<(String, Ban)>> {
    let text = address.to_string();
    let mut query = db.prepare_cached(
        "SELECT backend, address, since, ends FROM ban
         WHERE address = ? AND (ends IS NULL OR ends > ?)",
    )?;
    let found: Vec<(String, Ban)> = query
        .query_map(params![text, now.0], |row| {
            Ok((row.get(0)?, Ban::read(row, 1)?))
        })?
        .collect::<Result<_, _>>()?;
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
