//! Changes that a process has entered and has still to print. If it is killed in between, a second
//! run of the same command prints them.
//!
//! The changes of a transaction have successive numbers, so a batch costs one row; and that row is
//! replaced by the next batch, so it costs no transaction of its own.

use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;

use rusqlite::{Connection, params};

use super::lock::{LockFile, ProcessLock};
use crate::target::Target;
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// The rows are kept at least for this time, in microseconds: a day.
const KEPT: i64 = 86_400_000_000;

/// The changes that a process prints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Printing {
    /// Bans, and lifts for other hosts.
    Bans,
    /// Ends of bans.
    Ends,
    /// Lifts of bans that are due.
    Due,
    /// Bans that were put back, and others that were let go.
    Sync,
}

impl Printing {
    fn name(self) -> &'static str {
        match self {
            Printing::Bans => "ban",
            Printing::Ends => "end",
            Printing::Due => "due",
            Printing::Sync => "sync",
        }
    }
}

/// The numbers of changes.
pub(super) type Range = RangeInclusive<i64>;

/// The changes that this process has still to print, and those of processes that were killed.
pub(super) struct Unprinted {
    kind: Printing,
    /// Is locked as long as this process lives.
    process: ProcessLock,
    /// The number of rows of this process.
    noted: usize,
    /// All of them were printed.
    printed: bool,
    /// Killed processes whose changes this one prints.
    ancestors: Vec<i64>,
}

/// The changes that killed processes have not printed.
#[derive(Default)]
pub(super) struct Left {
    ranges: Vec<Range>,
    /// Targets that are not in the ledger and that a firewall was to let go.
    pub(super) targets: Vec<Target>,
    processes: Vec<i64>,
}

impl Left {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the change of this number is one of them.
    pub(super) fn contains(&self, id: i64) -> bool {
        self.ranges.iter().any(|range| range.contains(&id))
    }

    pub(super) fn ranges(&self) -> &[Range] {
        &self.ranges
    }
}

impl Unprinted {
    /// For a process that prints these.
    pub(super) fn new(kind: Printing, file: &LockFile) -> Result<Self, Fault> {
        Ok(Unprinted {
            kind,
            process: file.lock_process(RandomState::new().hash_one(0))?,
            noted: 0,
            printed: false,
            ancestors: vec![],
        })
    }

    /// Whether the command prints bans that a firewall has lifted because they were due.
    pub(super) fn are_lifts(&self) -> bool {
        self.kind == Printing::Due
    }

    /// Notes that changes with these numbers were entered and have still to be printed.
    pub(super) fn note(&mut self, db: &Connection, changes: Range) -> rusqlite::Result<()> {
        let (number, name) = (self.process.number(), self.kind.name());
        let (first, last) = changes.into_inner();
        if self.printed && self.noted == 1 && self.ancestors.is_empty() {
            // In place of a row that is removed, and another one.
            let mut update = db.prepare_cached(
                "UPDATE unprinted SET first = ?2, last = ?3, address = NULL, port = NULL, at = ?4
                 WHERE process = ?1",
            )?;
            if update.execute(params![number, first, last, Time::now().0])? == 1 {
                self.printed = false;
                return Ok(());
            }
        }
        self.forget_printed(db)?;
        let mut insert = db.prepare_cached(
            "INSERT INTO unprinted (process, command, first, last, at) VALUES (?, ?, ?, ?, ?)",
        )?;
        insert.execute(params![number, name, first, last, Time::now().0])?;
        self.noted += 1;
        Ok(())
    }

    /// Notes that a firewall is to let go of this target, which is not in the ledger.
    pub(super) fn note_target(&mut self, db: &Connection, target: Target) -> rusqlite::Result<()> {
        self.forget_printed(db)?;
        let mut insert = db.prepare_cached(
            "INSERT INTO unprinted (process, command, address, port, at) VALUES (?, ?, ?, ?, ?)",
        )?;
        let (number, name) = (self.process.number(), self.kind.name());
        let address = target.address.to_string();
        insert.execute(params![number, name, address, target.port, Time::now().0])?;
        self.noted += 1;
        Ok(())
    }

    /// All that was noted was printed.
    pub(super) fn printed(&mut self) {
        self.printed = true;
    }

    /// Whether there are rows to be removed.
    pub(super) fn is_printed(&self) -> bool {
        self.printed && (self.noted > 0 || !self.ancestors.is_empty())
    }

    /// Removes the rows of what was printed, and rows that nobody asked for in time.
    pub(super) fn forget_printed(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.is_printed() {
            let mut delete = db.prepare_cached("DELETE FROM unprinted WHERE process = ?")?;
            self.ancestors.push(self.process.number());
            for process in self.ancestors.drain(..) {
                delete.execute([process])?;
            }
            db.prepare_cached("DELETE FROM unprinted WHERE at < ?")?
                .execute([Time::now().0 - KEPT])?;
            self.noted = 0;
        }
        self.printed = false;
        Ok(())
    }

    /// The number of this process, and the name of its command: [`left`](Self::left) finds
    /// something only if another one of that name has a row.
    pub(super) fn name(&self) -> (i64, &'static str) {
        (self.process.number(), self.kind.name())
    }

    /// The changes that killed processes of the same command have not printed.
    pub(super) fn left(&self, db: &Connection) -> rusqlite::Result<Left> {
        let mut query = db.prepare_cached(
            "SELECT process, first, last, address, port FROM unprinted
             WHERE process <> ? AND command = ?",
        )?;
        let values = params![self.process.number(), self.kind.name()];
        let mut rows = query.query(values)?;
        let mut left = Left::default();
        while let Some(row) = rows.next()? {
            let process = row.get(0)?;
            if self.process.is_alive(process) {
                continue;
            }
            left.processes.push(process);
            if let Some(first) = row.get(1)? {
                left.ranges.push(first..=row.get(2)?);
            }
            let address = row.get_ref(3)?.as_bytes_or_null()?.and_then(Address::parse);
            if let Some(address) = address {
                let port = row.get(4)?;
                left.targets.push(Target { address, port });
            }
        }
        Ok(left)
    }

    /// This process prints all of these: their rows are removed together with its own.
    pub(super) fn inherit(&mut self, left: &Left) {
        self.ancestors.extend(&left.processes);
    }
}
