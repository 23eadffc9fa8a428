//! The time of each event, and the events that have none that counts.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use pipeban::complain;
use pipeban::time::Time;

/// The pause between two messages about late events in a live run.
const HOUR: Duration = Duration::from_secs(3600);

/// Decides which records have a time, and counts the events that are lost.
///
/// In a live run an event without `at=` has the time of its arrival. An input that is not live is
/// read long after its events: with a window, records without a time are refused there as soon as
/// a record with one was seen. If no record has a time, all have that of their arrival.
pub struct Times {
    live: bool,
    /// Records without a time are refused amid timed ones.
    strict: bool,
    /// Only events close together count.
    windows: bool,
    /// Whether a record with a time was seen.
    timed: bool,
    /// The number of records without a time before that.
    untimed: u64,
    refused: u64,
    late: u64,
    /// The last message about late events: its time, and their number.
    told: Option<(Instant, u64)>,
}

impl Times {
    /// `live`: the input comes as things happen. `windows`: only events close together count.
    pub fn new(live: bool, windows: bool) -> Self {
        Times {
            live,
            strict: windows && !live,
            windows,
            timed: false,
            untimed: 0,
            refused: 0,
            late: 0,
            told: None,
        }
    }

    /// Whether events without a time count; `number` of them were read.
    #[inline(always)]
    pub fn accept_untimed(&mut self, number: u64) -> bool {
        if self.strict && self.timed {
            self.refused += number;
            return false;
        }
        self.untimed += number;
        true
    }

    /// Whether a record with a time was seen.
    #[inline(always)]
    pub fn is_timed(&self) -> bool {
        self.timed
    }

    /// To be called for each record with a time. True if it is the first one behind others without
    /// a time where these are refused: all that was counted so far must be forgotten.
    #[inline(always)]
    pub fn is_first_timed(&mut self) -> bool {
        if self.timed {
            return false;
        }
        self.timed = true;
        if !self.strict {
            return false;
        }
        self.refused = std::mem::take(&mut self.untimed);
        self.refused > 0
    }

    /// The time of an event with its own time or without one, which arrived `now`, and the latest
    /// time that any event can have.
    #[inline(always)]
    pub fn of(&self, own: Option<Time>, now: Time) -> (Time, Option<Time>) {
        // In a replay the clock does not limit the times that stand in the records.
        let limit = (self.live || own.is_none()).then_some(now);
        (own.unwrap_or(now), limit)
    }

    /// Adds events that came too late to count.
    #[inline(always)]
    pub fn add_late(&mut self, number: u64) {
        self.late += number;
    }

    /// In a live run, reports late events when they begin and then once an hour.
    #[inline(always)]
    pub fn tell(&mut self) {
        let silent = |(at, number): (Instant, u64)| number < self.late && at.elapsed() >= HOUR;
        if self.live && self.late > 0 && self.told.is_none_or(silent) {
            self.tell_late();
            self.told = Some((Instant::now(), self.late));
        }
    }

    /// Reports the number of lost events at the end of the run.
    pub fn report(&self) {
        if self.late > self.told.map_or(0, |(_, number)| number) {
            self.tell_late();
        }
        // Nobody else is told: in a live run that is as it should be.
        if self.windows && !self.timed && self.untimed > 1 && io::stderr().is_terminal() {
            let what = "no record has a time (at=), so each counts as of its arrival; \
                        extract-ip --time gives them their own";
            complain::note("--within", what);
        }
        if self.refused > 0 {
            complain::error(
                "input",
                format_args!(
                    "records without at= amid timed ones, which do not count: {}",
                    self.refused
                ),
            );
        }
    }

    fn tell_late(&self) {
        complain::error(
            "input",
            format_args!(
                "events that came too late to count, from before the window: {}",
                self.late
            ),
        );
    }
}

/// Whether the input comes as things happen: no operand is a regular file, nor is standard input.
pub fn is_live(files: &[OsString]) -> bool {
    let is_file = |file: &OsString| {
        let path = if file == "-" {
            "/dev/stdin".as_ref()
        } else {
            file.as_os_str()
        };
        std::fs::metadata(path).is_ok_and(|file| file.is_file())
    };
    let standard_input = [OsString::from("-")];
    let files = if files.is_empty() {
        &standard_input
    } else {
        files
    };
    !files.iter().any(is_file)
}
