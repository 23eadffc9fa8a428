//! From operands to files: symbolic links and wildcards are followed name by name, so that each
//! directory in which a name was looked up can be watched for it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// As the kernel's own limit on symbolic links in one path, path_resolution(7).
const MAX_LINKS: u32 = 40;

/// A file that an operand names.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// Its name as a user knows it: the operand, its wildcards replaced.
    pub shown: PathBuf,
    /// The same file without any symbolic link in its path.
    pub real: PathBuf,
    /// Whether a wildcard found it.
    pub wild: bool,
}

/// What is about to be relied on, and must be watched before that.
pub enum Before<'a> {
    /// A directory or symbolic link on the way, which may be moved away or deleted; answered by whether it is there.
    Pass(&'a Path),
    /// A directory in which this name or pattern is looked up.
    Look(&'a Path, &'a OsStr),
}

/// Finds the files of `operand`; before each step `before` is told of it.
pub fn find(operand: &Path, before: &mut dyn FnMut(Before) -> bool) -> Vec<Found> {
    let mut search = Search {
        before,
        found: Vec::new(),
    };
    // Fails for an empty operand only, which names nothing.
    if let Ok(directory) = std::path::absolute(".") {
        let parts: Vec<_> = operand.components().collect();
        let mut links = 0;
        // The working directory may itself be moved.
        if let Some(start) = search.resolve(Path::new("/"), &directory, false, &mut links) {
            search.expand(&start, Path::new(""), &parts, false);
        }
    }
    search.found
}

struct Search<'a> {
    before: &'a mut dyn FnMut(Before) -> bool,
    found: Vec<Found>,
}

impl Search<'_> {
    fn expand(&mut self, directory: &Path, shown: &Path, parts: &[Component], wild: bool) {
        let Some((part, rest)) = parts.split_first() else {
            return;
        };
        let mut names = vec![(part.as_os_str().to_owned(), wild)];
        if is_pattern(part.as_os_str()) && !directory.join(part).exists() {
            (self.before)(Before::Look(directory, part.as_os_str()));
            names = matching(directory, part.as_os_str())
                .into_iter()
                .map(|n| (n, true))
                .collect();
        }
        for (name, wild) in names {
            let shown = shown.join(&name);
            let mut links = 0;
            match self.resolve(directory, Path::new(&name), rest.is_empty(), &mut links) {
                Some(real) if rest.is_empty() => self.found.push(Found { shown, real, wild }),
                Some(real) => self.expand(&real, &shown, rest, wild),
                None => {}
            }
        }
    }

    /// The path without symbolic links; `None` where a part of it is missing. `last`: it leads to the file itself.
    fn resolve(
        &mut self,
        directory: &Path,
        path: &Path,
        last: bool,
        links: &mut u32,
    ) -> Option<PathBuf> {
        let mut real = directory.to_owned();
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let last = last && parts.peek().is_none();
            match part {
                Component::RootDir => real = "/".into(),
                Component::ParentDir => _ = real.pop(),
                Component::CurDir | Component::Prefix(_) => {}
                Component::Normal(name) => {
                    let next = real.join(name);
                    // Directories on the way are seldom moved, but much may happen in them that is none of our business.
                    if last || !(self.before)(Before::Pass(&next)) {
                        (self.before)(Before::Look(&real, name));
                    }
                    if next.symlink_metadata().ok()?.is_symlink() {
                        *links += 1;
                        if *links > MAX_LINKS {
                            return None;
                        }
                        let target = fs::read_link(&next).ok()?;
                        real = self.resolve(&real, &target, last, links)?;
                    } else {
                        real = next;
                    }
                }
            }
        }
        Some(real)
    }
}

pub fn is_pattern(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|b| b"*?[".contains(b))
}

/// The names in a directory that match, sorted.
fn matching(directory: &Path, pattern: &OsStr) -> Vec<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|e| e.file_name())
        .filter(|n| matches(pattern.as_bytes(), n.as_bytes()))
        .collect();
    names.sort();
    names
}

