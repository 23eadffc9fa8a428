//! Truncated files: the content that was copied away is read from the copies.

use std::io;

use crate::holder;
use crate::old_lines::Wanted;
use crate::position::Fingerprint;
use crate::queue::{Key, Queue};
use crate::rewriting;
use crate::rotated::{Rotated, newer, rotated_files};

/// Begins a file anew that holds other bytes than were read: it was truncated, perhaps after a copy
/// was made. The rest of the copy is read first.
pub fn begin_anew(queue: &mut Queue, key: Key) {
    let Some(source) = queue.get(key) else {
        return;
    };
    let (position, shown, real) = (source.position, source.shown.clone(), source.real.clone());
    let lines = source.last_lines();
    source.restart();
    match holder::find(&position, None, &real) {
        // Copies that are newer still are found when the file is read again.
        Some(place) => {
            queue.queue_first(key);
            queue.read_first(&shown, place.rest.into_iter().collect());
        }
        None => {
            rewriting::search(queue, key, Wanted::Lines(lines));
            queue.queue_first(key);
        }
    }
}

/// Looks, before the new content of a truncated file is read, whether other content was written,
/// copied and truncated in between. If so, queues the copies and returns false.
pub fn prove(queue: &mut Queue, key: Key) -> io::Result<bool> {
    let Some(source) = queue.get(key) else {
        return Ok(true);
    };
    let Some(before) = source.before else {
        return Ok(true);
    };
    let mut later = newer(rotated_files(&source.real), |file| file.begins(before));
    // Read after the copies: one that begins alike is whole, for the file was truncated since.
    let beginning = source.beginning()?;
    let head = Fingerprint::of(&beginning);
    let same = |file: &Rotated| !beginning.is_empty() && file.begins(head);
    if later.last().is_some_and(same) {
        later.pop();
    }
    if let Some(newest) = later.last() {
        source.before = newest.beginning().ok();
        let shown = source.shown.clone();
        let contents = later.iter().filter_map(|file| file.content().ok());
        let contents = contents.collect();
        queue.queue_first(key);
        queue.read_first(&shown, contents);
        return Ok(false);
    }
    if !beginning.is_empty() {
        source.prove(beginning);
    }
    Ok(true)
}
