//! Old logs: where a file went when it was rotated, and which came after it.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pipeban::unpack::{is_packed_file, unpack};

use crate::mark::{EDGE, Fit, Id, Mark, Print};

/// How often the old logs are listed again while they are being renamed.
const TRIES: u32 = 20;

const PACKED: [&[u8]; 4] = [b".gz", b".xz", b".zst", b".bz2"];

/// What stands in an old log's name beside the log's own; smaller is newer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Age {
    /// `log.1`, counted up at each rotation.
    Number(u64),
    /// `log-20260330` or `log-20260330-1774800000`.
    Date(Vec<u8>),
}

impl Ord for Age {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Age::Number(a), Age::Number(b)) => a.cmp(b),
            (Age::Date(a), Age::Date(b)) => b.cmp(a),
            (Age::Number(_), Age::Date(_)) => Ordering::Less,
            (Age::Date(_), Age::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Age {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The age of `name` as a rotated form of `log`, which logrotate(8) names `log.1`, `log-20260330`,
/// or with its option `extension` `x-20260330.log`; each may be compressed.
fn age(name: &[u8], log: &[u8]) -> Option<Age> {
    let name = unpacked(name);
    let extended = || {
        let dot = log.iter().rposition(|b| *b == b'.')?;
        name.strip_prefix(&log[..dot])?.strip_suffix(&log[dot..])
    };
    let added = name.strip_prefix(log).or_else(extended)?;
    let (first, rest) = added.split_first()?;
    let digits = rest.iter().filter(|b| b.is_ascii_digit()).count();
    let other = rest
        .iter()
        .any(|b| !b.is_ascii_digit() && !b"-_.T".contains(b));
    if !b".-_".contains(first) || digits == 0 || other {
        return None;
    }
    // A date has eight digits at least.
    if digits == rest.len() && digits < 8 {
        return std::str::from_utf8(rest)
            .ok()?
            .parse()
            .ok()
            .map(Age::Number);
    }
    Some(Age::Date(rest.to_vec()))
}

fn unpacked(name: &[u8]) -> &[u8] {
    let stripped = PACKED.iter().find_map(|ending| name.strip_suffix(*ending));
    stripped.unwrap_or(name)
}

fn is_packed(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    unpacked(name).len() < name.len()
}

/// Whether `path` is an old log of `log`, by its name.
pub fn is_old(path: &Path, log: &Path) -> bool {
    path.parent() == log.parent() && age(bytes(path), bytes(log)).is_some()
}

fn bytes(path: &Path) -> &[u8] {
    path.file_name().map_or(b"", OsStr::as_bytes)
}

/// An old log, open: its name may change at any moment, its content does not.
pub struct Old {
    file: File,
    pub id: Id,
    packed: bool,
}

impl Old {
    fn open(path: &Path) -> io::Result<Self> {
        Self::of(open(path)?)
    }

    pub fn of(file: File) -> io::Result<Self> {
        Ok(Old {
            id: Id::from(&file.metadata()?),
            packed: is_packed_file(&file)?,
            file,
        })
    }

    /// When the file was made, where the file system knows it; compressing makes an old log anew.
    fn made_as_plain(&self) -> Option<SystemTime> {
        let metadata = self.file.metadata().ok().filter(|_| !self.packed)?;
        metadata.created().ok()
    }

    fn fit(&self, mark: &Mark) -> io::Result<Fit> {
        if self.packed {
            mark.fit_stream(&mut *self.content()?.stream()?)
        } else {
            mark.fit(&self.file)
        }
    }

    /// Whether its first bytes are these.
    pub fn begins(&self, head: Print) -> bool {
        let mark = Mark::beginning(head);
        head.len > 0 && matches!(self.fit(&mark), Ok(Fit::Holds))
    }

    /// Its first bytes.
    pub fn beginning(&self) -> io::Result<Print> {
        let mut bytes = Vec::new();
        let mut start = self.content()?.stream()?.take(EDGE as u64);
        start.read_to_end(&mut bytes)?;
        Ok(Print::of(&bytes))
    }

    pub fn content(&self) -> io::Result<Content> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(if self.packed {
            Content::Packed(unpack(file)?)
        } else {
            Content::Plain(file)
        })
    }
}

/// What is to be read of an old log.
pub enum Content {
    /// It may still be written to.
    Plain(File),
    Packed(Box<dyn Read + Send>),
}

impl Content {
    pub fn stream(self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Content::Plain(file) => Box::new(file),
            Content::Packed(stream) => stream,
        })
    }
}