/// Whether a name matches a pattern as in glob(7): `*`, `?`, `[a-z]`, `[!a-z]`, `\` before a plain character.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // A hidden file is matched by its dot only.
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the last `*` did not match: one byte more for the star.
    let mut again = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            again = Some((p, n));
            continue;
        }
        if p == pattern.len() && n == name.len() {
            return true;
        }
        match (n < name.len())
            .then(|| one(&pattern[p..], name[n]))
            .flatten()
        {
            Some(length) => {
                p += length;
                n += 1;
            }
            None => match again {
                Some((star, taken)) if taken < name.len() => {
                    (p, n) = (star, taken + 1);
                    again = Some((star, taken + 1));
                }
                _ => return false,
            },
        }
    }
}

/// The length of the pattern's first element if it matches this byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', plain, ..] => (*plain == byte).then_some(2),
        [b'[', rest @ ..] => {
            let negated = rest.first() == Some(&b'!');
            let begin = usize::from(negated);
            // A `]` that stands first is a member.
            let end = begin + 1 + rest.get(begin + 1..)?.iter().position(|b| *b == b']')?;
            let set = &rest[begin..end];
            (class(set, byte) != negated).then_some(end + 2)
        }
        [plain, ..] => (*plain == byte).then_some(1),
    }
}

fn class(mut set: &[u8], byte: u8) -> bool {
    while let Some(first) = set.first() {
        let (last, length) = match set {
            [_, b'-', last, ..] => (last, 3),
            _ => (first, 1),
        };
        if (*first..=*last).contains(&byte) {
            return true;
        }
        set = &set[length..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.log", "a.log", true),
            ("*.log", ".log", false),
            (".*", ".log", true),
            ("*.log", "a.log.1", false),
            ("*.log*", "a.log.1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]x", "]x", true),
            ("[a", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxbxxb", false),
            ("", "", true),
            ("*", "anything", true),
        ] {
            let got = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(got, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn links_and_wildcards() {
        let home = tempfile::tempdir().expect("a directory");
        let home = home.path().canonicalize().expect("a real path");
        fs::create_dir(home.join("data")).expect("a directory");
        for name in ["data/one.log", "data/two.log", "data/b[1].log"] {
            fs::write(home.join(name), "").expect("a file");
        }
        std::os::unix::fs::symlink("data", home.join("link")).expect("a link");
        std::os::unix::fs::symlink("self", home.join("self")).expect("a link");
        let look = |operand: &str| {
            let mut asked = Vec::new();
            let found = find(&home.join(operand), &mut |before| {
                let (path, name) = match before {
                    Before::Pass(path) => (path, OsStr::new("pass")),
                    Before::Look(directory, name) => (directory, name),
                };
                if let Ok(inside) = path.strip_prefix(&home).map(Path::display) {
                    asked.push(format!("{inside}:{}", name.display()));
                }
                path.symlink_metadata().is_ok()
            });
            let found: Vec<_> = found
                .iter()
                .map(|f| f.real.strip_prefix(&home).expect("inside").to_owned())
                .collect();
            (format!("{found:?}"), asked.join(" "))
        };
        let rows = [
            (
                "link/*.log",
                r#"["data/b[1].log", "data/one.log", "data/two.log"]"#,
            ),
            ("l*k/o*", r#"["data/one.log"]"#),
            ("link/b[1].log", r#"["data/b[1].log"]"#),
            ("data/../link/two.log", r#"["data/two.log"]"#),
            ("missing/x", "[]"),
            ("self", "[]"),
        ];
        for (operand, expected) in rows {
            assert_eq!(look(operand).0, expected, "{operand}");
        }
        assert_eq!(
            look("link/one.log").1,
            ":pass link:pass data:pass data:one.log"
        );
        assert_eq!(look("missing/x").1, ":pass missing:pass :missing");
    }
}
