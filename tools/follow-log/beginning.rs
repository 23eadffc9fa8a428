//! Where a file begins that has come behind a name.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use pipeban::complain::{self, Fault, describe};
use pipeban::unpack::{is_packed_file, unpack};

use crate::arguments::From;
use crate::lookup::Found;
use crate::old_lines::Wanted;
use crate::open::open;
use crate::position::Id;
use crate::positions::Positions;
use crate::queue::{Key, Queue};
use crate::resume::{self, Begin};
use crate::rewriting::search;
use crate::rotated::Content;
use crate::rotated_name::{form, is_packed};
use crate::source::last_line;
use crate::succession::succeed;

/// A file that is not followed yet.
pub struct New<'a> {
    /// Its name.
    pub found: &'a Found,
    /// The open file.
    pub file: File,
    /// Whether the name has never led to a file.
    pub first: bool,
    /// The found logs of which it may be a rotated file, by its name.
    pub beside: Vec<PathBuf>,
}

/// Tells new files where to begin.
pub struct Beginner {
    /// The user's choice.
    pub from: From,
    replay: Option<Duration>,
    /// The names are looked up for the first time.
    pub starting: bool,
    /// Files that could not be opened at the start, and their sizes then.
    refused: HashMap<Id, u64>,
}

impl Beginner {
    /// `replay`: a resumed file begins this much earlier.
    pub fn new(from: From, replay: Option<Duration>) -> Self {
        Beginner {
            from,
            replay,
            starting: true,
            refused: HashMap::new(),
        }
    }

    /// Notes that a file can't be opened: its lines of before the start are not wanted later.
    pub fn note_refused(&mut self, found: &Found) {
        if self.starting
            && self.from == From::End
            && let Ok(metadata) = found.real.metadata()
        {
            self.refused.insert(Id::from(&metadata), metadata.len());
        }
    }

    /// Queues the text of the files that a pattern found beside their logs, the oldest first. Only
    /// files whose name has the number or date at its end are known to be rotated ones.
    pub fn read_old(
        &mut self,
        queue: &mut Queue,
        old: &mut [(&Found, Vec<PathBuf>)],
    ) -> Result<(), Fault> {
        old.sort_by_key(|(f, _)| f.real.metadata().and_then(|m| m.modified()).ok());
        for (found, beside) in old {
            let Ok(file) = open(&found.real) else {
                continue;
            };
            let fault = |e| Fault::new(found.shown.display(), describe(&e));
            if is_packed_file(&file).map_err(fault)? {
                match unpack(file) {
                    Ok(stream) => queue.read_last(&found.shown, Content::Packed(stream)),
                    Err(e) => complain::error(found.shown.display(), describe(&e)),
                }
            } else if is_history(found, beside) {
                let end = file.metadata().map_err(fault)?.len();
                let text = file.try_clone().map_err(fault)?.take(end);
                queue.read_last(&found.shown, Content::Packed(Box::new(text)));
                queue.follow(file, found, end)?;
            }
        }
        Ok(())
    }

    /// Follows a new file, unless it is compressed.
    pub fn begin(
        &self,
        new: New,
        queue: &mut Queue,
        positions: Option<&mut Positions>,
    ) -> Result<Option<Key>, Fault> {
        let New { found, file, .. } = &new;
        let fault = |e| Fault::new(found.shown.display(), describe(&e));
        if found.wild {
            let empty = file.metadata().map_err(fault)?.len() == 0;
            // A compressor makes an empty file first.
            if is_packed_file(file).map_err(fault)? || is_packed(&found.shown) && empty {
                return Ok(None);
            }
        } else if self.starting && is_packed_file(file).map_err(fault)? {
            let what = "compressed, so nobody appends to it (extract-ip reads it as it is)";
            complain::error(found.shown.display(), what);
            return Ok(None);
        }
        let history = is_history(found, &new.beside);
        let undecided = !self.starting && !new.beside.is_empty();
        let mut replaced = None;
        let begin = match (self.from, positions) {
            _ if !new.first => {
                replaced = succeed(queue, found)?;
                Begin::At(0)
            }
            (From::Resume, Some(positions)) => {
                let known = if new.beside.is_empty() {
                    None
                } else {
                    resume::by_identity(positions, (found, file))?
                };
                match known {
                    Some(begin) => begin,
                    None if undecided => Begin::At(0),
                    None if history => Begin::AtEnd,
                    None => resume::resume(queue, positions, self.replay, (found, file))?,
                }
            }
            // The state can't be used.
            (From::Resume, None) => resume::begin_ago(queue, self.replay, (found, file))?,
            (From::End, _) if self.starting => Begin::At(last_line(file, u64::MAX).map_err(fault)?),
            (From::End, _) => {
                let id = Id::from(&file.metadata().map_err(fault)?);
                let end = self.refused.get(&id).copied().unwrap_or(0);
                Begin::At(last_line(file, end).map_err(fault)?)
            }
            _ => Begin::At(0),
        };
        let New {
            found,
            file,
            beside,
            ..
        } = new;
        let key = match begin {
            Begin::At(offset) => queue.follow(file, found, offset)?,
            Begin::AtEnd => {
                let end = last_line(&file, u64::MAX).map_err(fault)?;
                queue.follow(file, found, end)?
            }
            Begin::Truncated => queue.follow(file, found, 0)?,
        };
        match begin {
            Begin::Truncated => queue.get(key).into_iter().for_each(|s| s.restart()),
            Begin::At(_) if undecided => queue.doubt(key, beside),
            Begin::At(_) | Begin::AtEnd => {}
        }
        if let Some(before) = replaced {
            search(queue, key, Wanted::LastOf(before));
        }
        Ok(Some(key))
    }
}

/// Whether a file is taken for a rotated one without any proof: its name is that of a log with a
/// number or date behind it.
fn is_history(found: &Found, beside: &[PathBuf]) -> bool {
    let is_suffix = |log: &PathBuf| form(&found.shown, log).is_some_and(|f| f.inside.is_none());
    beside.iter().any(is_suffix)
}
