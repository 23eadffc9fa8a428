//! The state that tools keep between runs: one SQLite file, used by any number of processes at
//! once.
//!
//! It is in WAL mode: readers never wait for the writer, and a process killed at any moment leaves
//! it whole. Each tool makes its own tables by `CREATE TABLE IF NOT EXISTS`. A change to a table
//! that exists is a step from one version of the file to the next ([`STEPS`]).

use std::env;
use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::state_file;
use pipeban_terminal::complain::{Fault, describe};
use pipeban_time::Time;

/// The steps from each version of the file (`PRAGMA user_version`) to the next, the first from 0.
///
/// A table may not exist yet: then there is nothing to change, and its tool makes it as it is now.
const STEPS: [Step; 2] = [
    // Files of version 0 have the same tables.
    |_| Ok(()),
    // Bans for single ports, and those of several hosts.
    |db| match db.table_exists(None, "ban")? {
        true => db.execute_batch(
            "ALTER TABLE ban RENAME TO old;
             CREATE TABLE ban (
                 id INTEGER PRIMARY KEY,
                 address TEXT NOT NULL,
                 backend TEXT NOT NULL,
                 port INTEGER NOT NULL DEFAULT 0,
                 origin TEXT NOT NULL DEFAULT '',
                 since INTEGER NOT NULL,
                 until INTEGER,
                 ends INTEGER,
                 facts BLOB,
                 UNIQUE (address, backend, port, origin)
             );
             INSERT INTO ban (id, address, backend, since, until, ends, facts)
                 SELECT id, address, backend, since, until, ends, facts FROM old;
             DROP TABLE old;
             ALTER TABLE past ADD COLUMN port INTEGER NOT NULL DEFAULT 0;
             ALTER TABLE past ADD COLUMN origin TEXT NOT NULL DEFAULT '';",
        ),
        false => Ok(()),
    },
];
type Step = fn(&Connection) -> rusqlite::Result<()>;
/// The version of the files that are written here.
const VERSION: i32 = STEPS.len() as i32;

/// A locked file is tried this number of times, a millisecond apart: two minutes, so that only a
/// process that hangs while it holds the lock can make another one fail.
const TRIES: i32 = 120_000;

/// Where the state is: `option` (a tool's `--state-file`), else `$PIPEBAN_STATE`, else
/// `/var/lib/pipeban/pipeban.db` for root and `$XDG_STATE_HOME/pipeban/pipeban.db` for others.
pub fn path(option: Option<&Path>) -> PathBuf {
    let named = |name| {
        env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = option.map(PathBuf::from).or_else(|| named("PIPEBAN_STATE")) {
        return path;
    }
    let base = if geteuid().is_root() {
        PathBuf::from("/var/lib")
    } else {
        named("XDG_STATE_HOME").unwrap_or_else(|| {
            named("HOME")
                .unwrap_or_else(|| PathBuf::from("/"))
                .join(".local/state")
        })
    };
    base.join("pipeban/pipeban.db")
}

/// Whether neither `option` nor `$PIPEBAN_STATE` names the state.
pub fn is_usual(option: Option<&Path>) -> bool {
    option.is_none() && env::var_os("PIPEBAN_STATE").is_none_or(|v| v.is_empty())
}

/// The open state file.
pub struct State {
    db: Connection,
    path: PathBuf,
    /// The device and number of the file.
    identity: Option<(u64, u64)>,
}

impl State {
    /// Opens the state at [`path`]`(option)` and makes the tables of `schema` in it.
    ///
    /// A new file is for its owner alone (mode 0600), and so is a new folder (0700); see
    /// [`state_file`]. A file of an older version is brought to this one; a newer file is an error,
    /// and stays as it is.
    pub fn open(option: Option<&Path>, schema: &str) -> Result<Self, Fault> {
        let path = path(option);
        create(&path)?;
        let mut state = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Another process may be switching the new file to WAL: SQLite does not wait for that lock,
        // but answers "busy".
        let mut tries = TRIES;
        while let Err(e) = state.db.execute_batch("PRAGMA journal_mode=WAL") {
            let busy = e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            if !busy || !wait(TRIES - tries) {
                return Err(state.fault(&e));
            }
            tries -= 1;
        }
        if state.version()? < VERSION {
            state.write(|db| Ok(upgrade(db)?))?;
        }
        // Where all tables are there, they are looked at under one lock of the file.
        let looked = state.run(|db| {
            let db = db.unchecked_transaction()?;
            db.execute_batch(schema)?;
            db.commit()
        });
        if looked.is_err() {
            // Another process may make them just now.
            state.write(|db| Ok(db.execute_batch(schema)?))?;
        }
        Ok(state)
    }

    /// Opens the state to read it only; `None` where there is none yet.
    pub fn look(option: Option<&Path>) -> Result<Option<Self>, Fault> {
        let path = path(option);
        match path.metadata() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Fault::new(path.display(), describe(&e))),
            Ok(file) if file.len() == 0 => Ok(None),
            Ok(_) => Self::look_at(path).map(Some),
        }
    }

    /// Opens a file to read it only. One of an older version is brought to this one first, by who
    /// may write it.
    fn look_at(path: PathBuf) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let state = Self::connect(path.clone(), flags)?;
        if state.version()? >= VERSION {
            return Ok(state);
        }
        drop(state);
        Self::open(Some(&path), "")?;
        Self::connect(path, flags)
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<Self, Fault> {
        // SQLite would refuse a link in the folder, too.
        let real = state_file::real(&path);
        let real = real.map_err(|e| Fault::new(path.display(), describe(&e)))?;
        let open = || -> rusqlite::Result<Connection> {
            let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
            let mut db = Connection::open_with_flags(&real, flags)?;
            db.busy_handler(Some(wait))?;
            // More than any tool has: one that is not kept is read and planned again each time.
            db.set_prepared_statement_cache_capacity(64);
            // NORMAL never damages the file; a power cut may lose the last transactions, and the
            // kernel's bans too. All that a killed process committed stays.
            // A checkpoint at each close would cost more than the rest of a process that swatch
            // starts for an event.
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            // Else a query that a partial index might serve is planned again when its values are
            // known.
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            db.execute_batch("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=200;")?;
            Ok(db)
        };
        let state = match open() {
            Ok(db) => State {
                db,
                identity: path.metadata().ok().map(|f| (f.dev(), f.ino())),
                path,
            },
            Err(e) => return Err(Fault::new(path.display(), sqlite_words(&e))),
        };
        let version = state.version()?;
        if version > VERSION {
            let words = format!("version {version} of the state, this tool knows {VERSION}");
            let what = format!("made by a newer pipeban ({words}); it stays as it is");
            return Err(Fault::new(state.path.display(), what));
        }
        Ok(state)
    }

    fn version(&self) -> Result<i32, Fault> {
        self.run(|db| db.query_row("PRAGMA user_version", [], |row| row.get(0)))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file was deleted, or another one has its name: what is written would be lost.
    /// Root without capabilities may not look at another user's file; that counts as there.
    pub fn is_replaced(&self) -> bool {
        match self.path.metadata() {
            Ok(file) => self.identity != Some((file.dev(), file.ino())),
            Err(e) => e.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// Reads, or writes one statement; errors tell the file.
    pub fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        work(&self.db).map_err(|e| self.fault(&e))
    }

    /// Does all of `work` as the only writer, or nothing of it. The lock is held from the start.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, WriteError>,
    ) -> Result<T, Fault> {
        transaction(&self.db, work).map_err(|e| match e {
            WriteError::Database(e) => self.fault(&e),
            WriteError::Other(fault) => fault,
        })
    }

    fn fault(&self, e: &rusqlite::Error) -> Fault {
        Fault::new(self.path.display(), sqlite_words(e))
    }
}

