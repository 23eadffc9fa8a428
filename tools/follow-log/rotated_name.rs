//! The names of rotated files, and their order.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The endings that compressors add to a name.
const PACKED: [&[u8]; 4] = [b".gz", b".xz", b".zst", b".bz2"];

/// The part of a rotated file's name that the log's own name does not have; the smaller is newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Age {
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

/// The age of `path` as a rotated form of `log`, by its name alone. logrotate(8) names it `log.1`,
/// `log-20260330`, or with its option `extension` `x-20260330.log`; each may be compressed.
pub fn age(path: &Path, log: &Path) -> Option<Age> {
    let (name, log) = (unpacked(bytes(path)), bytes(log));
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
        let number = std::str::from_utf8(rest).ok()?.parse().ok()?;
        return Some(Age::Number(number));
    }
    Some(Age::Date(rest.to_vec()))
}

/// Whether `path` is a rotated form of `log`, by its name.
pub fn is_rotated(path: &Path, log: &Path) -> bool {
    path.parent() == log.parent() && age(path, log).is_some()
}

/// Whether the name ends as a compressor's output does.
pub fn is_packed(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    unpacked(name).len() < name.len()
}

fn unpacked(name: &[u8]) -> &[u8] {
    let stripped = PACKED.iter().find_map(|ending| name.strip_suffix(*ending));
    stripped.unwrap_or(name)
}

fn bytes(path: &Path) -> &[u8] {
    path.file_name().map_or(b"", OsStr::as_bytes)
}

/// The form of a log's own name that holds a date or numbers: the text between the numbers, and the
/// numbers in a form that sorts as bytes.
pub fn numbered(path: &Path) -> (Vec<u8>, Vec<Vec<u8>>) {
    let name = unpacked(bytes(path));
    let pieces = name.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    let (digits, text): (Vec<_>, Vec<_>) = pieces.partition(|p| p[0].is_ascii_digit());
    (text.join(&0), digits.into_iter().map(padded).collect())
}

/// A number of any length so that it sorts as bytes.
fn padded(digits: &[u8]) -> Vec<u8> {
    let mut out = vec![b'0'; 20usize.saturating_sub(digits.len())];
    out.extend_from_slice(digits);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files() {
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
            assert_eq!(age(Path::new(name), Path::new(log)), expected, "{name}");
        }
    }
}
