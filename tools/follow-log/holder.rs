//! The file that holds a position: the log under its old name, or a copy of it.

use std::io::{Seek, SeekFrom};
use std::path::Path;

use crate::position::{Fit, Id, Position};
use crate::rotated::{Content, Rotated, after, by_id, rotated_files};

/// A position found in a rotated file.
pub struct Place {
    /// The text behind the position; `None` in a copy that ends before it.
    pub rest: Option<Content>,
    /// The files after the holder, the oldest first.
    pub later: Vec<Rotated>,
    /// The file that holds the position.
    pub holder: Rotated,
    /// The files before it, the newest first.
    pub older: Vec<Rotated>,
}

/// Finds the rotated file of `real`, or the copy of a truncated one, that holds `position`. `id` is
/// the file that held it last, where that is known.
pub fn find(position: &Position, id: Option<Id>, real: &Path) -> Option<Place> {
    let mut files = rotated_files(real);
    // Where nothing was read, only the file itself can be meant.
    let blank = position.tail.len == 0 && position.head.len == 0;
    let fits = |file: &Rotated, wanted| {
        let compared = (!blank || id == Some(file.id)).then(|| file.fit(position));
        matches!(compared, Some(Ok(fit)) if fit == wanted)
    };
    let holds = |packed| {
        let mut files = files.iter();
        files.position(|file| file.packed == packed && fits(file, Fit::Holds))
    };
    // Unpacking takes long, so it comes last.
    let mut this = holds(false).or_else(|| holds(true));
    if this.is_none() {
        let renamed = id.and_then(|id| Rotated::of(by_id(real, id)?).ok());
        if let Some(holder) = renamed.filter(|file| fits(file, Fit::Holds)) {
            return Some(Place {
                rest: holder.content().ok().and_then(|c| behind(c, position)),
                later: Vec::new(),
                holder,
                older: Vec::new(),
            });
        }
        let mut files = files.iter();
        this = files.position(|file| position.head.len > 0 && fits(file, Fit::Shorter));
    }
    let older = files.split_off(this? + 1);
    let holder = files.pop()?;
    let whole = fits(&holder, Fit::Holds);
    let content = holder.content().ok().filter(|_| whole);
    Some(Place {
        rest: content.and_then(|c| behind(c, position)),
        later: after(files, &holder),
        holder,
        older,
    })
}

/// The text behind the position.
fn behind(content: Content, position: &Position) -> Option<Content> {
    match content {
        Content::Plain(mut file) => {
            file.seek(SeekFrom::Start(position.offset)).ok()?;
            Some(Content::Plain(file))
        }
        Content::Packed(stream) if position.offset == 0 => Some(Content::Packed(stream)),
        Content::Packed(mut stream) => {
            let passed = position.fit_stream(&mut *stream).ok()?;
            (passed == Fit::Holds).then_some(Content::Packed(stream))
        }
    }
}
