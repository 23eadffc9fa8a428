//! Bans that are lifted or get another end.

use rusqlite::{Connection, Row, params};

use super::ban::Ban;
use super::forget::forget_reminder;
use super::rows::{highest, readable};
use super::store::Ledger;
use super::unprinted::{Left, Unprinted};
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// A lift of another host's, of the ban that it asked for.
pub struct HostLift {
    /// The address or network.
    pub address: Address,
    /// The ports; none is all of them.
    pub ports: Vec<u16>,
    /// The host; `*` lifts for all hosts, and this one.
    pub origin: String,
    /// When it was lifted there.
    pub at: Time,
}

/// The bans that end: those of one host, or for some ports.
#[derive(Clone, Copy, Default)]
pub struct Whose<'a> {
    /// The host that asked for them, empty is this one; `None`: all hosts.
    pub origin: Option<&'a str>,
    /// The ports; none: bans for all ports and those for single ones.
    pub ports: &'a [u16],
}

/// The host that lifts for all.
const ALL: &str = "*";

impl Ledger {
    /// Sets the end of each address's bans, longer or shorter; a moment not after `now` lifts them.
    /// The firewalls have then to be told.
    ///
    /// A lift for all hosts and ports is remembered: records that are older are no news; see
    /// [`NewBan::said`](super::NewBan::said).
    ///
    /// Answers the resulting bans of each address, each with its firewall.
    pub fn end(
        &mut self,
        addresses: &[Address],
        Whose { origin, ports }: Whose,
        until: Time,
        now: Time,
    ) -> Result<Vec<Vec<(String, Ban)>>, Fault> {
        let unprinted = &mut self.unprinted;
        self.state.write(|db| {
            let mut changed = vec![vec![]; addresses.len()];
            // Neighbours share a page of the index.
            let mut order: Vec<usize> = (0..addresses.len()).collect();
            order.sort_by_key(|i| addresses[*i]);
            let before = highest(db)?;
            let left = match until <= now {
                true => unprinted.as_ref().map(|u| u.left(db)).transpose()?,
                false => None,
            };
            let left = left.unwrap_or_default();
            for i in order {
                let address = &addresses[i];
                let ended = end(db, address, origin, until, now, ports, &left)?;
                if !ended.is_empty() && origin.is_none() && ports.is_empty() && until <= now {
                    remember(db, address, now)?;
                }
                changed[i] = ended;
            }
            note_changes(db, unprinted, before)?;
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
        let unprinted = &mut self.unprinted;
        self.state.write(|db| {
            let mut done = Vec::with_capacity(lifts.len());
            let before = highest(db)?;
            let left = unprinted.as_ref().map(|u| u.left(db)).transpose()?;
            let left = left.unwrap_or_default();
            for lift in lifts {
                let origin = (lift.origin != ALL).then_some(lift.origin.as_str());
                let at = lift.at.min(now);
                if origin.is_none() {
                    remember(db, &lift.address, at)?;
                }
                let mut query = db.prepare_cached(
                    "SELECT id, port, ends IS until AND (ends IS NULL OR ends > ?5) FROM ban
                     WHERE address = ?1 AND backend = ?2
                     AND origin = ifnull(?3, origin) AND since / 1000000 <= ?4 / 1000000",
                )?;
                let values = params![lift.address.to_string(), backend, origin, at.0, now.0];
                let read = |row: &Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                let rows = query.query_map(values, read)?;
                let mut ids = rows.collect::<rusqlite::Result<Vec<(i64, u16, bool)>>>()?;
                ids.retain(|(id, port, lasts)| {
                    (*lasts || left.contains(*id))
                        && (lift.ports.is_empty() || lift.ports.contains(port))
                });
                for (id, ..) in &ids {
                    set_end(db, *id, at, now)?;
                }
                done.push(!ids.is_empty());
            }
            note_changes(db, unprinted, before)?;
            Ok(done)
        })
    }

    /// The addresses of the bans in force that a host has asked for.
    pub fn addresses_of(&self, origin: &str, now: Time) -> Result<Vec<Address>, Fault> {
        let bans = self.current(now, Some(origin))?;
        let mut addresses: Vec<Address> = bans.iter().map(|d| d.ban.target.address).collect();
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
    ports: &[u16],
    left: &Left,
) -> rusqlite::Result<Vec<(String, Ban)>> {
    // Also a ban that has ended, if its firewall has still to lift it.
    let mut query = db.prepare_cached(
        "SELECT id, backend, address, port, since, ends,
             ends IS until AND (ends IS NULL OR ends > ?2)
             OR id IN (SELECT ban FROM later)
             OR id > ifnull((SELECT ban FROM told WHERE backend = ban.backend), 0)
         FROM ban WHERE address = ?1 AND origin = ifnull(?3, origin)",
    )?;
    let values = params![address.to_string(), now.0, origin];
    let found: Vec<(i64, String, Ban, bool)> = readable(query.query_map(values, |row| {
        Ok((row.get(0)?, row.get(1)?, Ban::read(row, 2)?, row.get(6)?))
    })?)?;
    let mut changed: Vec<(String, Ban)> = Vec::new();
    for (id, backend, ban, has_to_be_lifted) in found {
        if !has_to_be_lifted && !left.contains(id) {
            continue;
        }
        if !ports.is_empty() && !ports.contains(&ban.target.port) {
            continue;
        }
        set_end(db, id, until, now)?;
        let until = Some(until);
        let is_known =
            |(known, other): &(String, Ban)| *known == backend && other.target == ban.target;
        if !changed.iter().any(is_known) {
            let since = ban.since.min(now);
            changed.push((
                backend,
                Ban {
                    since,
                    until,
                    ..ban
                },
            ));
        }
    }
    Ok(changed)
}

/// Notes that the changes after the one with this number have still to be printed.
fn note_changes(
    db: &Connection,
    unprinted: &mut Option<Unprinted>,
    before: i64,
) -> rusqlite::Result<()> {
    let last = highest(db)?;
    match unprinted {
        Some(unprinted) if last > before => unprinted.note(db, before + 1..=last),
        _ => Ok(()),
    }
}

/// Gives a ban this end and the highest number, because its firewall has to be told of it. A lifted
/// ban remembers when it was to end. One that began in the future, by a wrong clock, begins now:
/// else nothing would be left of it.
pub(super) fn set_end(db: &Connection, id: i64, until: Time, now: Time) -> rusqlite::Result<()> {
    forget_reminder(db, id)?;
    let mut update = db.prepare_cached(
        "UPDATE ban SET id = (SELECT max(id) + 1 FROM ban), ends = ?2,
             until = iif(?2 > ?3, ?2, until), since = iif(?2 > ?3, min(since, ?3), since)
         WHERE id = ?1",
    )?;
    update.execute(params![id, until.0, now.0]).map(drop)
}

/// Remembers that an address was lifted for all hosts.
pub(super) fn remember(db: &Connection, address: &Address, at: Time) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO lifted VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET at = excluded.at WHERE at < excluded.at",
    )?;
    insert.execute(params![address.to_string(), at.0]).map(drop)
}
