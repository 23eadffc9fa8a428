//! Old logs: where a file went when it was rotated, and which came after it.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::mark::{Fit, Id, Mark};

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

struct Entry {
    path: PathBuf,
    ino: u64,
}

fn entries(directory: &Path) -> Vec<Entry> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|e| Entry {
            path: e.path(),
            ino: e.ino(),
        })
        .collect()
}

/// Where a file is now, among those beside `real`.
pub fn by_id(real: &Path, id: Id) -> Option<PathBuf> {
    let same = |path: &Path| {
        path.symlink_metadata()
            .is_ok_and(|m| m.is_file() && m.dev() == id.dev && m.ino() == id.ino)
    };
    let mut entries = entries(real.parent()?).into_iter();
    entries
        .find(|e| e.ino == id.ino && same(&e.path))
        .map(|e| e.path)
}

/// The old logs of `real`, newest first.
fn old_logs(real: &Path) -> Vec<PathBuf> {
    let Some(directory) = real.parent() else {
        return Vec::new();
    };
    let mut aged: Vec<_> = entries(directory)
        .into_iter()
        .filter_map(|e| Some((age(bytes(&e.path), bytes(real))?, e.path)))
        .collect();
    // While an old log is compressed both forms are there, and the compressed one is not whole.
    aged.sort_by(|(a, x), (b, y)| a.cmp(b).then(is_packed(x).cmp(&is_packed(y))));
    aged.dedup_by(|(later, _), (earlier, _)| later == earlier);
    aged.into_iter().map(|(_, path)| path).collect()
}

/// What came between `old`, a file that is not followed under this name any more, and `real`: oldest first.
///
/// They are old logs of `real` newer than `old`; or, where the log has a date or number in its own name
/// and a symbolic link to it moved on, those of the same form between them.
pub fn between(old: &Path, real: &Path) -> Vec<PathBuf> {
    let logs = match age(bytes(old), bytes(real)) {
        Some(age_of_old) => old_logs(real)
            .into_iter()
            .rev()
            .filter(|p| age(bytes(p), bytes(real)).is_some_and(|a| a < age_of_old))
            .collect(),
        None => same_form(old, real),
    };
    let Some(created) = created(old) else {
        return logs;
    };
    // A name is no proof: what is older than the file itself did not come after it.
    logs.into_iter()
        .filter(|p| crate::past::created(p).is_none_or(|c| c >= created))
        .collect()
}

fn created(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.created().ok()
}

fn same_form(old: &Path, real: &Path) -> Vec<PathBuf> {
    let form = |path: &Path| -> (Vec<u8>, Vec<Vec<u8>>) {
        let name = unpacked(bytes(path));
        let pieces = name.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let (digits, text): (Vec<_>, Vec<_>) = pieces.partition(|p| p[0].is_ascii_digit());
        (text.join(&0), digits.into_iter().map(padded).collect())
    };
    let ((text, first), (text_now, last)) = (form(old), form(real));
    let Some(directory) = real
        .parent()
        .filter(|_| text == text_now && !first.is_empty())
    else {
        return Vec::new();
    };
    let mut between: Vec<_> = entries(directory)
        .into_iter()
        .map(|e| (form(&e.path), e.path))
        .filter(|((t, numbers), _)| *t == text && *numbers > first && *numbers < last)
        .map(|((_, numbers), path)| (numbers, path))
        .collect();
    between.sort();
    between.dedup_by(|(later, _), (earlier, _)| later == earlier);
    between.into_iter().map(|(_, path)| path).collect()
}

/// A number so that numbers of any length sort as bytes.
fn padded(digits: &[u8]) -> Vec<u8> {
    let mut out = vec![b'0'; 20usize.saturating_sub(digits.len())];
    out.extend_from_slice(digits);
    out
}

/// Where the content that was read up to a mark is now.
pub struct Rest {
    pub path: PathBuf,
    /// What follows the mark; `None` where the file ends before it.
    pub file: Option<File>,
}

/// Finds the rotated file, or the copy of a truncated one, that holds `mark`, among the old logs of `real`.
pub fn find(mark: &Mark, id: Option<Id>, real: &Path) -> Option<Rest> {
    let mut paths = old_logs(real);
    if let Some(path) = id.and_then(|id| by_id(real, id)) {
        paths.insert(0, path);
    }
    let mut shorter = None;
    for path in paths {
        if mark.tail.len == 0 {
            // Nothing was read, so only the file itself can be meant.
            let own = id.is_some_and(|id| path.metadata().is_ok_and(|m| Id::from(&m) == id));
            if !own {
                continue;
            }
        }
        let Ok(file) = open(&path) else { continue };
        match mark.fit(&file) {
            Ok(Fit::Holds) => {
                let file = Some(file);
                return Some(Rest { path, file });
            }
            Ok(Fit::Shorter) if mark.head.len > 0 && shorter.is_none() => {
                shorter = Some(Rest { path, file: None });
            }
            _ => {}
        }
    }
    shorter
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
    fn what_came_between() {
        let home = tempfile::tempdir().expect("a directory");
        let path = |name: &str| home.path().join(name);
        let names = "log.3.gz log.2 log.2.gz log.1 log log.swp a-8.log a-9.log a-10.log a-11.log";
        for name in names.split(' ') {
            fs::write(path(name), "").expect("a file");
        }
        for (old, real, expected) in [
            ("log.3.gz", "log", "log.2 log.1"),
            ("log.2", "log", "log.1"),
            ("log.1", "log", ""),
            ("elsewhere", "log", ""),
            ("a-8.log", "a-11.log", "a-9.log a-10.log"),
            ("a-10.log", "a-11.log", ""),
        ] {
            let got = between(&path(old), &path(real));
            let got: Vec<_> = got
                .iter()
                .map(|p| p.file_name().unwrap_or_default().display().to_string())
                .collect();
            assert_eq!(got.join(" "), expected, "{old} to {real}");
        }
    }
}
