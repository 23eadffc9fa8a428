//! Rotation while the log is followed: the old file is read to its end, then its successors.

use pipeban::complain::Fault;

use crate::lookup::Found;
use crate::queue::Queue;
use crate::rotated::{Rotated, between, made_since, newer, rotated_files};

/// Queues the file that had the name before, and then the files that came and went in between.
pub fn succeed(queue: &mut Queue, found: &Found) -> Result<(), Fault> {
    let Some(before) = queue.newest(&found.shown) else {
        return Ok(());
    };
    queue.retire(before);
    let Some(source) = queue.get(before) else {
        return Ok(());
    };
    let mut files = rotated_files(&found.real);
    let mut is_source = |file: &Rotated| file.id == source.id;
    if !files.iter().any(&mut is_source)
        && let Some(name) = found.real.file_name()
        && let Some(moved) = source.path()
    {
        // Rotated into another directory, as by logrotate's `olddir`.
        let elsewhere = rotated_files(&moved.with_file_name(name));
        if elsewhere.iter().any(&mut is_source) {
            files = elsewhere;
        }
    }
    let mut later = if files.iter().any(&mut is_source) {
        newer(files, is_source)
    } else {
        // Deleted, or its directory was moved.
        made_since(files, source.made(), source.position.head)
    };
    if later.is_empty() {
        later = between(&source.real, &found.real);
    }
    later
        .iter()
        .try_for_each(|file| queue.follow_rotated(file.content(), found))
}
