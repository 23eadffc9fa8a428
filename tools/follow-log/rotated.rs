//! Rotated files: open under whatever name they have now, and in the order in which they were made.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pipeban::unpack::{is_packed_file, unpack};

use crate::open::open;
use crate::position::{EDGE, Fingerprint, Fit, Id, Position};
use crate::rotated_name::{Form, form, is_packed, numbered};

/// How often the rotated files are listed again while they are being renamed.
const TRIES: u32 = 20;

/// A rotated file, open: its name may change at any moment, its content does not.
pub struct Rotated {
    file: File,
    /// Its identity.
    pub id: Id,
    /// Whether it is compressed.
    pub packed: bool,
    /// The form of its name, where it was found by that.
    form: Option<Form>,
}

impl Rotated {
    fn open(path: &Path) -> io::Result<Self> {
        Self::of(open(path)?)
    }

    /// Takes an open file.
    pub fn of(file: File) -> io::Result<Self> {
        Ok(Rotated {
            id: Id::from(&file.metadata()?),
            packed: is_packed_file(&file)?,
            form: None,
            file,
        })
    }

    /// When the file was made, where the file system knows it. A compressed file does not tell: it
    /// was made when it was compressed.
    pub fn made(&self) -> Option<SystemTime> {
        let metadata = self.file.metadata().ok().filter(|_| !self.packed)?;
        metadata.created().ok()
    }

    /// Whether it is root's, or of the user with this number.
    pub fn is_of(&self, user: u32) -> bool {
        let owner = self.file.metadata().map(|m| m.uid());
        owner.is_ok_and(|owner| owner == 0 || owner == user)
    }

    /// Compares its content with a position.
    pub fn fit(&self, position: &Position) -> io::Result<Fit> {
        if self.packed {
            position.fit_stream(&mut *self.content()?.stream()?)
        } else {
            position.fit(&self.file)
        }
    }

    /// Whether its first bytes have this fingerprint.
    pub fn begins(&self, head: Fingerprint) -> bool {
        let position = Position::beginning(head);
        head.len > 0 && matches!(self.fit(&position), Ok(Fit::Holds))
    }

    /// The fingerprint of its first bytes, at most [`EDGE`].
    pub fn beginning(&self) -> io::Result<Fingerprint> {
        let mut bytes = Vec::new();
        let mut start = self.content()?.stream()?.take(EDGE as u64);
        start.read_to_end(&mut bytes)?;
        Ok(Fingerprint::of(&bytes))
    }

    /// Its content, from the beginning.
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

/// The text of a rotated file from some position on.
pub enum Content {
    /// A file that may still be written to.
    Plain(File),
    /// Text that is complete.
    Packed(Box<dyn Read + Send>),
}

impl Content {
    /// The text as a stream.
    pub fn stream(self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Content::Plain(file) => Box::new(file),
            Content::Packed(stream) => stream,
        })
    }
}

/// The names of the rotated files of a log, the newest first, with their inode numbers.
type Listing = Vec<(Form, bool, PathBuf, u64)>;

fn list(real: &Path) -> Listing {
    let directory = real.parent().map(fs::read_dir);
    let entries = directory.into_iter().flatten().flatten().flatten();
    let row = |e: fs::DirEntry| {
        let path = e.path();
        Some((form(&path, real)?, is_packed(&path), path, e.ino()))
    };
    let mut list: Listing = entries.filter_map(row).collect();
    // While a file is being compressed both forms are there, and the compressed one, which sorts
    // last, is not whole.
    list.sort();
    list.dedup_by(|later, earlier| later.0 == earlier.0);
    list
}

/// The rotated files of `real`, the newest first, as they were at one moment.
pub fn rotated_files(real: &Path) -> Vec<Rotated> {
    let mut files = Vec::new();
    for _ in 0..TRIES {
        let before = list(real);
        let open = |(form, _, path, _): &(Form, bool, PathBuf, u64)| {
            let mut file = Rotated::open(path).ok()?;
            file.form = Some(form.clone());
            Some(file)
        };
        files = before.iter().filter_map(open).collect();
        if list(real) == before {
            break;
        }
    }
    files
}