/// The old logs of a log, newest first.
type Listing = Vec<(Age, bool, PathBuf, u64)>;

fn list(real: &Path) -> Listing {
    let directory = real.parent().map(fs::read_dir);
    let entries = directory.into_iter().flatten().flatten().flatten();
    let mut list: Listing = entries
        .filter_map(|e| {
            let path = e.path();
            Some((
                age(bytes(&path), bytes(real))?,
                is_packed(&path),
                path,
                e.ino(),
            ))
        })
        .collect();
    // While an old log is being compressed both forms are there, and the compressed one, which sorts last, is not whole.
    list.sort();
    list.dedup_by(|later, earlier| later.0 == earlier.0);
    list
}

/// The old logs of `real`, newest first, as they were at one moment.
pub fn old_logs(real: &Path) -> Vec<Old> {
    let mut logs = Vec::new();
    for _ in 0..TRIES {
        let before = list(real);
        let open = before.iter().map(|(_, _, path, _)| Old::open(path));
        logs = open.filter_map(io::Result::ok).collect();
        if list(real) == before {
            break;
        }
    }
    logs
}

/// Of old logs, newest first, those that are newer than one of them: oldest first.
pub fn newer(mut logs: Vec<Old>, than: impl FnMut(&Old) -> bool) -> Vec<Old> {
    let this = logs.iter().position(than).unwrap_or(0);
    let made = logs.get(this).and_then(Old::made_as_plain);
    logs.truncate(this);
    newer_than(logs, made)
}

/// Of old logs, newest first, those that were made since `this` was, and are no copies of it: oldest first.
pub fn made_since(mut logs: Vec<Old>, made: Option<SystemTime>, this: Print) -> Vec<Old> {
    let since = |old: &Old| Some(old.made_as_plain()? >= made?);
    logs.retain(|old| since(old).unwrap_or(false) && !old.begins(this));
    logs.reverse();
    logs
}