/// Whether the file is damaged or no database. A file that can't be read is not known to be.
pub fn is_damaged(path: &Path) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let Ok(path) = state_file::real(path) else {
        return false;
    };
    let check = || -> rusqlite::Result<bool> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let flags = flags | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut db = Connection::open_with_flags(path, flags)?;
        db.busy_handler(Some(wait))?;
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok(found != "ok")
    };
    check().unwrap_or_else(|e| {
        let damage = [DatabaseCorrupt, NotADatabase];
        e.sqlite_error_code()
            .is_some_and(|code| damage.contains(&code))
    })
}

/// Renames a damaged file to `FILE.damaged-TIME`, with its log, and answers the new name; `None` if
/// another process did that first.
pub fn set_aside(path: &Path) -> std::io::Result<Option<PathBuf>> {
    let file = OpenOptions::new().read(true).open(path)?;
    let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| e)?;
    let same = path.metadata()?.ino() == lock.metadata()?.ino();
    if !same || !is_damaged(path) {
        return Ok(None);
    }
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let time = Time::from_secs(Time::now().secs());
    let aside = with(&format!(".damaged-{time}"));
    for suffix in ["-wal", "-shm"] {
        let mut name = aside.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::rename(with(suffix), name) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => (),
        }
    }
    std::fs::rename(path, &aside)?;
    Ok(Some(aside))
}

/// A transaction of the only writer. Its statements are kept: a ban in a live run has two of them,
/// and to read `BEGIN` and `COMMIT` each time cost a tenth of it.
fn transaction<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let _end = RollBack(db);
    let result = work(db)?;
    db.prepare_cached("COMMIT")?.execute([])?;
    Ok(result)
}

/// Ends a transaction that was not committed.
struct RollBack<'a>(&'a Connection);

impl Drop for RollBack<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // If it fails, so does the next one, and says why.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// An error that ends a transaction.
pub enum WriteError {
    /// An error of the database.
    Database(rusqlite::Error),
    /// An error of the work that was done under its lock.
    Other(Fault),
}

impl From<rusqlite::Error> for WriteError {
    fn from(e: rusqlite::Error) -> Self {
        WriteError::Database(e)
    }
}

impl From<Fault> for WriteError {
    fn from(fault: Fault) -> Self {
        WriteError::Other(fault)
    }
}

/// Brings the file to the version of this program; another process may have done it just now.
fn upgrade(db: &Connection) -> rusqlite::Result<()> {
    let version: i32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        step(db)?;
    }
    db.pragma_update(None, "user_version", VERSION.max(version))
}

/// SQLite's busy handler: whether to try again. The first tries come soon: the tools of a chain
/// that is started for one event open the file in the same moment, and lock it for some ten
/// microseconds.
fn wait(tried: i32) -> bool {
    sleep(Duration::from_micros(50 << tried.min(5)).min(Duration::from_millis(1)));
    tried < TRIES
}

/// Makes the file with its mode before SQLite can make it with another.
fn create(path: &Path) -> Result<(), Fault> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let made = state_file::make_folder(path).and_then(|()| {
        let folder = path.parent().filter(|d| !d.as_os_str().is_empty());
        state_file::open(path, folder.unwrap_or(Path::new("."))).map(drop)
    });
    made.map_err(|e| Fault::new(path.display(), describe(&e)))
}

fn sqlite_words(e: &rusqlite::Error) -> String {
    match e {
        rusqlite::Error::SqliteFailure(_, Some(words)) => words.clone(),
        other => other.to_string(),
    }
}
