//! From operands to files. Symbolic links and wildcards are followed name by name, so that each
//! directory in which a name is looked up can be watched for it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::glob::{is_pattern, matches};

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

/// One step of a search, which must be watched before it is taken.
pub enum Step<'a> {
    /// Through a directory or symbolic link, which may be moved away or deleted.
    Pass(&'a Path),
    /// In this directory, to this name or pattern.
    LookUp(&'a Path, &'a OsStr),
}

/// A name that could not be looked up, for another reason than that it is missing.
pub struct Refused {
    /// The name as a user knows it.
    pub shown: PathBuf,
    /// The reason.
    pub error: io::Error,
}

/// Finds the files of `operand`. `before` is told of each step; it returns whether the path passed,
/// or the directory, is there and watched.
pub fn find(operand: &Path, before: &mut dyn FnMut(Step) -> bool) -> (Vec<Found>, Vec<Refused>) {
    let mut search = Search {
        before,
        found: Vec::new(),
        refused: Vec::new(),
    };
    // The working directory need not be one that may be entered, unless it matters.
    let directory = if operand.is_absolute() {
        Ok("/".into())
    } else {
        std::path::absolute(".")
    };
    let parts: Vec<_> = operand.components().collect();
    let mut links = 0;
    // The working directory may itself be moved.
    let start = directory.and_then(|path| search.resolve(Path::new("/"), &path, false, &mut links));
    match start {
        Ok(start) => search.expand(&start, Path::new(""), &parts, false),
        Err(error) => search.refuse(operand, error),
    }
    (search.found, search.refused)
}

struct Search<'a> {
    before: &'a mut dyn FnMut(Step) -> bool,
    found: Vec<Found>,
    refused: Vec<Refused>,
}

impl Search<'_> {
    /// Notes an error, unless it is that the name is missing.
    fn refuse(&mut self, shown: &Path, error: io::Error) {
        let missing = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        if !missing.contains(&error.kind()) {
            let shown = shown.into();
            self.refused.push(Refused { shown, error });
        }
    }

    fn expand(&mut self, directory: &Path, shown: &Path, parts: &[Component], wild: bool) {
        let Some((part, rest)) = parts.split_first() else {
            return;
        };
        let mut names = vec![(part.as_os_str().to_owned(), wild)];
        if is_pattern(part.as_os_str()) && !directory.join(part).exists() {
            (self.before)(Step::LookUp(directory, part.as_os_str()));
            let matching = matching(directory, part.as_os_str()).unwrap_or_else(|e| {
                self.refuse(&shown.join(part), e);
                Vec::new()
            });
            names = matching.into_iter().map(|n| (n, true)).collect();
        }
        for (name, wild) in names {
            let shown = shown.join(&name);
            let mut links = 0;
            match self.resolve(directory, Path::new(&name), rest.is_empty(), &mut links) {
                Ok(real) if rest.is_empty() => self.found.push(Found { shown, real, wild }),
                Ok(real) => self.expand(&real, &shown, rest, wild),
                Err(e) => self.refuse(&rest.iter().fold(shown, |path, p| path.join(p)), e),
            }
        }
    }

    /// The path without symbolic links. `last`: the path leads to the file itself.
    fn resolve(
        &mut self,
        directory: &Path,
        path: &Path,
        last: bool,
        links: &mut u32,
    ) -> io::Result<PathBuf> {
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
                    // Directories on the way are seldom moved, but files in them often are.
                    if last || !(self.before)(Step::Pass(&next)) {
                        (self.before)(Step::LookUp(&real, name));
                    }
                    if next.symlink_metadata()?.is_symlink() {
                        *links += 1;
                        if *links > MAX_LINKS {
                            return Err(nix::errno::Errno::ELOOP.into());
                        }
                        let target = fs::read_link(&next)?;
                        real = self.resolve(&real, &target, last, links)?;
                    } else {
                        real = next;
                    }
                }
            }
        }
        Ok(real)
    }
}

/// The names in a directory that match, sorted.
fn matching(directory: &Path, pattern: &OsStr) -> io::Result<Vec<OsString>> {
    let mut names: Vec<_> = fs::read_dir(directory)?
        .flatten()
        .map(|e| e.file_name())
        .filter(|n| matches(pattern.as_bytes(), n.as_bytes()))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let (found, _) = find(&home.join(operand), &mut |before| {
                let (path, name) = match before {
                    Step::Pass(path) => (path, OsStr::new("pass")),
                    Step::LookUp(directory, name) => (directory, name),
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
