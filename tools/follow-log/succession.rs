//! Rotation while the log is followed: the old file is read to its end, then its successors.

use pipeban::complain::Fault;

use crate::lookup::Found;
use crate::queue::{Key, Queue};
use crate::rotated::{Rotated, between, made_since, newer, rotated_files};

/// Queues the file `before`, whose name leads to a new one now, and then the files that came and
/// went in between.
pub fn succeed(queue: &mut Queue, before: Key, found: &Found) -> Result<(), Fault> {
    queue.retire(before);
    let Some(source) = queue.get(before) else {
        return Ok(());
    };
    let files = rotated_files(&found.real);
    let is_source = |file: &Rotated| file.id == source.id;
    let mut later = if files.iter().any(is_source) {
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
