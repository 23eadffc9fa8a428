//! Rotation while the log is followed: the old file is read to its end, then its successors.

use pipeban::complain::Fault;

use crate::lookup::Found;
use crate::queue::{Key, Queue};
use crate::rewriting::may_be_replaced;
use crate::rotated::{Rotated, between, made_since, newer, rotated_files};

/// Queues the file that had the name before, and then the files that came and went in between.
/// Returns the file that had the name before if the new one may be its rewritten content.
pub fn succeed(queue: &mut Queue, found: &Found) -> Result<Option<Key>, Fault> {
    let Some(before) = queue.newest(&found.shown) else {
        return Ok(None);
    };
    queue.retire(before);
    let Some(source) = queue.get(before) else {
        return Ok(None);
    };
    let replaced = may_be_replaced(source, &found.real);
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
    for file in &later {
        queue.follow_rotated(file.content(), found)?;
    }
    Ok((replaced && later.is_empty()).then_some(before))
}
