//! Files of which no events come: they are read once a second.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use pipeban::complain;

use crate::filesystem::Events;

/// Files without events are read this often.
const PERIOD: Duration = Duration::from_secs(1);

/// The files that are read from time to time, by their numbers.
#[derive(Default)]
pub struct Polling {
    files: HashMap<u64, Polled>,
    /// Devices of which it was told.
    told: HashSet<u64>,
    next: Option<Instant>,
}

struct Polled {
    events: Events,
    device: u64,
    /// It had grown when it was last read, without an event.
    grown: bool,
}

impl Polling {
    /// Reads a file from time to time, unless its events are sure.
    pub fn add(&mut self, number: u64, events: Events, device: u64, shown: &Path) {
        if events == Events::Sure {
            return;
        }
        let grown = false;
        let polled = Polled {
            events,
            device,
            grown,
        };
        self.files.insert(number, polled);
        if events == Events::None {
            self.tell(device, shown);
        }
    }

    /// Once for each file system.
    fn tell(&mut self, device: u64, shown: &Path) {
        if self.told.insert(device) {
            let what = "no events come from this file system; looked at each second";
            complain::note(shown.display(), what);
        }
    }

    /// An event of this file came: if its file system was not known, it tells all.
    pub fn has_events(&mut self, number: u64) {
        if let Some(polled) = self.files.get(&number)
            && polled.events == Events::Unknown
        {
            self.files.remove(&number);
        }
    }

    /// Polls this file no longer.
    pub fn remove(&mut self, number: u64) {
        self.files.remove(&number);
    }

    /// Whether any file is polled.
    pub fn is_needed(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whether files are to be read now, and when the next time is.
    pub fn is_due(&mut self, now: Instant) -> (bool, Option<Instant>) {
        if self.files.is_empty() {
            self.next = None;
            return (false, None);
        }
        let due = self.next.is_some_and(|next| next <= now);
        if due || self.next.is_none() {
            self.next = Some(now + PERIOD);
        }
        (due, self.next)
    }

    /// The numbers of the files.
    pub fn numbers(&self) -> Vec<u64> {
        self.files.keys().copied().collect()
    }

    /// Notes whether a file has grown. One that grows twice without an event has none.
    pub fn note_growth(&mut self, number: u64, grown: bool, shown: &Path) {
        let Some(polled) = self.files.get_mut(&number) else {
            return;
        };
        if std::mem::replace(&mut polled.grown, grown) && polled.events == Events::Unknown {
            polled.events = Events::None;
            let device = polled.device;
            self.tell(device, shown);
        }
    }
}