/// Of rotated files, the newest first, those that are newer than one of them: the oldest first.
pub fn newer(mut files: Vec<Rotated>, than: impl FnMut(&Rotated) -> bool) -> Vec<Rotated> {
    let Some(this) = files.iter().position(than) else {
        return Vec::new();
    };
    files.truncate(this + 1);
    files.pop().map_or(Vec::new(), |this| after(files, &this))
}

/// Of rotated files, the newest first, those that were made since `made` and do not begin as `this`
/// does: the oldest first.
pub fn made_since(
    mut files: Vec<Rotated>,
    made: Option<SystemTime>,
    this: Fingerprint,
) -> Vec<Rotated> {
    let since = |file: &Rotated| Some(file.made()? >= made?);
    // Without a file whose rotated name is known, a number inside a name is no proof.
    let suffix = |file: &Rotated| file.form.as_ref().is_some_and(|f| f.inside.is_none());
    files.retain(|file| suffix(file) && since(file).unwrap_or(false) && !file.begins(this));
    files.reverse();
    files
}

/// Of these files, the newest first, those that came after `this` by their names and by the time
/// when they were made: the oldest first.
pub fn after(mut files: Vec<Rotated>, this: &Rotated) -> Vec<Rotated> {
    let made = this.made();
    files.retain(|file| {
        let alike = match (&file.form, &this.form) {
            (Some(own), Some(form)) => own.is_like(form),
            _ => true,
        };
        // A name is no proof: a file that was made earlier did not come later.
        let own = file.made();
        alike && (own.is_none() || made.is_none() || own >= made)
    });
    files.reverse();
    files
}

/// The logs between `old` and `real`, the oldest first, where the logs themselves have a date or a
/// number in their name and a symbolic link to them moved on.
pub fn between(old: &Path, real: &Path) -> Vec<Rotated> {
    let ((text, first), (text_now, last)) = (numbered(old), numbered(real));
    let Some(directory) = real.parent().filter(|_| text == text_now && old != real) else {
        return Vec::new();
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut between: Vec<_> = entries
        .map(|e| (numbered(&e.path()), e.path()))
        .filter(|((t, numbers), _)| *t == text && *numbers > first && *numbers < last)
        .map(|((_, numbers), path)| (numbers, path))
        .collect();
    between.sort();
    between.dedup_by(|later, earlier| later.0 == earlier.0);
    let open = between.iter().map(|(_, path)| Rotated::open(path));
    open.filter_map(io::Result::ok).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        let home = tempfile::tempdir().expect("a directory");
        let path = |name: &str| home.path().join(name);
        let names = "log.3.gz log.2 log.2.gz log.1 log log.swp a-8.log a-9.log a-10.log a-11.log";
        for name in names.split(' ') {
            fs::write(path(name), name).expect("a file");
        }
        let words = |files: Vec<Rotated>| {
            let text = |file: &Rotated| {
                let mut text = String::new();
                let stream = file.content().and_then(Content::stream);
                let read = stream.expect("open").read_to_string(&mut text);
                read.expect("text");
                text
            };
            files.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        let newer_than = |name: &str| {
            newer(rotated_files(&path("log")), |file| {
                file.begins(Fingerprint::of(name.as_bytes()))
            })
        };
        let all = rotated_files(&path("log"));
        assert_eq!(words(all), "log.1 log.2 log.3.gz");
        assert_eq!(words(newer_than("log.3.gz")), "log.2 log.1");
        assert_eq!(words(newer_than("log.1")), "");
        assert_eq!(words(newer_than("elsewhere")), "");
        for (old, real, expected) in [
            ("a-8.log", "a-11.log", "a-9.log a-10.log"),
            ("a-10.log", "a-11.log", ""),
            ("log", "log", ""),
        ] {
            let got = words(between(&path(old), &path(real)));
            assert_eq!(got, expected, "{old} to {real}");
        }
    }
}