/// Where a log has a date or a number in its own name, and a symbolic link to it moved on from `old` to `real`:
/// the logs of the same form between them, oldest first.
pub fn between(old: &Path, real: &Path) -> Vec<Old> {
    let form = |path: &Path| -> (Vec<u8>, Vec<Vec<u8>>) {
        let name = unpacked(bytes(path));
        let pieces = name.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let (digits, text): (Vec<_>, Vec<_>) = pieces.partition(|p| p[0].is_ascii_digit());
        (text.join(&0), digits.into_iter().map(padded).collect())
    };
    let ((text, first), (text_now, last)) = (form(old), form(real));
    let Some(directory) = real.parent().filter(|_| text == text_now && old != real) else {
        return Vec::new();
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut between: Vec<_> = entries
        .map(|e| (form(&e.path()), e.path()))
        .filter(|((t, numbers), _)| *t == text && *numbers > first && *numbers < last)
        .map(|((_, numbers), path)| (numbers, path))
        .collect();
    between.sort();
    between.dedup_by(|later, earlier| later.0 == earlier.0);
    let open = between.iter().map(|(_, path)| Old::open(path));
    open.filter_map(io::Result::ok).collect()
}

/// A number so that numbers of any length sort as bytes.
fn padded(digits: &[u8]) -> Vec<u8> {
    let mut out = vec![b'0'; 20usize.saturating_sub(digits.len())];
    out.extend_from_slice(digits);
    out
}

/// A file by its identity, under whatever name in the directory of `real`.
pub fn by_id(real: &Path, id: Id) -> Option<File> {
    let entries = fs::read_dir(real.parent()?).into_iter().flatten().flatten();
    let mut same = entries.filter(|e| e.ino() == id.ino);
    same.find_map(|e| {
        let file = open(&e.path()).ok()?;
        (Id::from(&file.metadata().ok()?) == id).then_some(file)
    })
}

/// Where a mark is among the old logs of a file.
pub struct Place {
    /// What follows the mark in the file that holds it; `None` where that is a copy which ends before the mark.
    pub rest: Option<Content>,
    /// The logs after that one, oldest first.
    pub later: Vec<Old>,
    pub holder: Old,
    /// The logs before it, newest first.
    pub older: Vec<Old>,
}

/// Finds the rotated file, or the copy of a truncated one, that holds `mark`, among the old logs of `real`.
pub fn find(mark: &Mark, id: Option<Id>, real: &Path) -> Option<Place> {
    let mut logs = old_logs(real);
    // Where nothing was read, only the file itself can be meant.
    let blank = mark.tail.len == 0 && mark.head.len == 0;
    let fits = |old: &Old, wanted| {
        (!blank || id == Some(old.id)) && matches!(old.fit(mark), Ok(fit) if fit == wanted)
    };
    let holds = |packed| {
        let mut logs = logs.iter();
        logs.position(|old| old.packed == packed && fits(old, Fit::Holds))
    };
    // Unpacking takes long, so it comes last.
    let mut this = holds(false).or_else(|| holds(true));
    if this.is_none() {
        let renamed = id.and_then(|id| Old::of(by_id(real, id)?).ok());
        if let Some(holder) = renamed.filter(|old| fits(old, Fit::Holds)) {
            return Some(Place {
                rest: holder.content().ok().and_then(|c| after(c, mark)),
                later: Vec::new(),
                holder,
                older: Vec::new(),
            });
        }
        this = logs
            .iter()
            .position(|old| mark.head.len > 0 && fits(old, Fit::Shorter));
    }
    let older = logs.split_off(this? + 1);
    let whole = logs.last().is_some_and(|holder| fits(holder, Fit::Holds));
    let content = logs.last().and_then(|holder| holder.content().ok());
    let made = logs.last().and_then(Old::made_as_plain);
    let holder = logs.pop()?;
    Some(Place {
        rest: content.filter(|_| whole).and_then(|c| after(c, mark)),
        later: newer_than(logs, made),
        holder,
        older,
    })
}

/// These logs, newest first, without those that were made earlier than one before them: oldest first.
fn newer_than(mut logs: Vec<Old>, made: Option<SystemTime>) -> Vec<Old> {
    // A name is no proof: what was made earlier did not come later.
    logs.retain(|old| {
        let own = old.made_as_plain();
        own.is_none() || made.is_none() || own >= made
    });
    logs.reverse();
    logs
}

/// What follows the mark.
fn after(content: Content, mark: &Mark) -> Option<Content> {
    match content {
        Content::Plain(mut file) => {
            file.seek(SeekFrom::Start(mark.offset)).ok()?;
            Some(Content::Plain(file))
        }
        Content::Packed(stream) if mark.offset == 0 => Some(Content::Packed(stream)),
        Content::Packed(mut stream) => {
            let passed = mark.fit_stream(&mut *stream).ok()?;
            (passed == Fit::Holds).then_some(Content::Packed(stream))
        }
    }
}

/// Opens a regular file, and waits for nothing else.
pub fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_old_logs() {
        let number = |n| Some(Age::Number(n));
        let date = |d: &str| Some(Age::Date(d.into()));
        for (name, log, expected) in [
            ("log.1", "log", number(1)),
            ("log.12.gz", "log", number(12)),
            ("log-20260330", "log", date("20260330")),
            ("log-20260330.zst", "log", date("20260330")),
            ("log-2026-03-30", "log", date("2026-03-30")),
            ("a-20260330.log", "a.log", date("20260330")),
            ("a.1.log.xz", "a.log", number(1)),
            ("log", "log", None),
            ("log.gz", "log", None),
            ("log.swp", "log", None),
            ("log.1.tmp", "log", None),
            ("logs.1", "log", None),
            ("log1", "log", None),
            ("other.1", "log", None),
        ] {
            assert_eq!(age(name.as_bytes(), log.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn what_came_after() {
        let home = tempfile::tempdir().expect("a directory");
        let path = |name: &str| home.path().join(name);
        let names = "log.3.gz log.2 log.2.gz log.1 log log.swp a-8.log a-9.log a-10.log a-11.log";
        for name in names.split(' ') {
            fs::write(path(name), name).expect("a file");
        }
        let words = |logs: Vec<Old>| {
            let name = |old: &Old| {
                let mut text = String::new();
                let stream = old.content().and_then(Content::stream);
                stream
                    .expect("open")
                    .read_to_string(&mut text)
                    .expect("text");
                text
            };
            logs.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        let newer_than = |name: &str| {
            newer(old_logs(&path("log")), |old| {
                old.begins(Print::of(name.as_bytes()))
            })
        };
        assert_eq!(words(old_logs(&path("log"))), "log.1 log.2 log.3.gz");
        assert_eq!(words(newer_than("log.3.gz")), "log.2 log.1");
        assert_eq!(words(newer_than("log.1")), "");
        assert_eq!(words(newer_than("elsewhere")), "");
        for (old, real, expected) in [
            ("a-8.log", "a-11.log", "a-9.log a-10.log"),
            ("a-10.log", "a-11.log", ""),
            ("log", "log", ""),
        ] {
            assert_eq!(
                words(between(&path(old), &path(real))),
                expected,
                "{old} to {real}"
            );
        }
    }
}
