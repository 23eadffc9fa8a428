//! When the positions of followed files are written to the state.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;
use pipeban::complain::{self, Fault};
use pipeban::state;

use crate::arguments::From;
use crate::journal::Journal;
use crate::position::Id;
use crate::positions::{Entry, Kept, Positions};
use crate::queue::Queue;
use crate::source::Source;

/// Positions are written this long after they moved: a burst pays once, and a killed follower
/// repeats at most the lines of this time.
const DELAY: Duration = Duration::from_millis(20);

/// The room that a new state needs, in bytes.
const ROOM: u64 = 128 << 10;

/// Writes positions, where they are kept at all.
pub struct Saver {
    /// The positions of earlier runs and of this one.
    pub positions: Option<Positions>,
    /// When positions that have moved are to be written.
    due: Option<Instant>,
}

impl Saver {
    /// Opens the state. Only a run that resumes, or that names the state file, must have it; on a
    /// full disk it goes on without.
    pub fn open(from: From, state_file: Option<&Path>) -> Result<Self, Fault> {
        let positions = match Positions::open(state_file) {
            Ok(positions) => Some(positions),
            Err(Fault::Error { place, what }) if from != From::Resume && state_file.is_none() => {
                complain::note(place, format!("{what}; the position will not be kept"));
                None
            }
            Err(Fault::Error { place, what }) if is_full(state_file) => {
                complain::error(place, format!("{what}; the position will not be kept"));
                None
            }
            Err(fault) => return Err(fault),
        };
        Ok(Saver {
            positions,
            due: None,
        })
    }

    /// The greatest number that a kept position has.
    pub fn last_number(&self) -> Result<u64, Fault> {
        self.positions
            .as_ref()
            .map_or(Ok(0), Positions::last_number)
    }

    /// Deletes the position of a file that is followed no longer.
    pub fn forget(&mut self, shown: &Path, id: Id) {
        if let Some(positions) = &mut self.positions {
            positions.forget(shown, id);
        }
    }

    /// Writes the positions if it is time, and tells when it will be. All lines before them must
    /// have been written out.
    pub fn save_in_time(
        &mut self,
        queue: &mut Queue,
        journal: &mut Option<Journal>,
        now: Instant,
    ) -> Option<Instant> {
        if self.positions.is_none() || !is_unsaved(queue, journal) {
            return None;
        }
        if *self.due.get_or_insert(now + DELAY) <= now {
            self.save(queue, journal);
        }
        self.due
    }

    fn save(&mut self, queue: &mut Queue, journal: &mut Option<Journal>) {
        // While lines of old files are still to come, the kept position says where they are.
        let Some(positions) = self.positions.as_mut().filter(|_| !queue.has_rests()) else {
            return;
        };
        let unsaved = queue.sources().filter(|s| s.unsaved);
        let entries = unsaved.map(|s| entry(s)).collect();
        let moved = journal.as_ref().map(Journal::unsaved);
        let saved = positions.save(entries, moved.unwrap_or_default());
        self.due = (!saved).then(|| Instant::now() + DELAY);
        if saved {
            queue.sources().for_each(|s| s.unsaved = false);
            journal.iter_mut().for_each(Journal::set_saved);
        }
    }

    /// Writes the positions for the last time, and waits until they are written.
    pub fn save_last(&mut self, queue: &mut Queue, journal: &mut Option<Journal>) {
        while self.positions.is_some() && is_unsaved(queue, journal) {
            self.save(queue, journal);
            std::thread::sleep(DELAY / 20);
        }
        self.positions.iter_mut().for_each(Positions::close);
    }
}

/// Whether the disk of the state has no room.
fn is_full(state_file: Option<&Path>) -> bool {
    let path = state::path(state_file);
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
    let disk = statvfs(directory.unwrap_or(Path::new(".")));
    disk.is_ok_and(|disk| {
        // Their types differ between machines.
        let blocks = u128::from(disk.blocks_available());
        blocks * u128::from(disk.fragment_size()) < u128::from(ROOM)
    })
}

fn is_unsaved(queue: &mut Queue, journal: &Option<Journal>) -> bool {
    queue.sources().any(|s| s.unsaved) || journal.as_ref().is_some_and(Journal::is_unsaved)
}

fn entry(source: &Source) -> Entry {
    Entry {
        shown: source.shown.clone(),
        number: source.number,
        kept: Kept {
            id: source.id,
            real: source.real.clone(),
            position: source.position,
        },
    }
}
