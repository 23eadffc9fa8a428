//! Where the follower stopped in each file, kept in the state.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::state::State;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use crate::mark::{Id, Mark, Print};
use crate::source::Source;

/// A row for each file: the newest of a name is the log itself, others are rotated ones that are still read.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS positions (
    path BLOB NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
    number INTEGER NOT NULL, real BLOB NOT NULL, offset INTEGER NOT NULL,
    head_len INTEGER NOT NULL, head_hash INTEGER NOT NULL,
    tail_len INTEGER NOT NULL, tail_hash INTEGER NOT NULL,
    PRIMARY KEY (path, dev, ino)) WITHOUT ROWID";

pub struct Positions {
    state: State,
    /// Rows that are no longer true once the follower's own of the same name are written.
    gone: Vec<(PathBuf, Id)>,
    /// A disk may keep a writer waiting, which must not keep the follower from opening new files.
    writer: Option<(SyncSender<Batch>, JoinHandle<()>)>,
}

/// A position as it was kept.
pub struct Kept {
    pub id: Id,
    pub real: PathBuf,
    pub mark: Mark,
}

/// What is written at once: all of it, or nothing.
struct Batch {
    gone: Vec<(PathBuf, Id)>,
    files: Vec<(PathBuf, u64, Kept)>,
}

impl Positions {
    /// The thread that it starts has the signal mask of the caller.
    pub fn open(file: Option<&Path>) -> Result<Self, Fault> {
        let state = State::open(file, SCHEMA)?;
        let own = State::open(file, SCHEMA)?;
        let (sender, batches) = sync_channel(1);
        let writer = std::thread::Builder::new().name("positions".into());
        let writer = writer
            .spawn(move || write_all(&own, batches))
            .map_err(|e| Fault::new("positions", describe(&e)))?;
        Ok(Positions {
            state,
            gone: Vec::new(),
            writer: Some((sender, writer)),
        })
    }

    /// What is kept for a name, the newest first.
    pub fn load(&self, shown: &Path) -> Result<Vec<Kept>, Fault> {
        self.state.run(|db| {
            let query = "SELECT dev, ino, real, offset, head_len, head_hash, tail_len, tail_hash
                FROM positions WHERE path = ? ORDER BY number DESC";
            let mut query = db.prepare_cached(query)?;
            query.query_map([key(shown)], kept)?.collect()
        })
    }

    /// The greatest number in use, so that those of this run are greater.
    pub fn last_number(&self) -> Result<u64, Fault> {
        let query = "SELECT coalesce(max(number), 0) FROM positions";
        self.state
            .run(|db| db.query_row(query, [], |row| row.get::<_, i64>(0)))
            .map(|number| number as u64)
    }

    /// This file is not followed any more.
    pub fn forget(&mut self, shown: &Path, id: Id) {
        self.gone.push((shown.into(), id));
    }

    /// Has the marks of these written; `false`, and nothing is, while earlier ones are still waiting for the disk.
    pub fn save<'a>(&mut self, sources: impl Iterator<Item = &'a Source>) -> bool {
        let Some((writer, _)) = &self.writer else {
            return true;
        };
        let files = sources.map(|source| {
            let kept = Kept {
                id: source.id,
                real: source.real.clone(),
                mark: source.mark,
            };
            (source.shown.clone(), source.number, kept)
        });
        let batch = Batch {
            files: files.collect(),
            gone: std::mem::take(&mut self.gone),
        };
        match writer.try_send(batch) {
            Ok(()) => true,
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                self.gone = batch.gone;
                false
            }
        }
    }

    /// Waits until all is written.
    pub fn close(&mut self) {
        if let Some((sender, writer)) = self.writer.take() {
            drop(sender);
            // A thread that has panicked has said so.
            let _ = writer.join();
        }
    }
}

fn write_all(state: &State, batches: Receiver<Batch>) {
    let mut failing = false;
    for batch in batches {
        let result = state.run(|db| write(db, &batch));
        // The lines are worth more than the position: they go on, and a full disk is told once.
        if let Err(Fault::Error { place, what }) = &result
            && !failing
        {
            complain::error(place, what);
        }
        failing = result.is_err();
    }
}

fn write(db: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    // The deletions first: a new file may have got the numbers of a deleted one.
    for (shown, id) in &batch.gone {
        let delete = "DELETE FROM positions WHERE path = ? AND dev = ? AND ino = ?";
        let mut delete = transaction.prepare_cached(delete)?;
        delete.execute(params![key(shown), id.dev as i64, id.ino as i64])?;
    }
    for (shown, number, Kept { id, real, mark }) in &batch.files {
        let insert = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        transaction.prepare_cached(insert)?.execute(params![
            key(shown),
            id.dev as i64,
            id.ino as i64,
            *number as i64,
            real.as_os_str().as_bytes(),
            mark.offset as i64,
            mark.head.len as i64,
            mark.head.hash as i64,
            mark.tail.len as i64,
            mark.tail.hash as i64,
        ])?;
    }
    transaction.commit()
}

/// A name without the working directory in it.
fn key(shown: &Path) -> Vec<u8> {
    // Fails for an empty name only.
    let path = std::path::absolute(shown).unwrap_or_else(|_| shown.into());
    path.as_os_str().as_bytes().to_vec()
}

fn kept(row: &Row) -> rusqlite::Result<Kept> {
    let number = |i| row.get::<_, i64>(i).map(|n| n as u64);
    let real: Vec<u8> = row.get(2)?;
    Ok(Kept {
        id: Id {
            dev: number(0)?,
            ino: number(1)?,
        },
        real: OsStr::from_bytes(&real).into(),
        mark: Mark {
            offset: number(3)?,
            head: Print {
                len: number(4)?,
                hash: number(5)?,
            },
            tail: Print {
                len: number(6)?,
                hash: number(7)?,
            },
        },
    })
}
