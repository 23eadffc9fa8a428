//! Which files the operands name now: names are looked up, and new files behind them are followed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use pipeban::complain::{self, Fault, describe};

use crate::arguments::{Arguments, From};
use crate::beginning::{self, Beginner};
use crate::glob::{is_pattern, matches_path};
use crate::lookup::Found;
use crate::name_events::NameEvents;
use crate::open::open;
use crate::position::Id;
use crate::positions::Positions;
use crate::queue::{Key, Queue};
use crate::rotated_name::logs_of;

/// A name that could not be opened is tried again this often; so is every name in a directory that
/// tells no events.
const RETRY: Duration = Duration::from_secs(1);

/// A name that can't be opened.
#[derive(Clone, Copy)]
struct Refusal {
    since: Instant,
    told: bool,
}

/// The operands and the files behind them.
pub struct Names {
    operands: Vec<PathBuf>,
    once: bool,
    beginner: Beginner,
    events: NameEvents,
    /// The file that each name leads to.
    current: HashMap<PathBuf, Key>,
    /// Names that have led to a file.
    known: HashSet<PathBuf>,
    /// Names that can't be opened now.
    refused: HashMap<PathBuf, Refusal>,
    looked: Instant,
}

impl Names {
    /// Nothing is looked up yet.
    pub fn new(operands: Vec<PathBuf>, arguments: &Arguments) -> Result<Self, Fault> {
        Ok(Names {
            operands,
            once: arguments.once,
            beginner: Beginner::new(arguments.from(), arguments.replay),
            events: NameEvents::new()?,
            current: HashMap::new(),
            known: HashSet::new(),
            refused: HashMap::new(),
            looked: Instant::now(),
        })
    }

    /// Looks up all names for the first time, and tells which are missing.
    pub fn start(
        &mut self,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        let mut positions = positions;
        self.look(queue, positions.as_deref_mut())?;
        if let Some(positions) = positions
            && self.beginner.from == From::Resume
        {
            positions.forget_missing()?;
        }
        self.beginner.starting = false;
        self.tell_missing();
        Ok(())
    }

    /// Looks up the names again if they may lead elsewhere.
    pub fn look_again(
        &mut self,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        let due = self.retry_at(queue).is_some_and(|at| at <= Instant::now());
        if self.events.changed()? || due {
            self.look(queue, positions)?;
        }
        Ok(())
    }

    /// Whether there is no name to look up.
    pub fn is_empty(&self) -> bool {
        self.operands.is_empty()
    }

    /// When the names must be looked up again although no event comes.
    pub fn retry_at(&self, queue: &Queue) -> Option<Instant> {
        let blind = self.events.blind || queue.polling.is_needed() || !self.refused.is_empty();
        blind.then(|| self.looked + RETRY)
    }

    /// Looks up all names and follows the new files behind them.
    fn look(
        &mut self,
        queue: &mut Queue,
        mut positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        // A right that is given while the names are looked up must not be missed.
        self.events.rights_matter = true;
        let (found, refused) = self.events.find(&self.operands);
        let mut still_refused = HashMap::new();
        for name in refused {
            let refusal = self.refuse(&name.shown, &name.error);
            still_refused.insert(name.shown, refusal);
        }
        let shown: HashSet<&Path> = found.iter().map(|f| f.shown.as_path()).collect();
        // A log comes before the files that may be its rotated ones.
        let mut old = Vec::new();
        let mut logs = Vec::new();
        for file in &found {
            let beside = if file.wild {
                logs_of(&file.shown)
            } else {
                Vec::new()
            };
            let beside = beside
                .into_iter()
                .filter(|log| shown.contains(log.as_path()));
            let beside: Vec<PathBuf> = beside.collect();
            if beside.is_empty() {
                logs.push((file, beside));
            } else {
                old.push((file, beside));
            }
        }
        if self.beginner.starting && self.beginner.from == From::Start {
            self.beginner.read_old(queue, &mut old)?;
        }
        for (file, beside) in logs.into_iter().chain(old) {
            match self.take(file, beside, queue, positions.as_deref_mut())? {
                Ok(()) => {}
                Err(e) => {
                    let refusal = self.refuse(&file.shown, &e);
                    still_refused.insert(file.shown.clone(), refusal);
                }
            }
        }
        self.refused = still_refused;
        self.events.rights_matter = !self.refused.is_empty();
        self.current.retain(|name, key| {
            let found = shown.contains(name.as_path());
            if !found {
                queue.retire(*key);
            }
            found
        });
        self.looked = Instant::now();
        Ok(())
    }

    /// Tells once that a name can't be opened. In a running follower it may be so for a moment
    /// only: logrotate(8) makes a new log for root alone and then gives it away.
    fn refuse(&mut self, shown: &Path, error: &io::Error) -> Refusal {
        let now = Instant::now();
        let new = Refusal {
            since: now,
            told: false,
        };
        let mut refusal = self.refused.get(shown).copied().unwrap_or(new);
        let lasting = self.beginner.starting || now >= refusal.since + RETRY;
        if lasting && !refusal.told {
            refusal.told = true;
            complain::error(shown.display(), describe(error));
        }
        refusal
    }

    /// Follows the file that a name leads to, if that is new. `beside`: the found logs of which it
    /// may be a rotated file. The inner error is that the file can't be opened.
    fn take(
        &mut self,
        found: &Found,
        beside: Vec<PathBuf>,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<io::Result<()>, Fault> {
        // A file that is followed need not be opened to be known.
        if let Ok(metadata) = found.real.metadata()
            && let Some(key) = queue.key_of(Id::from(&metadata))
        {
            self.keep(found, key, queue);
            return Ok(Ok(()));
        }
        let file = match open(&found.real) {
            Ok(file) => file,
            // It has just gone, of which an event tells.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
            Err(e) => {
                self.beginner.note_refused(found);
                return Ok(Err(e));
            }
        };
        let fault = |e| Fault::new(found.shown.display(), describe(&e));
        let id = Id::from(&file.metadata().map_err(fault)?);
        if let Some(key) = queue.key_of(id) {
            self.keep(found, key, queue);
            return Ok(Ok(()));
        }
        let first = self.known.insert(found.shown.clone());
        let new = beginning::New {
            found,
            file,
            first,
            beside,
        };
        if let Some(key) = self.beginner.begin(new, queue, positions)? {
            self.current.insert(found.shown.clone(), key);
        }
        Ok(Ok(()))
    }

    /// A name leads to a file that is followed already.
    fn keep(&mut self, found: &Found, key: Key, queue: &mut Queue) {
        let Some(source) = queue.get(key) else {
            return;
        };
        if source.shown == found.shown {
            source.retired = false;
            source.real.clone_from(&found.real);
            self.current.insert(found.shown.clone(), key);
        } else if let Some(before) = self.current.remove(&found.shown) {
            // It is the file of another name, renamed.
            queue.retire(before);
        }
    }

    /// Tells which operands name no file.
    fn tell_missing(&self) {
        for operand in self.operands.iter().filter(|o| !self.known.contains(*o)) {
            if self.refused.contains_key(operand) {
                continue;
            }
            if is_pattern(operand.as_os_str()) {
                let is_found = self.known.iter().any(|name| matches_path(operand, name));
                match self.once {
                    _ if is_found => {}
                    true => complain::note(operand.display(), "no file matches"),
                    false => complain::note(operand.display(), "no file matches yet; waiting"),
                }
            } else if self.once {
                complain::error(operand.display(), Errno::ENOENT.desc());
            } else {
                complain::note(operand.display(), "not there yet; waiting for it");
            }
        }
    }
}

impl AsFd for Names {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}
