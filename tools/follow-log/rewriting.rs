//! Logs rewritten in place, as by an editor, `sed -i` or `tail -n 1000 log >t; mv t log`: the lines
//! that were printed are found in the new content, and it goes on behind them.

use std::io;
use std::path::Path;

use crate::old_lines::{Search, Wanted, find};
use crate::queue::{Key, Queue};
use crate::rotated_name::form;
use crate::source::Source;

/// Whether a file that was followed under the name `real` may have been replaced by a rewritten
/// one: it is deleted, or has a name that no rotation gives.
pub fn may_be_replaced(source: &Source, real: &Path) -> bool {
    let Some(path) = source.path() else {
        return true;
    };
    // In a directory that was moved it still has its own name.
    let name = path.file_name().unwrap_or_default();
    Some(name) != real.file_name() && form(&real.with_file_name(name), real).is_none()
}

/// Whether a file is to be read now. One that may have been rewritten is searched for the old lines
/// first. If they are not found it waits until its writer has closed it, but not long; `patient` is
/// false where it does not wait at all.
pub fn is_ready(queue: &mut Queue, key: Key, patient: bool) -> io::Result<bool> {
    let Some(source) = queue.get(key) else {
        return Ok(false);
    };
    let retired = source.retired;
    let Some(search) = &mut source.search else {
        return Ok(true);
    };
    let over = search.is_over(&source.file)?;
    let last = over || search.closed || retired || !patient;
    if search.until.is_none() && !last {
        return Ok(false);
    }
    // A large file is not searched again for each piece that is written.
    if std::mem::replace(&mut search.begun, true) && !last {
        return Ok(false);
    }
    let lines = match search.lines.clone() {
        Wanted::Lines(lines) => lines,
        Wanted::LastOf(before) => queue.get(before).map_or(Vec::new(), |s| s.last_lines()),
    };
    let Some(source) = queue.get(key) else {
        return Ok(false);
    };
    let place = find(&source.file, &lines, last)?;
    if let Some(offset) = place {
        source.start_at(offset)?;
    }
    if place.is_some() || last || lines.is_empty() {
        source.search = None;
        return Ok(true);
    }
    Ok(false)
}

/// Searches a file, before it is read, for the lines `wanted`.
pub fn search(queue: &mut Queue, key: Key, wanted: Wanted) {
    if let Some(source) = queue.get(key) {
        source.search = Some(Search::new(wanted));
        queue.watch_closing(key);
    }
}
