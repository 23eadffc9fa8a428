//! Patterns that are ready: presets for services, and fail2ban's filters.

use std::ops::Range;

use pipeban::complain::{self, Fault};
use pipeban_log::filter::{self, Filter};
use pipeban_log::finder::{self, Found};
use pipeban_log::presets::{self, Presets};

use crate::choose::{Matcher, Verdict};
use crate::hostile::{self, Attempt};

/// A matcher, and what it said of the last line, for a person who asks.
pub struct Ready<T> {
    inner: T,
    explains: bool,
    last: Option<(String, Range<usize>)>,
    hostile: Vec<(String, Attempt)>,
}

/// The presets of these names, each of which may be a list with commas.
pub fn presets(names: &[String], explains: bool) -> Result<Ready<Presets>, Fault> {
    let names = names.iter().flat_map(|list| list.split(','));
    let inner = Presets::new(names.map(str::trim).filter(|name| !name.is_empty()));
    let inner = inner.map_err(|e| Fault::new("--preset", format!("{e} (--preset list)")))?;
    Ok(Ready {
        inner,
        explains,
        last: None,
        // The presets' own tests try this, with every example.
        hostile: Vec::new(),
    })
}

/// Prints what presets there are, and their rules.
pub fn list(out: &mut Vec<u8>) {
    for service in presets::list() {
        let rules = service.rules.join(" ");
        let line = format!("{:15} {} ({rules})\n", service.name, service.title);
        out.extend_from_slice(line.as_bytes());
    }
}

/// The filter of a file, with its options in brackets.
pub fn filter(argument: &str, explains: bool) -> Result<Ready<Filter>, Fault> {
    let inner = Filter::load(argument)?;
    if inner.has_journalmatch() {
        let what = "journalmatch is ignored: choose the journal's entries by journalctl";
        complain::note(inner.name(), what);
    }
    let hostile = match explains {
        true => hostile::filter::hostile(argument)?,
        false => Vec::new(),
    };
    Ok(Ready {
        inner,
        explains,
        last: None,
        hostile,
    })
}

impl Matcher for Ready<Presets> {
    fn judge(&mut self, line: &[u8]) -> Option<Verdict<'_>> {
        self.last = None;
        let hit = self.inner.check(line)?;
        // An address that stood on another line stands behind this one's end, where none can be.
        let place = hit.place.unwrap_or(line.len()..line.len());
        if self.explains {
            self.last = Some((format!("--preset {}", hit.rule), place.clone()));
        }
        Some(Verdict {
            found: Some(Found::new(hit.address, place)),
            rule: Some(hit.rule),
        })
    }

    fn literals(&self) -> Option<Vec<&[u8]>> {
        self.inner.literals().map(texts)
    }

    fn names_address(&self) -> bool {
        true
    }

    fn span(&mut self, _: &[u8]) -> Option<(String, Range<usize>)> {
        self.last.clone()
    }

    fn hostile(&mut self) -> Vec<(String, Attempt)> {
        std::mem::take(&mut self.hostile)
    }
}

impl Matcher for Ready<Filter> {
    fn judge(&mut self, line: &[u8]) -> Option<Verdict<'_>> {
        self.last = None;
        let verdict = match self.inner.check(line) {
            Ok(verdict) => verdict,
            Err(Fault::Error { place, what }) => {
                complain::bad_line(place, what);
                return None;
            }
            Err(Fault::ReaderGone) => return None,
        };
        let (address, pattern) = match verdict {
            filter::Verdict::Nothing => return None,
            filter::Verdict::Address { address, pattern } => (address, pattern),
            filter::Verdict::Name { text, pattern } => {
                let text = String::from_utf8_lossy(&text);
                let what = format!("not an address: \"{text}\"");
                complain::bad_line(self.inner.rule(pattern), what);
                return None;
            }
            filter::Verdict::TooManySteps { pattern } => {
                let what = "a line is left out: to match it takes too many steps";
                complain::bad_line(self.inner.rule(pattern), what);
                return None;
            }
        };
        let rule = self.inner.rule(pattern);
        // The filter saw the line without its time stamp, so who asks for the place has it looked up; a session's address has none.
        let mut place = line.len()..line.len();
        if self.explains {
            finder::find_all(line, |found| {
                if found.address == address && place.is_empty() {
                    place = found.range;
                }
            });
            self.last = Some((format!("--filter {rule}"), place.clone()));
        }
        Some(Verdict {
            found: Some(Found::new(address, place)),
            rule: Some(rule),
        })
    }

    fn literals(&self) -> Option<Vec<&[u8]>> {
        self.inner.literals().map(texts)
    }

    fn expect_sifted(&mut self) {
        self.inner.expect_sifted();
    }

    fn names_address(&self) -> bool {
        true
    }

    fn span(&mut self, _: &[u8]) -> Option<(String, Range<usize>)> {
        self.last.clone()
    }

    fn hostile(&mut self) -> Vec<(String, Attempt)> {
        std::mem::take(&mut self.hostile)
    }
}

fn texts(texts: &[Vec<u8>]) -> Vec<&[u8]> {
    texts.iter().map(Vec::as_slice).collect()
}
