//! The positions that a follower has reached in its files, kept in the state.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::privilege::keep_reading;
use pipeban::state::State;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use crate::position::{Fingerprint, Id, Position};
use crate::rotated_name::logs_of;

/// A row for each file. The newest of a name is the log itself, the others are rotated files that
/// are still read.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS positions (
    path BLOB NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
    number INTEGER NOT NULL, real BLOB NOT NULL, offset INTEGER NOT NULL,
    head_len INTEGER NOT NULL, head_hash INTEGER NOT NULL,
    tail_len INTEGER NOT NULL, tail_hash INTEGER NOT NULL,
    PRIMARY KEY (path, dev, ino)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS journal_positions (
    name BLOB NOT NULL, file BLOB NOT NULL, number INTEGER NOT NULL, received INTEGER NOT NULL,
    PRIMARY KEY (name, file)) WITHOUT ROWID";

/// The number of a journal's files whose positions are kept, the newest: a vacuum leaves fewer.
const JOURNAL_FILES: i64 = 4096;

/// The positions of all logs.
pub struct Positions {
    state: State,
    /// Rows to delete once the new ones of the same name are written.
    gone: Vec<(PathBuf, Id)>,
    /// A thread of its own: a disk may keep it waiting, and meanwhile new files must be opened.
    writer: Option<(SyncSender<Batch>, JoinHandle<()>)>,
}

/// A position of one file, as it is kept.
pub struct Kept {
    /// The file.
    pub id: Id,
    /// The file's path, without symbolic links, when the position was kept.
    pub real: PathBuf,
    /// The position up to which the lines are printed.
    pub position: Position,
}

/// A row to write.
pub struct Entry {
    /// The log's name as a user knows it.
    pub shown: PathBuf,
    /// Greater than that of the files which had the name before.
    pub number: u64,
    /// The file and its position.
    pub kept: Kept,
}

/// The position in one file of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalPosition {
    /// The number of the last entry that was read.
    pub number: u64,
    /// When it was received, in microseconds of the Unix epoch.
    pub received: i64,
}

/// The positions in a journal's files, and the name of the journal.
pub type JournalPositions = (Vec<u8>, HashMap<[u8; 16], JournalPosition>);

/// Changes that are written together, or not at all.
struct Batch {
    journal: JournalPositions,
    gone: Vec<(PathBuf, Id)>,
    entries: Vec<Entry>,
}

