//! The open ledger, and questions to it.

use std::ops::RangeInclusive;
use std::path::Path;

use rusqlite::{Params, ToSql, params};

use super::ban::{Ban, BanDetails, DETAILS};
use super::lock::{BackendLock, LockFile};
use super::recent::Recent;
use super::rows::{longest, readable};
use super::unprinted::{Printing, Unprinted};
use crate::target::Target;
use pipeban::address::Address;
use pipeban::complain::{self, Fault, describe};
use pipeban::state::{self, State};
use pipeban::time::Time;

// Times are microseconds since 1970. Each change gives a ban a new number, the highest so far: so
// the bans that a firewall has not been told are a range, and a new ban is entered by one
// statement.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS ban (        -- an address's last ban, by firewall and host
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    port INTEGER NOT NULL DEFAULT 0,    -- 0: all
    origin TEXT NOT NULL DEFAULT '',    -- the host that asked for it; '': this one
    since INTEGER NOT NULL,
    until INTEGER,                      -- the planned end; NULL: until lifted
    ends INTEGER,                       -- the same, or the moment of the lift
    facts BLOB,                         -- fields of the record: count=, rule=, line=, ...
    UNIQUE (address, backend, port, origin)
);
CREATE INDEX IF NOT EXISTS ban_origin ON ban (origin) WHERE origin <> '';
CREATE TABLE IF NOT EXISTS past (       -- earlier bans
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    ends INTEGER,
    facts BLOB,
    port INTEGER NOT NULL DEFAULT 0,
    origin TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS past_address ON past (address);
CREATE TABLE IF NOT EXISTS lifted (     -- addresses that anybody has lifted by hand
    address TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (
    backend TEXT PRIMARY KEY,
    ban INTEGER NOT NULL                -- the firewall was told all bans up to this id
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS day (        -- days since 1970 on which bans were entered
    number INTEGER PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS state (      -- in which a firewall held all bans that it was told
    backend TEXT PRIMARY KEY,
    state TEXT NOT NULL,                -- as the firewall names it
    clock INTEGER NOT NULL              -- of the time of day ahead of the time since the boot
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS later (      -- bans that a firewall has to lift when they end
    ban INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    due INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS unprinted (  -- changes that a process has still to print
    process INTEGER NOT NULL,           -- locked in the lock file while it lives
    command TEXT NOT NULL,              -- a second run of the same prints them
    first INTEGER,                      -- the ids of the bans
    last INTEGER,
    address TEXT,                       -- or a target that is not in the ledger
    port INTEGER,
    at INTEGER NOT NULL
);
";

/// The bans of this machine.
pub struct Ledger {
    pub(super) state: State,
    /// `None` if the ledger is only read.
    lock: Option<LockFile>,
    /// `None` if this process prints none of its changes.
    pub(super) unprinted: Option<Unprinted>,
    pub(super) recent: Recent,
}

impl Ledger {
    /// Opens the ledger in the state file, made if need be; see [`State::open`].
    pub fn open(state_file: Option<&Path>) -> Result<Self, Fault> {
        let state = State::open(state_file, SCHEMA)?;
        // Bans in bulk touch the whole index again and again. A statement that makes many longer
        // keeps the pages as they were before it: in memory, not in a file.
        let words = "PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY";
        state.run(|db| db.execute_batch(words))?;
        let lock = Some(LockFile::open(state.path())?);
        Ok(Ledger {
            state,
            lock,
            unprinted: None,
            recent: Recent::default(),
        })
    }

    /// Opens the ledger; a damaged file is set aside, which is reported, and a new one is made.
    pub fn open_or_replace(state_file: Option<&Path>) -> Result<Self, Fault> {
        let opened = Self::open(state_file);
        let path = state::path(state_file);
        if opened.is_err() && state::is_damaged(&path) {
            Self::replace(&path)?;
            return Self::open(state_file);
        }
        opened
    }

    /// Sets a damaged state file aside, if no other process did so first, and reports it.
    pub fn replace(path: &Path) -> Result<(), Fault> {
        match state::set_aside(path) {
            Ok(Some(aside)) => {
                let text = format!("it is damaged, and now {}", aside.display());
                complain::error(path.display(), text);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(e) => Err(Fault::new(path.display(), describe(&e))),
        }
    }

    /// Opens the ledger to read it only; `None` where there is none yet.
    pub fn look(state_file: Option<&Path>) -> Result<Option<Self>, Fault> {
        let Some(state) = State::look(state_file)? else {
            return Ok(None);
        };
        let is_there = state.run(|db| db.table_exists(None, "told"))?;
        Ok(is_there.then_some(Ledger {
            state,
            lock: None,
            unprinted: None,
            recent: Recent::default(),
        }))
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        self.state.path()
    }

    /// Whether the state file was deleted, or another one has its name; that is reported.
    pub fn is_replaced(&self) -> bool {
        let is_replaced = self.state.is_replaced();
        if is_replaced {
            let text = "it was deleted or replaced: it is opened anew";
            complain::note(self.path().display(), text);
        }
        is_replaced
    }

    /// From now on this process prints the changes that it enters, and says when it has:
    /// [`printed`](Self::printed). If it is killed before, a second run of the same kind prints
    /// them.
    pub fn prints(&mut self, kind: Printing) -> Result<(), Fault> {
        if let Some(file) = &self.lock {
            self.unprinted = Some(Unprinted::new(kind, file)?);
        }
        Ok(())
    }

    /// All changes of this process were printed. It is noted with the next ones, or by
    /// [`forget_printed`](Self::forget_printed).
    pub fn printed(&mut self) {
        self.unprinted.iter_mut().for_each(Unprinted::printed);
    }

    /// Whether anything was printed that is not noted as such.
    pub fn has_printed(&self) -> bool {
        self.unprinted.as_ref().is_some_and(Unprinted::is_printed)
    }

    /// Notes which changes were printed.
    pub fn forget_printed(&mut self) -> Result<(), Fault> {
        let unprinted = self.unprinted.as_mut().filter(|u| u.is_printed());
        let Some(unprinted) = unprinted else {
            return Ok(());
        };
        self.state.write(|db| Ok(unprinted.forget_printed(db)?))
    }

    /// Notes that the bans with these numbers, or targets that are not in the ledger, are to be
    /// printed.
    pub fn note_unprinted(
        &mut self,
        changes: Option<RangeInclusive<i64>>,
        targets: &[Target],
    ) -> Result<(), Fault> {
        if let Some(changes) = &changes {
            let number = changes.end() - changes.start();
            self.write_many(number.try_into().unwrap_or_default())?;
        }
        let Some(unprinted) = &mut self.unprinted else {
            return Ok(());
        };
        self.state.write(|db| {
            if let Some(changes) = changes {
                unprinted.note(db, changes)?;
            }
            let mut targets = targets.iter();
            Ok(targets.try_for_each(|target| unprinted.note_target(db, *target))?)
        })
    }

    /// The changes that killed processes of the same command have not printed: bans, which may
    /// have ended, and targets that are not in the ledger. This process prints them.
    pub fn take_unprinted(&mut self) -> Result<(Vec<Ban>, Vec<Target>), Fault> {
        let Some(unprinted) = &mut self.unprinted else {
            return Ok((vec![], vec![]));
        };
        self.state.run(|db| {
            let left = unprinted.left(db)?;
            unprinted.inherit(&left);
            let mut bans = Vec::new();
            let mut query = db.prepare_cached(
                "SELECT address, port, since, ends FROM ban WHERE id BETWEEN ? AND ?",
            )?;
            for range in left.ranges() {
                let values = [range.start(), range.end()];
                bans.extend(readable(query.query_map(values, |row| Ban::read(row, 0))?)?);
            }
            Ok((bans, left.targets))
        })
    }

    /// The longest ban of exactly this target that was in force at a moment; `None` is now.
    pub fn find(
        &self,
        backend: &str,
        target: &Target,
        at: Option<Time>,
    ) -> Result<Option<Ban>, Fault> {
        let (begun, now) = at.map_or((Time::MAX, Time::now()), |t| (t, t));
        let found = self
            .state
            .run(|db| longest(db, backend, target, begun, now))?;
        Ok(found.map(|(_, ban)| ban))
    }

    /// The number of this host's own bans of exactly this address or network that had ended by
    /// then, without those that were lifted before their end. One for several ports is one.
    pub fn earlier(&self, address: &Address, at: Time) -> Result<u32, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(
                "SELECT count(DISTINCT since) FROM
                     (SELECT since FROM past
                      WHERE address = ?1 AND ends <= ?2 AND ends = until AND origin = ''
                      UNION ALL SELECT since FROM ban
                      WHERE address = ?1 AND ends <= ?2 AND ends = until AND origin = '')",
            )?;
            query.query_row(params![address.to_string(), at.0], |row| row.get(0))
        })
    }

    /// All bans of exactly this address or network that the ledger remembers, the oldest first.
    pub fn history(&self, address: &Address) -> Result<Vec<BanDetails>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {DETAILS} FROM past WHERE address = ?1 UNION ALL
                 SELECT {DETAILS} FROM ban WHERE address = ?1 ORDER BY since"
            ))?;
            readable(query.query_map([address.to_string()], BanDetails::read)?)
        })
    }

    /// The bans in force of networks around this address or network, the widest first.
    pub fn around(&self, address: &Address, now: Time) -> Result<Vec<BanDetails>, Fault> {
        self.state.run(|db| {
            let query = format!(
                "SELECT {DETAILS} FROM ban
                 WHERE address = ? AND port = 0
                 AND (ends IS NULL OR ends > ?) AND ends IS until"
            );
            let mut query = db.prepare_cached(&query)?;
            let mut found = Vec::new();
            for len in 0..address.prefix_len() {
                let wider = address.widen(len).to_string();
                found.extend(readable(
                    query.query_map(params![wider, now.0], BanDetails::read)?,
                )?);
            }
            Ok(found)
        })
    }

    /// All bans of addresses and networks inside this network that the ledger remembers, by
    /// address, the oldest first.
    pub fn history_inside(&self, network: &Address) -> Result<Vec<BanDetails>, Fault> {
        let mut bans: Vec<BanDetails> = self.state.run(|db| {
            let query = format!(
                "SELECT {DETAILS} FROM past UNION ALL SELECT {DETAILS} FROM ban ORDER BY since"
            );
            let mut query = db.prepare(&query)?;
            let all = query.query_map([], BanDetails::read)?;
            readable(all.filter(|row| {
                let inside =
                    |b: &BanDetails| *b.ban.target != *network && network.contains(&b.ban.target);
                row.as_ref().map_or(true, inside)
            }))
        })?;
        bans.sort_by_key(|details| details.ban.target);
        Ok(bans)
    }

    /// Waits until no other process tells this firewall, and keeps others from it.
    pub fn lock(&self, backend_name: &str) -> Result<BackendLock, Fault> {
        match &self.lock {
            Some(file) => file.lock(backend_name),
            None => Err(Fault::new(self.path().display(), "opened to read only")),
        }
    }

    /// The same, if no other process has the lock just now.
    pub fn try_lock(&self, backend_name: &str) -> Result<Option<BackendLock>, Fault> {
        let tried = self.lock.as_ref().map(|file| file.try_lock(backend_name));
        tried.transpose().map(Option::flatten)
    }

    /// The firewalls that hold bans or have to lift some.
    pub fn backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        let told = self.names("SELECT backend FROM told", [])?;
        // All bans are looked at for these: to compare two texts is the quickest way.
        let of_others: String = (0..told.len())
            .map(|i| format!(" AND backend <> ?{}", i + 2))
            .collect();
        // Of a firewall that was told anything the first ban is enough. The `+` keeps SQLite from
        // making an index of all bans for that.
        let query = format!(
            "SELECT backend FROM told WHERE EXISTS (SELECT 1 FROM ban
                 WHERE +ban.backend = told.backend AND ends IS until
                 AND (ends IS NULL OR ends > ?1))
             UNION SELECT backend FROM ban
                 WHERE (ends IS NULL OR ends > ?1) AND ends IS until{of_others}
             UNION SELECT backend FROM later
             UNION SELECT backend FROM told WHERE EXISTS (SELECT 1 FROM ban
                 WHERE id > told.ban AND +ban.backend = told.backend)"
        );
        let mut values: Vec<&dyn ToSql> = vec![&now.0];
        values.extend(told.iter().map(|name| name as &dyn ToSql));
        self.names(&query, &values[..])
    }

    /// The firewalls that have to lift bans by now, also those that were not told of an end yet.
    pub fn due_backends(&self, now: Time) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT backend FROM later WHERE due <= ?1
             UNION SELECT backend FROM told WHERE EXISTS (SELECT 1 FROM ban
                 WHERE id > told.ban AND +ban.backend = told.backend
                 AND (ends <= ?1 OR ends IS NOT until))",
            [now.0],
        )
    }

    fn names(&self, query: &str, values: impl Params) -> Result<Vec<String>, Fault> {
        self.state.run(|db| {
            let mut query = db.prepare(query)?;
            query.query_map(values, |row| row.get(0))?.collect()
        })
    }
}
