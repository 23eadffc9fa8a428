//! Files with the name of a rotated one: a copy of a log, whose lines have been printed, or a log.

use std::io;

use crate::queue::{Key, Queue};
use crate::source::Standing;

/// Whether a file is to be read. One that begins as a log beside it is a copy and never is; one
/// that does not hold enough bytes yet is not.
pub fn is_log(queue: &mut Queue, key: Key) -> io::Result<bool> {
    let Some(source) = queue.get(key) else {
        return Ok(false);
    };
    let logs = match &source.standing {
        Standing::Log => return Ok(true),
        Standing::Copy => return Ok(false),
        Standing::Undecided(logs) => logs.clone(),
    };
    let beginning = source.beginning()?;
    let mut undecided = beginning.is_empty();
    let mut copy = false;
    for head in queue.of_names(&logs).flat_map(|log| log.heads()) {
        let common = head.len().min(beginning.len());
        let same = head[..common] == beginning[..common];
        copy |= same && common == head.len();
        undecided |= same;
    }
    let Some(source) = queue.get(key) else {
        return Ok(false);
    };
    if copy {
        source.standing = Standing::Copy;
        // Kept, so that the next run knows it.
        source.skip_to_end()?;
    } else if !undecided {
        source.standing = Standing::Log;
    }
    Ok(!copy && !undecided)
}
