//! `--time`: the time of each line.

use pipeban::complain::{self, Fault};
use pipeban::time::{Time, Zone};
use pipeban_log::stamp::{StampFormat, StampReader};

use crate::arguments::Arguments;

/// The time of each line: its own, or that of the line before.
pub(crate) struct Times {
    reader: StampReader,
    last: Option<Time>,
    /// Whether the last line had one itself.
    own: bool,
    without: u64,
}

impl Times {
    /// `None` without the option.
    pub(crate) fn new(arguments: &Arguments) -> Result<Option<Self>, Fault> {
        if !arguments.wants_time() {
            return Ok(None);
        }
        let format = arguments
            .time_format
            .as_deref()
            .map(StampFormat::parse)
            .transpose();
        let format = format.map_err(|e| Fault::new("--time-format", e))?;
        let zone = arguments.timezone.as_deref().map(Zone::parse).transpose();
        let zone = zone.map_err(|e| Fault::new("--timezone", e))?;
        Ok(Some(Times {
            reader: StampReader::new(zone.unwrap_or_else(Zone::local), format),
            last: None,
            own: false,
            without: 0,
        }))
    }

    /// Reads the stamp of a line; must be called for every line.
    pub(crate) fn read(&mut self, line: &[u8]) {
        let stamp = self.reader.read(line);
        self.own = stamp.is_some();
        self.last = stamp.or(self.last);
    }

    /// The time of the last line, which has an address to print; `None` if no line so far had one.
    pub(crate) fn time(&mut self) -> Option<Time> {
        self.without += u64::from(!self.own);
        // Each line counts once, however many addresses are in it.
        self.own = true;
        self.last
    }

    /// Tells how many lines had an address but no time stamp.
    pub(crate) fn report(&self) {
        match self.without {
            0 => {}
            1 => complain::note(
                "--time",
                "1 line has no time stamp; it got the time of the one before",
            ),
            n => complain::note(
                "--time",
                format_args!("{n} lines have no time stamp; they got the time of the one before"),
            ),
        }
    }
}
