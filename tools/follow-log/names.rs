//! Which files the operands name now: names are looked up, and new files behind them are followed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use pipeban::complain::{self, Fault, describe};
use pipeban::unpack::unpack;

use crate::arguments::{Arguments, From};
use crate::glob::is_pattern;
use crate::lookup::Found;
use crate::name_events::NameEvents;
use crate::open::open;
use crate::position::Id;
use crate::positions::Positions;
use crate::queue::{Key, Queue};
use crate::resume::{self, Begin};
use crate::rotated::Content;
use crate::rotated_name::is_rotated;
use crate::source::last_line;
use crate::succession::succeed;

/// The operands and the files behind them.
pub struct Names {
    operands: Vec<PathBuf>,
    from: From,
    once: bool,
    replay: Option<Duration>,
    events: NameEvents,
    /// The file that each name leads to.
    current: HashMap<PathBuf, Key>,
    /// Names that have led to a file.
    known: HashSet<PathBuf>,
    complained: HashSet<PathBuf>,
    starting: bool,
}

impl Names {
    /// Nothing is looked up yet.
    pub fn new(arguments: Arguments) -> Result<Self, Fault> {
        Ok(Names {
            operands: arguments.files,
            from: arguments.from,
            once: arguments.once,
            replay: arguments.replay,
            events: NameEvents::new()?,
            current: HashMap::new(),
            known: HashSet::new(),
            complained: HashSet::new(),
            starting: true,
        })
    }

    /// Looks up all names for the first time, and tells which are missing.
    pub fn start(
        &mut self,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        self.look(queue, positions)?;
        self.starting = false;
        self.tell_missing();
        Ok(())
    }

    /// Looks up the names again if they may lead elsewhere.
    pub fn look_again(
        &mut self,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        if self.events.changed()? {
            self.look(queue, positions)?;
        }
        Ok(())
    }

    /// Looks up all names and follows the new files behind them.
    fn look(
        &mut self,
        queue: &mut Queue,
        mut positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        let found = self.events.find(&self.operands);
        let is_old = |f: &Found| f.wild && found.iter().any(|log| is_rotated(&f.shown, &log.shown));
        let (old, logs): (Vec<_>, Vec<_>) = found.iter().partition(|f| is_old(f));
        if self.starting && self.from == From::Start {
            read_old(queue, old);
        }
        for file in &logs {
            self.take(file, queue, positions.as_deref_mut())?;
        }
        let mut gone = self.current.clone();
        for file in &logs {
            gone.remove(&file.shown);
        }
        for (shown, key) in gone {
            self.current.remove(&shown);
            queue.retire(key);
        }
        Ok(())
    }

    /// Follows the file that a name leads to, if that is new.
    fn take(
        &mut self,
        found: &Found,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<(), Fault> {
        let file = match open(&found.real) {
            Ok(file) => file,
            // It has just gone, of which an event tells.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => {
                if self.complained.insert(found.shown.clone()) {
                    complain::error(found.shown.display(), describe(&e));
                }
                return Ok(());
            }
        };
        let fault = |e| Fault::new(found.shown.display(), describe(&e));
        let id = Id::from(&file.metadata().map_err(fault)?);
        if let Some(key) = queue.key_of(id) {
            let source = queue.get(key);
            if let Some(source) = source.filter(|s| s.shown == found.shown) {
                source.retired = false;
                source.real.clone_from(&found.real);
                self.current.insert(found.shown.clone(), key);
            }
            return Ok(());
        }
        let before = queue.newest(&found.shown);
        let first = self.known.insert(found.shown.clone());
        let begin = match (self.from, positions) {
            _ if !first => {
                if let Some(before) = before {
                    succeed(queue, before, found)?;
                }
                Begin::At(0)
            }
            (From::Resume, Some(positions)) => {
                resume::resume(queue, positions, self.replay, (found, &file))?
            }
            (From::End, _) if self.starting => Begin::At(last_line(&file).map_err(fault)?),
            _ => Begin::At(0),
        };
        let key = match begin {
            Begin::At(offset) => queue.follow(file, found, offset)?,
            Begin::Truncated => {
                let key = queue.follow(file, found, 0)?;
                if let Some(source) = queue.get(key) {
                    source.restart();
                }
                key
            }
        };
        self.current.insert(found.shown.clone(), key);
        Ok(())
    }

    /// Tells which operands name no file.
    fn tell_missing(&self) {
        for operand in self.operands.iter().filter(|o| !self.known.contains(*o)) {
            if self.complained.contains(operand) || is_pattern(operand.as_os_str()) {
                continue;
            }
            if self.once {
                complain::error(operand.display(), "no such file");
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

/// Queues the rotated files that a pattern found beside the log itself, the oldest first.
fn read_old(queue: &mut Queue, mut old: Vec<&Found>) {
    old.sort_by_key(|f| f.real.metadata().and_then(|m| m.modified()).ok());
    for file in old {
        match open(&file.real).and_then(unpack) {
            Ok(stream) => queue.read_last(&file.shown, Content::Packed(stream)),
            Err(e) => complain::error(file.shown.display(), describe(&e)),
        }
    }
}
