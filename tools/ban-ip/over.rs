//! Bans that were not made because they would be over by now.

use std::time::{Duration, Instant};

use pipeban::complain;
use pipeban::time::Time;

/// The first message comes this long after the first such ban, if the input has not ended by then.
const SOON: Duration = Duration::from_secs(2);
/// Later messages come this long after the one before.
const HOUR: Duration = Duration::from_secs(3_600);

/// Counts bans that would be over, and tells the user: they are honest when an old log is read, and
/// the sign of a wrong time zone when a new one is.
#[derive(Default)]
pub struct Over {
    /// The bans since the last message.
    count: u64,
    /// The latest event of these.
    latest: Option<Time>,
    /// When the next message may come.
    due: Option<Instant>,
}

impl Over {
    /// Counts a ban for an event at this time.
    pub fn add(&mut self, event: Time) {
        self.count += 1;
        self.latest = self.latest.max(Some(event));
        self.due.get_or_insert_with(|| Instant::now() + SOON);
    }

    /// When [`tell`](Self::tell) has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.filter(|_| self.count > 0)
    }

    /// Prints the number of such bans since the last message if it is time, or if this is the
    /// `last` time.
    pub fn tell(&mut self, last: bool) {
        let now = Instant::now();
        let due = self.deadline().is_some_and(|due| last || now >= due);
        let Some(latest) = self.latest.filter(|_| due) else {
            return;
        };
        let bans = match self.count {
            1 => "1 ban".into(),
            n => format!("{n} bans"),
        };
        let what = format_args!("last at={latest}; a wrong zone? `cut -f1` bans from now");
        complain::note(format_args!("{bans} would be over by now"), what);
        *self = Over {
            due: Some(now + HOUR),
            ..Over::default()
        };
    }
}
