//! Which files are followed: the names are looked up, and what is new behind them is taken in.

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::WatchDescriptor;
use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::unpack::unpack;

use super::Follower;
use crate::From;
use crate::lines::Lines;
use crate::mark::{Fit, Id};
use crate::names::{Found, is_pattern};
use crate::past::{self, Content, Old};
use crate::replay;
use crate::source::{self, Source};

impl Follower {
    /// Looks up all names again and opens what is new behind them.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        let found = self.watch.find(&self.operands);
        let is_old =
            |f: &Found| f.wild && found.iter().any(|log| past::is_old(&f.shown, &log.shown));
        let (old, logs): (Vec<_>, Vec<_>) = found.iter().partition(|f| is_old(f));
        if self.starting && matches!(self.from, From::Start) {
            self.read_old(old);
        }
        for file in &logs {
            self.meet(file)?;
        }
        let mut gone = self.current.clone();
        for file in &logs {
            gone.remove(&file.shown);
        }
        for (shown, key) in gone {
            self.current.remove(&shown);
            self.retire(key);
        }
        Ok(())
    }

    /// Queues the old logs that a pattern found beside the log itself, oldest first.
    fn read_old(&mut self, mut old: Vec<&Found>) {
        old.sort_by_key(|f| f.real.metadata().and_then(|m| m.modified()).ok());
        for file in old {
            match past::open(&file.real).and_then(unpack) {
                Ok(stream) => self
                    .jobs
                    .extend(self.past(&file.shown, Content::Packed(stream))),
                Err(e) => complain::error(file.shown.display(), describe(&e)),
            }
        }
    }

    /// A name leads to this file: follows it if that is new.
    fn meet(&mut self, found: &Found) -> Result<(), Fault> {
        let file = match past::open(&found.real) {
            Ok(file) => file,
            // It has just gone, which the watch tells.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => {
                if self.complained.insert(found.shown.clone()) {
                    complain::error(found.shown.display(), describe(&e));
                }
                return Ok(());
            }
        };
        let id = Id::from(&metadata(&file, &found.shown)?);
        if let Some(key) = self.ids.get(&id) {
            let source = self.sources.get_mut(key);
            if let Some(source) = source.filter(|s| s.shown == found.shown) {
                source.retired = false;
                source.real.clone_from(&found.real);
                self.current.insert(found.shown.clone(), *key);
            }
            return Ok(());
        }
        let before = self.newest(&found.shown);
        let first = self.known.insert(found.shown.clone());
        let offset = match self.from {
            _ if !first => {
                self.succeed(before, found)?;
                Some(0)
            }
            From::Resume => self.resume(found, &file, id)?,
            From::End if self.starting => {
                let fault = |e| Fault::new(found.shown.display(), describe(&e));
                Some(source::last_line(&file).map_err(fault)?)
            }
            From::End | From::Start => Some(0),
        };
        if let Some(key) = self.add(file, found, offset.unwrap_or(0))? {
            self.current.insert(found.shown.clone(), key);
            let source = self.sources.get_mut(&key).filter(|_| offset.is_none());
            source.into_iter().for_each(Source::restart);
        }
        Ok(())
    }

    /// The file that a name led to last.
    fn newest(&self, shown: &Path) -> Option<WatchDescriptor> {
        let same = self.sources.iter().filter(|(_, s)| s.shown == shown);
        same.max_by_key(|(_, s)| s.number).map(|(key, _)| *key)
    }

    /// A new file has taken the name of the one `before`: that is read to its end first, then those that came and went between.
    fn succeed(&mut self, before: Option<WatchDescriptor>, found: &Found) -> Result<(), Fault> {
        let Some(key) = before else { return Ok(()) };
        self.retire(key);
        let Some(source) = self.sources.get(&key) else {
            return Ok(());
        };
        let logs = past::old_logs(&found.real);
        let is_source = |old: &Old| old.id == source.id;
        let mut later = if logs.iter().any(is_source) {
            past::newer(logs, is_source)
        } else {
            // Deleted, or its directory was moved.
            past::made_since(logs, source.made(), source.mark.head)
        };
        if later.is_empty() {
            later = past::between(&source.real, &found.real);
        }
        later
            .iter()
            .try_for_each(|old| self.add_old(old.content(), found))
    }

    /// Follows an old log, or reads it where it is compressed.
    fn add_old(&mut self, content: io::Result<Content>, found: &Found) -> Result<(), Fault> {
        let fault = |e| Fault::new(found.shown.display(), describe(&e));
        match content.map_err(fault)? {
            Content::Plain(mut file) => {
                let id = Id::from(&file.metadata().map_err(fault)?);
                let offset = file.stream_position().map_err(fault)?;
                if !self.ids.contains_key(&id)
                    && let Some(key) = self.add(file, found, offset)?
                {
                    self.retire(key);
                }
            }
            packed => self.jobs.extend(self.past(&found.shown, packed)),
        }
        Ok(())
    }

    /// Goes on where it was stopped: queues the rest of files rotated since, and returns the offset in the log
    /// itself; `None` if that was truncated since.
    fn resume(&mut self, found: &Found, file: &File, id: Id) -> Result<Option<u64>, Fault> {
        let Some(positions) = &mut self.positions else {
            return Ok(Some(0));
        };
        let kept = positions.load(&found.shown)?;
        for row in &kept {
            positions.forget(&found.shown, row.id);
        }
        let Some((newest, older)) = kept.split_first() else {
            return Ok(Some(0));
        };
        for row in older.iter().rev().filter(|row| row.id != id) {
            let file = past::by_id(&found.real, row.id).or_else(|| past::by_id(&row.real, row.id));
            if let Some(mut file) = file.filter(|f| matches!(row.mark.fit(f), Ok(Fit::Holds))) {
                let sought = file.seek(SeekFrom::Start(row.mark.offset));
                self.add_old(sought.map(|_| Content::Plain(file)), found)?;
            }
        }
        let same = newest.id == id || newest.mark.tail.len > 0;
        if same && matches!(newest.mark.fit(file), Ok(Fit::Holds)) {
            if self.replay.is_some() {
                let own = file.try_clone().and_then(Old::of);
                let own = own.map_err(|e| Fault::new(found.shown.display(), describe(&e)))?;
                self.replay(
                    &own,
                    newest.mark.offset,
                    &past::old_logs(&found.real),
                    found,
                )?;
            }
            return Ok(Some(newest.mark.offset));
        }
        let place = past::find(&newest.mark, Some(newest.id), &found.real)
            .or_else(|| past::find(&newest.mark, Some(newest.id), &newest.real));
        match place {
            Some(place) => {
                self.replay(&place.holder, newest.mark.offset, &place.older, found)?;
                let mut contents: Vec<_> = place.rest.into_iter().map(Ok).collect();
                contents.extend(place.later.iter().map(Old::content));
                if place.later.is_empty() {
                    let between = past::between(&newest.real, &found.real);
                    contents.extend(between.iter().map(Old::content));
                }
                for content in contents {
                    self.add_old(content, found)?;
                }
            }
            None if newest.mark.offset > 0 => complain::note(
                found.shown.display(),
                "the file that was read last is gone; its last lines may be missing",
            ),
            None => {}
        }
        Ok((newest.id != id).then_some(0))
    }

    /// Queues what is to be printed again of the time before a mark.
    fn replay(
        &mut self,
        holder: &Old,
        end: u64,
        older: &[Old],
        found: &Found,
    ) -> Result<(), Fault> {
        let Some(within) = self.replay.filter(|_| end > 0) else {
            return Ok(());
        };
        let contents = replay::before(holder, end, older, within);
        match contents.map_err(|e| Fault::new(found.shown.display(), describe(&e)))? {
            Some(contents) => {
                for content in contents {
                    self.jobs.extend(self.past(&found.shown, content));
                }
            }
            None => complain::note(
                found.shown.display(),
                "its last lines have no time stamp, so none are replayed",
            ),
        }
        Ok(())
    }

    /// Takes a file into the list and queues it; `None`, with a word, if it can't be followed.
    fn add(
        &mut self,
        file: File,
        found: &Found,
        offset: u64,
    ) -> Result<Option<WatchDescriptor>, Fault> {
        let fault = |e: String| Fault::new(found.shown.display(), e);
        // Watched before it is read: what is written in between is then told.
        let key = self.watch.file(&file).map_err(|e| fault(watch_words(e)))?;
        self.number += 1;
        let lines = Lines::new(&found.shown, self.prefix);
        let names = (found.shown.clone(), found.real.clone());
        let source = Source::new(file, names, offset, self.number, lines);
        let source = source.map_err(|e| fault(describe(&e)))?;
        self.ids.insert(source.id, key);
        self.sources.insert(key, source);
        self.queue(key);
        Ok(Some(key))
    }

    /// Says which files are not there.
    pub(super) fn missing(&self) {
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

fn metadata(file: &File, name: &Path) -> Result<Metadata, Fault> {
    file.metadata()
        .map_err(|e| Fault::new(name.display(), describe(&e)))
}

fn watch_words(e: Errno) -> String {
    match e {
        // inotify(7): the limit on watches is told by this error.
        Errno::ENOSPC => "too many files are watched; see fs.inotify.max_user_watches".into(),
        e => format!("can't be watched: {}", e.desc()),
    }
}
