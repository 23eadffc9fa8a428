//! The names of rotated files, and their order.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The endings that compressors add to a name.
const PACKED: [&[u8]; 4] = [b".gz", b".xz", b".zst", b".bz2"];

/// The bytes of a number or date in a name.
const NUMBER: &[u8] = b"0123456789-_.T";

/// The bytes before a number or date in a name.
const SEPARATORS: &[u8] = b".-_";

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

/// The form of a rotated file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    /// Its number or date.
    pub age: Age,
    /// Where it stands before the log's extension (`x-20260330.log`), the byte before it. Such a
    /// name may as well be that of another log: `access-443.log`.
    pub inside: Option<u8>,
}

impl Form {
    /// Whether one rotation could have given both names.
    pub fn is_like(&self, other: &Form) -> bool {
        let kind = |form: &Form| matches!(form.age, Age::Number(_));
        match (self.inside, other.inside) {
            (None, None) => true,
            (one, other_one) => one == other_one && kind(self) == kind(other),
        }
    }
}

/// The form of `path` as the name of a rotated file of `log`, by the name alone. logrotate(8) names
/// it `log.1`, `log-20260330`, or with its option `extension` `x-20260330.log`; each may be
/// compressed.
pub fn form(path: &Path, log: &Path) -> Option<Form> {
    let (name, log) = (unpacked(bytes(path)), bytes(log));
    let suffix = name.strip_prefix(log).map(|added| (added, false));
    let inside = || {
        let dot = log.iter().rposition(|b| *b == b'.')?;
        let added = name.strip_prefix(&log[..dot])?.strip_suffix(&log[dot..])?;
        Some((added, true))
    };
    let (added, inside) = suffix.or_else(inside)?;
    let (first, rest) = added.split_first()?;
    let digits = rest.iter().filter(|b| b.is_ascii_digit()).count();
    if !SEPARATORS.contains(first) || digits == 0 || !rest.iter().all(|b| NUMBER.contains(b)) {
        return None;
    }
    // A date has eight digits at least.
    let age = if digits == rest.len() && digits < 8 {
        Age::Number(std::str::from_utf8(rest).ok()?.parse().ok()?)
    } else {
        Age::Date(rest.to_vec())
    };
    Some(Form {
        age,
        inside: inside.then_some(*first),
    })
}

/// The names of all logs of which `path` could be a rotated file.
pub fn logs_of(path: &Path) -> Vec<PathBuf> {
    let name = unpacked(bytes(path));
    let dot = name.iter().rposition(|b| *b == b'.');
    let mut logs = before_numbers(name, b"");
    if let Some(dot) = dot {
        logs.extend(before_numbers(&name[..dot], &name[dot..]));
    }
    let logs = logs.into_iter().map(|log| path.with_file_name(log));
    logs.filter(|log| form(path, log).is_some()).collect()
}

/// The text before each separator in the number or date at the end of `name`, with `ending` added.
fn before_numbers(name: &[u8], ending: &[u8]) -> Vec<OsString> {
    let number = name.iter().rev().take_while(|b| NUMBER.contains(b)).count();
    let begin = name.len() - number;
    let cuts = (begin..name.len()).filter(|i| *i > 0 && SEPARATORS.contains(&name[*i]));
    let log = |cut: usize| OsStr::from_bytes(&[&name[..cut], ending].concat()).to_owned();
    cuts.map(log).collect()
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
        let number = |age, inside| {
            let age = Age::Number(age);
            Some(Form { age, inside })
        };
        let date = |date: &str, inside| {
            let age = Age::Date(date.into());
            Some(Form { age, inside })
        };
        let none = None;
        for (name, log, expected) in [
            ("log.1", "log", number(1, none)),
            ("log.12.gz", "log", number(12, none)),
            ("log-20260330", "log", date("20260330", none)),
            ("log-20260330.zst", "log", date("20260330", none)),
            ("log-2026-03-30", "log", date("2026-03-30", none)),
            ("a-20260330.log", "a.log", date("20260330", Some(b'-'))),
            ("a.1.log.xz", "a.log", number(1, Some(b'.'))),
            ("access-443.log", "access.log", number(443, Some(b'-'))),
            ("log", "log", None),
            ("log.gz", "log", None),
            ("log.swp", "log", None),
            ("log.1.tmp", "log", None),
            ("logs.1", "log", None),
            ("log1", "log", None),
            ("other.1", "log", None),
        ] {
            let (name, log) = (Path::new(name), Path::new(log));
            assert_eq!(form(name, log), expected, "{name:?}");
            let listed = logs_of(name).iter().any(|l| l == log);
            assert_eq!(listed, expected.is_some(), "{name:?}");
        }
    }
}
