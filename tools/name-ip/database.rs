//! The databases of the user, read whole, and read again when their files change.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use memchr::memmem;
use pipeban::complain::{self, Fault, describe};

use crate::table::Table;
use crate::{mmdb, text};

/// The largest MMDB that is read, in bytes.
const MOST_BYTES: u64 = 2 << 30;

/// The files are looked at once in this time.
const PAUSE: Duration = Duration::from_secs(60);

/// The variable of the environment that names databases where the command line does not.
pub const VARIABLE: &str = "PIPEBAN_DB";

/// All databases, in the order of the command line.
pub struct Databases {
    files: Vec<Database>,
    /// The next time to look at the files.
    next: Instant,
}

struct Database {
    path: PathBuf,
    stamp: Option<Stamp>,
    table: Table,
}

/// The identity of a file's contents: device, inode, size, and time of change.
type Stamp = (u64, u64, u64, i64, i64);

impl Databases {
    /// Reads these files, or those that the environment names.
    pub fn open(mut paths: Vec<PathBuf>) -> Result<Self, Fault> {
        if paths.is_empty() {
            let named = std::env::var_os(VARIABLE).unwrap_or_default();
            paths = std::env::split_paths(&named).collect();
            paths.retain(|path| !path.as_os_str().is_empty());
        }
        if paths.is_empty() {
            let what = format!("no database is given, by --db or {VARIABLE} (see --help)");
            return Err(Fault::new("usage", what));
        }
        let files = paths.into_iter().map(Database::open);
        Ok(Databases {
            files: files.collect::<Result<_, _>>()?,
            next: Instant::now() + PAUSE,
        })
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.files.iter().map(|file| &file.table)
    }

    /// Reads again the files that have changed, if the last look is long ago. A file that can't be
    /// read then is reported, and its old contents stay.
    pub fn refresh(&mut self) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + PAUSE;
        for file in &mut self.files {
            let stamp = stamp(&file.path);
            if stamp.is_none() || stamp == file.stamp {
                continue;
            }
            match Database::open(file.path.clone()) {
                Ok(new) => *file = new,
                Err(fault) => {
                    file.stamp = stamp;
                    // Not the end of the output's reader: nothing was written.
                    let _ = complain::fault(fault);
                }
            }
        }
    }
}

impl Database {
    fn open(path: PathBuf) -> Result<Self, Fault> {
        // Before the contents: a file that changes now is read again later.
        let stamp = stamp(&path);
        let fault = |what: String| Fault::new(path.display(), what);
        let table = match read_mmdb(&path).map_err(|e| fault(describe(&e)))? {
            Some(bytes) => mmdb::read(bytes).map_err(fault)?,
            None => text::read(&path)?,
        };
        if table.len() == 0 {
            return Err(fault("no network with an owner or country is in it".into()));
        }
        Ok(Database { path, stamp, table })
    }
}

/// The stamp of a regular file.
fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let time = (meta.mtime(), meta.mtime_nsec());
    Some((meta.dev(), meta.ino(), meta.size(), time.0, time.1))
}

/// The contents of a file that is an MMDB; `None` if it is none.
fn read_mmdb(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(mmdb::END)))?;
    let mut end = Vec::new();
    (&file).take(mmdb::END).read_to_end(&mut end)?;
    if memmem::find(&end, mmdb::MARK).is_none() {
        return Ok(None);
    }
    if size > MOST_BYTES {
        let what = format!("an MMDB of more than {} GiB", MOST_BYTES >> 30);
        return Err(std::io::Error::other(what));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeban::address::Address;

    #[test]
    fn read_again_when_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("table");
        let put = |text: &str| {
            let new = directory.path().join("new");
            fs::write(&new, text).expect("a new file");
            fs::rename(new, &path).expect("the old one replaced");
        };
        put("192.0.2.0,192.0.2.255,64500,A\n");
        let mut databases = Databases::open(vec![path.clone()]).expect("a good table");
        let mut owner = || {
            databases.next = Instant::now();
            databases.refresh();
            let net = Address::parse(b"192.0.2.1").expect("an address");
            let found = databases.tables().next().and_then(|table| table.find(&net));
            found.map(|(_, entry)| String::from_utf8_lossy(entry.asn()).into_owned())
        };
        assert_eq!(owner().as_deref(), Some("\tasn=AS64500"));
        put("192.0.2.0,192.0.2.255,64501,B\n");
        assert_eq!(owner().as_deref(), Some("\tasn=AS64501"));
        // The old contents stay.
        put("nothing\n");
        assert_eq!(owner().as_deref(), Some("\tasn=AS64501"));
        fs::remove_file(&path).expect("the file removed");
        assert_eq!(owner().as_deref(), Some("\tasn=AS64501"));
        put("192.0.2.0,192.0.2.255,64502,C\n");
        assert_eq!(owner().as_deref(), Some("\tasn=AS64502"));
    }
}
