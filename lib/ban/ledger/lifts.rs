//! Bans that are lifted or get another end.

use rusqlite::{Connection, params};

use super::ban::Ban;
use super::enter::highest;
use super::forget::forget_reminder;
use super::rows::readable;
use super::store::Ledger;
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// A lift of another host's, of the ban that it asked for.
pub struct HostLift {
    /// The address or network.
    pub address: Address,
    /// The host; `*` lifts for all hosts, and this one.
    pub origin: String,
    /// When it was lifted there.
    pub at: Time,
}

/// The host that lifts for all.
const ALL: &str = "*";

impl Ledger {
    /// Sets the end of each address's bans, longer or shorter; a moment not after `now` lifts them.
    /// The firewalls have then to be told.
    ///
    /// `origin` names the host whose bans alone end; empty is this one. Without it a lift is
    /// remembered: records that are older are no news; see [`NewBan::said`](super::NewBan::said).
    ///
    /// Answers the resulting bans of each address, each with its firewall.
    pub fn end(
        &mut self,
        addresses: &[Address],
        origin: Option<&str>,
        until: Time,
        now: Time,
    ) -> Result<Vec<Vec<(String, Ban)>>, Fault> {
        self.state.write(|db| {
            let mut changed = Vec::with_capacity(addresses.len());
            for address in addresses {
                let ended = end(db, address, origin, until, now)?;
                if !ended.is_empty() && origin.is_none() && until <= now {
                    remember(db, address, now)?;
                }
                changed.push(ended);
            }
            Ok(changed)
        })
    }

    /// Lifts the bans that hosts have asked for in this firewall, which has then to be told. A ban
    /// that began after its lift stays. Answers for each whether there was a ban to lift.
    pub fn lift_for_hosts(
        &mut self,
        backend: &str,
        lifts: &[HostLift],
        now: Time,
    ) -> Result<Vec<bool>, Fault> {
        self.state.write(|db| {
            let mut done = Vec::with_capacity(lifts.len());
            for lift in lifts {
                let origin = (lift.origin != ALL).then_some(lift.origin.as_str());
                let at = lift.at.min(now);
                if origin.is_none() {
                    remember(db, &lift.address, at)?;
                }
                let mut query = db.prepare_cached(
                    "SELECT id FROM ban WHERE address = ?1 AND backend = ?2
                     AND origin = ifnull(?3, origin) AND since / 1000000 <= ?4 / 1000000
                     AND (ends IS NULL OR ends > ?5)",
                )?;
                let values = params![lift.address.to_string(), backend, origin, at.0, now.0];
                let ids = query.query_map(values, |row| row.get(0))?;
                let ids = ids.collect::<rusqlite::Result<Vec<i64>>>()?;
                for id in &ids {
                    set_end(db, *id, at, now)?;
                }
                done.push(!ids.is_empty());
            }
            Ok(done)
        })
    }

    /// The addresses of the bans in force that a host has asked for.
    pub fn addresses_of(&self, origin: &str, now: Time) -> Result<Vec<Address>, Fault> {
        let bans = self.current(now, Some(origin))?;
        let mut addresses: Vec<Address> = bans.iter().map(|d| d.ban.address).collect();
        addresses.dedup();
        Ok(addresses)
    }
}

/// Sets the end of an address's bans; answers them with their firewalls.
fn end(
    db: &Connection,
    address: &Address,
    origin: Option<&str>,
    until: Time,
    now: Time,
) -> rusqlite::Result<Vec<(String, Ban)>> {
    // Also a ban that has ended, if its firewall has still to lift it.
    let mut query = db.prepare_cached(
        "SELECT id, backend, address, since, ends FROM ban
         WHERE address = ?1 AND origin = ifnull(?3, origin)
         AND (ends IS NULL OR ends > ?2 OR id IN (SELECT ban FROM later)
             OR id > ifnull((SELECT ban FROM told WHERE backend = ban.backend), 0))",
    )?;
    let values = params![address.to_string(), now.0, origin];
    let found: Vec<(i64, String, Ban)> = readable(query.query_map(values, |row| {
        Ok((row.get(0)?, row.get(1)?, Ban::read(row, 2)?))
    })?)?;
    let mut changed: Vec<(String, Ban)> = Vec::new();
    for (id, backend, ban) in found {
        set_end(db, id, until, now)?;
        let until = Some(until);
        if changed.iter().all(|(known, _)| *known != backend) {
            changed.push((backend, Ban { until, ..ban }));
        }
    }
    Ok(changed)
}

/// Gives a ban this end and the highest number, because its firewall has to be told of it. A lifted
/// ban remembers when it was to end.
fn set_end(db: &Connection, id: i64, until: Time, now: Time) -> rusqlite::Result<()> {
    forget_reminder(db, id)?;
    let last = highest(db)? + 1;
    let mut update = db.prepare_cached(
        "UPDATE ban SET id = ?2, ends = ?3, until = iif(?3 > ?4, ?3, until) WHERE id = ?1",
    )?;
    update.execute(params![id, last, until.0, now.0]).map(drop)
}

/// Remembers that an address was lifted for all hosts.
fn remember(db: &Connection, address: &Address, at: Time) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO lifted VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET at = excluded.at WHERE at < excluded.at",
    )?;
    insert.execute(params![address.to_string(), at.0]).map(drop)
}
