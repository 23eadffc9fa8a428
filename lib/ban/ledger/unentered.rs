//! Bans and lifts that were made without the ledger are entered.
//!
//! No clock tells which change was the last one of a target, since it may have been set: a firewall
//! whose lock is held was told all changes up to a number, and none above that.

use std::time::Duration;

use rusqlite::params;

use super::batch::enter;
use super::lifts::{remember, set_end};
use super::new_ban::NewBan;
use super::rows::{highest, told};
use super::store::Ledger;
use super::told::{last_after, note_told};
use crate::target::Target;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// Bans that are entered within this time have the ends that the firewall has.
const QUICK: Duration = Duration::from_secs(1);

impl Ledger {
    /// Enters bans that a firewall holds, each with the time that was left after the moment
    /// `begun`. The firewall's lock is held.
    ///
    /// A target with a change that the firewall has still to be told is passed over: it holds an
    /// older ban. If there is no such change at all, the firewall counts as told of these bans too;
    /// but not if it took long to read them, and their ends are not the same.
    pub fn enter_bans(
        &mut self,
        backend: &str,
        held: &[(Target, Option<Duration>)],
        begun: Time,
    ) -> Result<(), Fault> {
        self.write_many(held.len())?;
        let now = Time::now();
        self.state.write(|db| {
            let told = told(db, backend)?;
            let is_told_all = last_after(db, backend, told)?.is_none();
            let have_ends = (begun..begun + QUICK).contains(&now);
            let mut later = db.prepare_cached("SELECT 1 FROM later WHERE backend = ?")?;
            let has_none = is_told_all && !later.exists([backend])?;
            let mut pending = db.prepare_cached(
                "SELECT 1 FROM ban WHERE address = ?1 AND backend = ?2 AND port = ?3
                 AND (id > ?4
                     OR (ends <= ?5 OR ends IS NOT until) AND id IN (SELECT ban FROM later))",
            )?;
            let mut bans = Vec::with_capacity(held.len());
            for (target, left) in held {
                let address = target.address.to_string();
                let change = params![address, backend, target.port, told, now.0];
                if has_none || !pending.exists(change)? {
                    bans.push(NewBan::held(*target, *left, begun));
                }
            }
            enter(db, &mut None, backend, &bans, now)?;
            if is_told_all && have_ends {
                note_told(db, backend, highest(db)?)?;
            }
            Ok(())
        })
    }

    /// Enters lifts that a firewall has kept, by hand and for all hosts.
    ///
    /// If it was told all else, it counts as told of these too: it has made them, and a lift that
    /// it is told later would lift a ban that is made without the ledger until then.
    ///
    /// A lift of an address without a ban is remembered too: a process may have a ban that is
    /// older, and enter it later.
    pub fn enter_lifts(&mut self, backend: &str, lifts: &[Target]) -> Result<(), Fault> {
        let now = Time::now();
        self.state.write(|db| {
            let is_told_all = last_after(db, backend, told(db, backend)?)?.is_none();
            let mut find = db.prepare_cached(
                "SELECT id FROM ban WHERE address = ?1 AND backend = ?2 AND port = ?3
                 AND (ends IS NULL OR ends > ?4) AND ends IS until",
            )?;
            for target in lifts {
                let address = target.address.to_string();
                let ban = params![address, backend, target.port, now.0];
                let ids = find.query_map(ban, |row| row.get(0))?;
                let ids: Vec<i64> = ids.collect::<rusqlite::Result<_>>()?;
                for id in &ids {
                    set_end(db, *id, now, now)?;
                }
                if target.port == 0 {
                    remember(db, &target.address, now)?;
                }
            }
            if is_told_all && !lifts.is_empty() {
                note_told(db, backend, highest(db)?)?;
            }
            Ok(())
        })
    }

    /// Gives bans the ends that a firewall has, each with the time that was left after the moment
    /// `begun`: earlier ones for all hosts, and later ones. Without any time left one has ended.
    /// The firewall has then to be told.
    pub fn enter_ends(
        &mut self,
        backend: &str,
        held: &[(Target, Option<Duration>)],
        begun: Time,
    ) -> Result<(), Fault> {
        let now = Time::now();
        self.state.write(|db| {
            let mut find = db.prepare_cached(
                "SELECT id FROM ban WHERE address = ?1 AND backend = ?2 AND port = ?3
                 AND (ends IS NULL OR ends > max(?4, ?5)) AND ends IS until",
            )?;
            let mut bans = Vec::with_capacity(held.len());
            for (target, left) in held {
                let new = NewBan::held(*target, *left, begun);
                if let Some(until) = new.ban.until {
                    let address = target.address.to_string();
                    let later = params![address, backend, target.port, now.0, until.0];
                    let ids = find.query_map(later, |row| row.get(0))?;
                    let ids: Vec<i64> = ids.collect::<rusqlite::Result<_>>()?;
                    for id in ids {
                        set_end(db, id, until, now)?;
                    }
                }
                if *left != Some(Duration::ZERO) {
                    bans.push(new);
                }
            }
            enter(db, &mut None, backend, &bans, now)?;
            Ok(())
        })
    }
}