impl Positions {
    /// Opens the state and starts the thread that writes, which has the caller's signal mask.
    pub fn open(file: Option<&Path>) -> Result<Self, Fault> {
        let state = State::open(file, SCHEMA)?;
        let own = State::open(file, SCHEMA)?;
        // Before the thread, which would keep them.
        keep_reading().map_err(|e| Fault::new("capabilities", e))?;
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

    /// The rows of a name, the newest first.
    pub fn load(&self, shown: &Path) -> Result<Vec<Kept>, Fault> {
        self.state.run(|db| {
            let query = "SELECT dev, ino, real, offset, head_len, head_hash, tail_len, tail_hash
                FROM positions WHERE path = ? ORDER BY number DESC";
            let mut query = db.prepare_cached(query)?;
            query.query_map([key(shown)], kept)?.collect()
        })
    }

    /// The positions of a file, under whatever name, with the names.
    pub fn load_by_id(&self, id: Id) -> Result<Vec<(PathBuf, Position)>, Fault> {
        self.state.run(|db| {
            let query = "SELECT dev, ino, real, offset, head_len, head_hash, tail_len, tail_hash,
                path FROM positions WHERE dev = ? AND ino = ? ORDER BY number DESC";
            let mut query = db.prepare_cached(query)?;
            let row = |row: &Row| {
                let path: Vec<u8> = row.get(8)?;
                Ok((OsStr::from_bytes(&path).into(), kept(row)?.position))
            };
            let id = params![id.dev as i64, id.ino as i64];
            query.query_map(id, row)?.collect()
        })
    }

    /// The positions in the files of a journal of this name.
    pub fn load_journal(&self, name: &[u8]) -> Result<HashMap<[u8; 16], JournalPosition>, Fault> {
        self.state.run(|db| {
            let query = "SELECT file, number, received FROM journal_positions WHERE name = ?";
            let mut query = db.prepare(query)?;
            let row = |row: &Row| {
                let position = JournalPosition {
                    number: row.get::<_, i64>(1)? as u64,
                    received: row.get(2)?,
                };
                Ok((row.get(0)?, position))
            };
            query.query_map([name], row)?.collect()
        })
    }

    /// Deletes the rows of rotated names that lead to no file any more.
    pub fn forget_missing(&mut self) -> Result<(), Fault> {
        let rows: Vec<(PathBuf, Id)> = self.state.run(|db| {
            let mut query = db.prepare("SELECT path, dev, ino FROM positions")?;
            let row = |row: &Row| {
                let path: Vec<u8> = row.get(0)?;
                let number = |i| row.get::<_, i64>(i).map(|n| n as u64);
                let (dev, ino) = (number(1)?, number(2)?);
                Ok((OsStr::from_bytes(&path).into(), Id { dev, ino }))
            };
            query.query_map([], row)?.collect()
        })?;
        let is_missing = |path: &Path| {
            let found = path.symlink_metadata();
            found.is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
        };
        let missing = |(path, _): &(PathBuf, Id)| !logs_of(path).is_empty() && is_missing(path);
        self.gone.extend(rows.into_iter().filter(missing));
        Ok(())
    }

    /// The greatest number in use; those of this run must be greater.
    pub fn last_number(&self) -> Result<u64, Fault> {
        let query = "SELECT coalesce(max(number), 0) FROM positions";
        self.state
            .run(|db| db.query_row(query, [], |row| row.get::<_, i64>(0)))
            .map(|number| number as u64)
    }

    /// Deletes a row with the next [`save`](Self::save): its file is not followed any more.
    pub fn forget(&mut self, shown: &Path, id: Id) {
        self.gone.push((shown.into(), id));
    }

    /// Hands rows to the writing thread; `false` if it is still busy with earlier ones.
    pub fn save(&mut self, entries: Vec<Entry>, journal: JournalPositions) -> bool {
        let Some((writer, _)) = &self.writer else {
            return true;
        };
        let batch = Batch {
            journal,
            entries,
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

/// Writes batches until no more can come.
fn write_all(state: &State, batches: Receiver<Batch>) {
    let mut failing = false;
    for batch in batches {
        let result = state.run(|db| write(db, &batch));
        // Without a position the lines still go on. A full disk is told once.
        if let Err(Fault::Error { place, what }) = &result
            && !failing
        {
            complain::error(place, what);
        }
        failing = result.is_err();
    }
}

/// Writes one batch in one transaction.
fn write(db: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    // The deletions first: a new file may have got the numbers of a deleted one.
    for (shown, id) in &batch.gone {
        let delete = "DELETE FROM positions WHERE path = ? AND dev = ? AND ino = ?";
        let mut delete = transaction.prepare_cached(delete)?;
        delete.execute(params![key(shown), id.dev as i64, id.ino as i64])?;
    }
    for Entry {
        shown,
        number,
        kept: Kept { id, real, position },
    } in &batch.entries
    {
        let insert = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        transaction.prepare_cached(insert)?.execute(params![
            key(shown),
            id.dev as i64,
            id.ino as i64,
            *number as i64,
            real.as_os_str().as_bytes(),
            position.offset as i64,
            position.head.len as i64,
            position.head.hash as i64,
            position.tail.len as i64,
            position.tail.hash as i64,
        ])?;
    }
    let (name, files) = &batch.journal;
    for (file, position) in files {
        let insert = "INSERT OR REPLACE INTO journal_positions VALUES (?, ?, ?, ?)";
        let mut insert = transaction.prepare_cached(insert)?;
        insert.execute(params![
            name,
            file,
            position.number as i64,
            position.received
        ])?;
    }
    if !files.is_empty() {
        let delete = "DELETE FROM journal_positions WHERE name = ?1 AND file NOT IN
            (SELECT file FROM journal_positions WHERE name = ?1 ORDER BY received DESC LIMIT ?2)";
        let mut delete = transaction.prepare_cached(delete)?;
        delete.execute(params![name, JOURNAL_FILES])?;
    }
    transaction.commit()
}

/// The name as it is kept: absolute.
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
        position: Position {
            offset: number(3)?,
            head: Fingerprint {
                len: number(4)?,
                hash: number(5)?,
            },
            tail: Fingerprint {
                len: number(6)?,
                hash: number(7)?,
            },
        },
    })
}
