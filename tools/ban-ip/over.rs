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
    /// Bans whose length counts from an event, and the latest event.
    by_event: Counted,
    /// Bans whose end a record names, and the latest end.
    by_end: Counted,
    /// When the next message may come.
    due: Option<Instant>,
}

/// The bans since the last message, and the latest moment that belongs to one.
#[derive(Default)]
struct Counted {
    bans: u64,
    latest: Option<Time>,
}

impl Counted {
    fn add(&mut self, moment: Time) {
        self.bans += 1;
        self.latest = self.latest.max(Some(moment));
    }

    /// The number of bans in words, and the latest moment.
    fn take(&mut self) -> Option<(String, Time)> {
        let Counted { bans, latest } = std::mem::take(self);
        let bans = match bans {
            1 => "1 ban".into(),
            n => format!("{n} bans"),
        };
        latest.map(|latest| (bans, latest))
    }
}

impl Over {
    /// Counts a ban for an event at this time.
    pub fn add(&mut self, event: Time) {
        self.by_event.add(event);
        self.due.get_or_insert_with(|| Instant::now() + SOON);
    }

    /// Counts a ban whose record names this end.
    pub fn add_end(&mut self, until: Time) {
        self.by_end.add(until);
        self.due.get_or_insert_with(|| Instant::now() + SOON);
    }

    /// When [`tell`](Self::tell) has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        self.due
            .filter(|_| self.by_event.bans + self.by_end.bans > 0)
    }

    /// Prints the number of such bans since the last message if it is time, or if this is the
    /// `last` time.
    pub fn tell(&mut self, last: bool) {
        let now = Instant::now();
        if !self.deadline().is_some_and(|due| last || now >= due) {
            return;
        }
        if let Some((bans, latest)) = self.by_event.take() {
            let what = format_args!("last at={latest}; a wrong zone? `cut -f1` bans from now");
            complain::note(format_args!("{bans} would be over by now"), what);
        }
        if let Some((bans, latest)) = self.by_end.take() {
            let what = format_args!("last until={latest}; `cut -f1` bans from now");
            complain::note(format_args!("{bans} would be over by now"), what);
        }
        self.due = Some(now + HOUR);
    }
}
