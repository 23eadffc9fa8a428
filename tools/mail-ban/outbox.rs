//! The bans that wait to be mailed, kept in the state file so that nothing is lost with a process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use pipeban::complain::{Fault, describe};
use pipeban::record::Record;
use pipeban::state::{self, State};
use pipeban::time::Time;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::due::Tried;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS mailbox (
    id INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL UNIQUE,
    sent INTEGER,                       -- when the last mail went, microseconds since 1970
    retry INTEGER NOT NULL DEFAULT 0,   -- after a failure, no earlier than this
    failures INTEGER NOT NULL DEFAULT 0,-- in a row
    left_out INTEGER NOT NULL DEFAULT 0 -- bans for which there was no room
);
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox INTEGER NOT NULL,
    record BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mail_mailbox ON mail (mailbox, id);
CREATE TABLE IF NOT EXISTS whois (
    network TEXT PRIMARY KEY,
    asked INTEGER NOT NULL,
    text BLOB                           -- NULL: there was no answer
) WITHOUT ROWID;
";

/// The fields that a mail shows, beside `line`.
pub const KEYS: [&str; 14] = [
    "at", "count", "hosts", "first", "last", "rule", "file", "asn", "org", "country", "since",
    "until", "port", "backend",
];
/// The greatest number of bans that wait for one recipient or program; more are counted and not
/// kept. With [`WITH_EVIDENCE`] and the bounds of [`abridged`], they take at most some 130 MB.
const ROOM: u64 = 100_000;
/// The number of bans that keep their evidence while they wait: a mail shows that of a few.
const WITH_EVIDENCE: u64 = 1_000;
/// Of a ban's evidence, the last lines are kept, up to this number, and of each the first bytes.
const EVIDENCE_LINES: usize = 20;
const EVIDENCE_BYTES: usize = 1_000;
/// The number of whois answers kept, the youngest ones.
const NETWORKS: u64 = 1_000;

/// The outbox of one recipient or program.
pub struct Outbox {
    state: State,
    mailbox: i64,
    lock: PathBuf,
}

/// The state of an outbox.
pub struct Status {
    /// The number of bans that wait.
    pub waiting: u64,
    /// The mails that were tried.
    pub tried: Tried,
    /// The number of bans for which there was no room.
    pub left_out: u64,
}

/// An answer of whois.
pub struct Answer {
    /// The time of the question.
    pub asked: Time,
    /// `None` where whois did not answer.
    pub text: Option<Vec<u8>>,
}

impl Outbox {
    /// Opens the outbox of this recipient or program, and makes it if there is none.
    pub fn open(state_file: Option<&Path>, recipient: &str) -> Result<Self, Fault> {
        let state = State::open(state_file, SCHEMA)?;
        let mailbox: i64 = state.run(|db| {
            let find = "SELECT id FROM mailbox WHERE recipient = ?";
            if let Some(id) = db
                .query_row(find, [recipient], |row| row.get(0))
                .optional()?
            {
                return Ok(id);
            }
            // Another process may do the same at this moment.
            let insert = "INSERT OR IGNORE INTO mailbox (recipient) VALUES (?)";
            db.execute(insert, [recipient])?;
            db.query_row(find, [recipient], |row| row.get(0))
        })?;
        let mut lock = state::path(state_file).into_os_string();
        lock.push(format!("-mail{mailbox}"));
        Ok(Outbox {
            state,
            mailbox,
            lock: lock.into(),
        })
    }

