//! Where a log begins that was followed in an earlier run.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pipeban::complain::{self, Fault, describe};
use pipeban::time::Time;

use crate::holder::{self, Place};
use crate::lookup::Found;
use crate::old_lines::find_position;
use crate::position::{Fit, Id};
use crate::positions::Positions;
use crate::queue::Queue;
use crate::replay;
use crate::rotated::{Content, Rotated, between, by_id, rotated_files};
use crate::source::last_line;

/// The number of directories that are searched for rotated files.
const AROUND: usize = 256;

/// Bytes alike that prove a file of another directory to be this log's, where it is not the very
/// file: another log may well begin with the same few.
const PROOF: u64 = 64;

/// Where the log itself begins.
pub enum Begin {
    /// At this offset, in bytes.
    At(u64),
    /// At the end: its lines are old.
    AtEnd,
    /// At the beginning: it was truncated since.
    Truncated,
}

/// The position of a file with the name of a rotated one, if this very file has one: it is a log
/// of its own, or the file of another name, renamed.
pub fn by_identity(
    positions: &mut Positions,
    (found, file): (&Found, &File),
) -> Result<Option<Begin>, Fault> {
    let fault = |e| Fault::new(found.shown.display(), describe(&e));
    let id = Id::from(&file.metadata().map_err(fault)?);
    for (shown, position) in positions.load_by_id(id)? {
        if matches!(position.fit(file), Ok(Fit::Holds)) {
            positions.forget(&shown, id);
            return Ok(Some(Begin::At(position.offset)));
        }
    }
    Ok(None)
}

/// Queues the rest of the files that were rotated since, and tells where the log itself, `file`,
/// goes on. `within`: lines of this time before the position are queued too.
pub fn resume(
    queue: &mut Queue,
    positions: &mut Positions,
    within: Option<Duration>,
    (found, file): (&Found, &File),
) -> Result<Begin, Fault> {
    let fault = |e| Fault::new(found.shown.display(), describe(&e));
    let id = Id::from(&file.metadata().map_err(fault)?);
    let kept = positions.load(&found.shown)?;
    for row in &kept {
        positions.forget(&found.shown, row.id);
    }
    let Some((newest, older)) = kept.split_first() else {
        return begin_ago(queue, within, (found, file));
    };
    for row in older.iter().rev().filter(|row| row.id != id) {
        let file = by_id(&found.real, row.id).or_else(|| by_id(&row.real, row.id));
        if let Some(mut file) = file.filter(|f| matches!(row.position.fit(f), Ok(Fit::Holds))) {
            let sought = file.seek(SeekFrom::Start(row.position.offset));
            queue.follow_rotated(sought.map(|_| Content::Plain(file)), found)?;
        }
    }
    let position = newest.position;
    let same = newest.id == id || position.tail.len > 0;
    if same && matches!(position.fit(file), Ok(Fit::Holds)) {
        if within.is_some() {
            let own = file.try_clone().and_then(Rotated::of).map_err(fault)?;
            let older = rotated_files(&found.real);
            replay(queue, within, (&own, position.offset), &older, found)?;
        }
        return Ok(Begin::At(position.offset));
    }
    let find = |real: &Path| holder::find(&position, Some(newest.id), real);
    // A reader of the log could copy it and add lines, so the owner counts there too.
    let owner = file.metadata().map_err(fault)?.uid();
    let find_elsewhere = |real: &PathBuf| {
        let proved = |place: &Place| {
            let mut all = place.later.iter().chain([&place.holder]);
            (place.holder.id == newest.id || position.proof() >= PROOF)
                && all.all(|file| file.is_of(owner))
        };
        find(real).filter(proved)
    };
    let place = find(&found.real)
        .or_else(|| find(&newest.real))
        .or_else(|| elsewhere(&found.real).iter().find_map(find_elsewhere));
    match place {
        Some(place) => {
            let end = (&place.holder, position.offset);
            replay(queue, within, end, &place.older, found)?;
            let mut contents: Vec<_> = place.rest.into_iter().map(Ok).collect();
            contents.extend(place.later.iter().map(Rotated::content));
            if place.later.is_empty() {
                let between = between(&newest.real, &found.real);
                contents.extend(between.iter().map(Rotated::content));
            }
            for content in contents {
                queue.follow_rotated(content, found)?;
            }
        }
        None if let Some(offset) = find_position(file, &position).map_err(fault)? => {
            let own = file.try_clone().and_then(Rotated::of).map_err(fault)?;
            replay(queue, within, (&own, offset), &[], found)?;
            return Ok(Begin::At(offset));
        }
        None if position.offset > 0 => complain::note(
            found.shown.display(),
            "the file that was read last is gone; its last lines may be missing",
        ),
        None => {}
    }
    Ok(if newest.id == id {
        Begin::Truncated
    } else {
        Begin::At(0)
    })
}

/// Begins a log without a position: `within` before now, or else at the beginning.
pub fn begin_ago(
    queue: &mut Queue,
    within: Option<Duration>,
    (found, file): (&Found, &File),
) -> Result<Begin, Fault> {
    let Some(within) = within else {
        return Ok(Begin::At(0));
    };
    let fault = |e| Fault::new(found.shown.display(), describe(&e));
    let end = last_line(file, u64::MAX).map_err(fault)?;
    let own = file.try_clone().and_then(Rotated::of).map_err(fault)?;
    let older = rotated_files(&found.real);
    let contents = replay::before(&own, end, &older, (within, Some(Time::now())));
    match contents.map_err(fault)? {
        Some(contents) => {
            for content in contents {
                queue.read_last(&found.shown, content);
            }
        }
        None if end > 0 => complain::note(
            found.shown.display(),
            "its last lines have no time stamp; begun at its end",
        ),
        None => {}
    }
    Ok(Begin::At(end))
}

/// The log's name in the directories beside and below it, where logrotate's `olddir` may be.
fn elsewhere(real: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (real.parent(), real.file_name()) else {
        return Vec::new();
    };
    let around = [Some(directory), directory.parent()];
    let entries = around.into_iter().flatten().map(std::fs::read_dir);
    let entries = entries.flatten().flatten().flatten();
    let directories = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    let directories = directories.map(|e| e.path()).filter(|d| d != directory);
    directories.take(AROUND).map(|d| d.join(name)).collect()
}

/// Queues the lines of the last while before a position, which is an offset in its holder.
fn replay(
    queue: &mut Queue,
    within: Option<Duration>,
    (holder, end): (&Rotated, u64),
    older: &[Rotated],
    found: &Found,
) -> Result<(), Fault> {
    let Some(within) = within.filter(|_| end > 0) else {
        return Ok(());
    };
    let contents = replay::before(holder, end, older, (within, None));
    match contents.map_err(|e| Fault::new(found.shown.display(), describe(&e)))? {
        Some(contents) => {
            for content in contents {
                queue.read_last(&found.shown, content);
            }
        }
        None => complain::note(
            found.shown.display(),
            "its last lines have no time stamp, so none are replayed",
        ),
    }
    Ok(())
}