    /// The right to deliver from this outbox, as long as the file is open; `None` while another
    /// process has it.
    pub fn lock(&self) -> Result<Option<File>, Fault> {
        let fault = |e: io::Error| Fault::new(self.lock.display(), describe(&e));
        let mut open = OpenOptions::new();
        let file = open.create(true).append(true).mode(0o600).open(&self.lock);
        let file = file.map_err(fault)?;
        self.share(&file).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(fault(e)),
        }
    }

    /// Gives a file that root made beside another user's state to that user, who needs it too.
    fn share(&self, file: &File) -> io::Result<()> {
        let (ours, state) = (file.metadata()?, fs::metadata(self.state.path())?);
        if ours.uid() != state.uid() && ours.uid() == geteuid().as_raw() {
            fchown(file, Some(state.uid()), Some(state.gid()))?;
        }
        Ok(())
    }

    /// Adds the parts of these records that a mail shows.
    pub fn put(&mut self, records: &[Record]) -> Result<(), Fault> {
        let mailbox = self.mailbox;
        self.state.write(|db| {
            let mut waiting = count(db, mailbox)?;
            let mut insert = db.prepare("INSERT INTO mail (mailbox, record) VALUES (?, ?)")?;
            let mut left_out = 0;
            // A lift is no ban.
            for record in records.iter().filter(|r| r.get("lifted").is_none()) {
                if waiting >= ROOM {
                    left_out += 1;
                    continue;
                }
                let mut text = Vec::new();
                abridged(record, waiting < WITH_EVIDENCE).write(&mut text);
                insert.execute(params![mailbox, text])?;
                waiting += 1;
            }
            let more = "UPDATE mailbox SET left_out = left_out + ? WHERE id = ?";
            db.execute(more, params![left_out, mailbox])?;
            Ok(())
        })
    }

    /// The state of the outbox.
    pub fn status(&self) -> Result<Status, Fault> {
        self.state.run(|db| {
            let row = "SELECT sent, retry, failures, left_out FROM mailbox WHERE id = ?";
            let waiting = count(db, self.mailbox)?;
            db.query_row(row, [self.mailbox], |row| {
                let tried = Tried {
                    sent: row.get::<_, Option<i64>>(0)?.map(Time::from_micros),
                    retry: Time::from_micros(row.get(1)?),
                    failures: row.get(2)?,
                };
                Ok(Status {
                    waiting,
                    tried,
                    left_out: row.get::<_, i64>(3)? as u64,
                })
            })
        })
    }

    /// The oldest bans that wait, at most `most`, and the number of the last for [`Outbox::sent`].
    pub fn oldest(&self, most: usize) -> Result<(Vec<Record>, i64), Fault> {
        let rows: Vec<(i64, Vec<u8>)> = self.state.run(|db| {
            let sql = "SELECT id, record FROM mail WHERE mailbox = ? ORDER BY id LIMIT ?";
            let mut query = db.prepare(sql)?;
            let rows = query.query_map(params![self.mailbox, most as i64], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect()
        })?;
        let last = rows.last().map_or(0, |(id, _)| *id);
        let record = |(_, text): (i64, Vec<u8>)| Record::parse(&text).ok().flatten();
        Ok((rows.into_iter().filter_map(record).collect(), last))
    }

    /// Notes that a mail has gone: with the bans up to number `last`, and the number of those left
    /// out.
    pub fn sent(&mut self, last: i64, left_out: u64) -> Result<(), Fault> {
        let mailbox = self.mailbox;
        self.state.write(|db| {
            db.execute(
                "DELETE FROM mail WHERE mailbox = ? AND id <= ?",
                [mailbox, last],
            )?;
            db.execute(
                "UPDATE mailbox SET sent = ?, retry = 0, failures = 0, left_out = left_out - ?
                 WHERE id = ?",
                params![Time::now().micros(), left_out as i64, mailbox],
            )?;
            Ok(())
        })
    }

    /// Notes that a mail could not be sent, and that the next try is not before `retry`.
    pub fn failed(&self, retry: Time) -> Result<(), Fault> {
        self.state.run(|db| {
            let sql = "UPDATE mailbox SET retry = ?, failures = failures + 1 WHERE id = ?";
            db.execute(sql, params![retry.micros(), self.mailbox])
        })?;
        Ok(())
    }

    /// The answer of whois for this network, if it was asked.
    pub fn whois(&self, network: &str) -> Result<Option<Answer>, Fault> {
        self.state.run(|db| {
            let sql = "SELECT asked, text FROM whois WHERE network = ?";
            let answer = |row: &Row| {
                Ok(Answer {
                    asked: Time::from_micros(row.get(0)?),
                    text: row.get(1)?,
                })
            };
            db.query_row(sql, [network], answer).optional()
        })
    }

    /// Keeps an answer of whois; `None` where there was none.
    pub fn keep_whois(&mut self, network: &str, text: Option<&[u8]>) -> Result<(), Fault> {
        self.state.write(|db| {
            let insert = "INSERT OR REPLACE INTO whois VALUES (?, ?, ?)";
            db.execute(insert, params![network, Time::now().micros(), text])?;
            let prune = "DELETE FROM whois WHERE network NOT IN
                (SELECT network FROM whois ORDER BY asked DESC LIMIT ?)";
            db.execute(prune, [NETWORKS as i64])?;
            Ok(())
        })
    }
}

fn count(db: &Connection, mailbox: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM mail WHERE mailbox = ?";
    db.query_row(sql, [mailbox], |row| row.get::<_, i64>(0))
        .map(|n| n as u64)
}

/// The parts of a record that a mail shows, within bounds.
fn abridged(record: &Record, evidence: bool) -> Record {
    let mut short = Record::new(record.address);
    for key in KEYS {
        if let Some(value) = record.get(key) {
            short.push(key, &value[..value.len().min(100)]);
        }
    }
    if evidence {
        // The last lines tell most: they led to the ban.
        let lines: Vec<_> = record.all("line").collect();
        for line in &lines[lines.len().saturating_sub(EVIDENCE_LINES)..] {
            let mut shown = line[..line.len().min(EVIDENCE_BYTES)].to_vec();
            if line.len() > shown.len() {
                shown.extend(format!(" [{} bytes more]", line.len() - shown.len()).bytes());
            }
            short.push("line", &shown);
        }
    }
    short
}
