//! `--time`: the time of each record.

use std::ffi::OsString;
use std::fs;

use pipeban::complain::{self, Fault};
use pipeban::time::{Time, Zone};
use pipeban_log::line::LineReader;
use pipeban_log::stamp::StampFormat;

use crate::arguments::Arguments;

/// A reader of lines, with the form and the zone of the options.
pub(crate) fn reader(arguments: &Arguments) -> Result<LineReader, Fault> {
    let format = arguments.time_format.as_deref().map(StampFormat::parse);
    let format = format
        .transpose()
        .map_err(|e| Fault::new("--time-format", e))?;
    let zone = arguments.timezone.as_deref().map(Zone::parse).transpose();
    let zone = zone.map_err(|e| Fault::new("--timezone", e))?;
    Ok(LineReader::new(zone.unwrap_or_else(Zone::local), format))
}

/// The time of records: the line's own or, in a live input, that of its arrival.
pub(crate) struct Times {
    live: bool,
    /// Lines with an address but without a time.
    without: u64,
}

impl Times {
    /// `None` without the option.
    pub(crate) fn new(arguments: &Arguments) -> Option<Self> {
        arguments.wants_time().then(|| Times {
            live: is_live(&arguments.files),
            without: 0,
        })
    }

    /// The time of a line that gives a record.
    pub(crate) fn of(&mut self, time: Option<Time>) -> Option<Time> {
        if time.is_some() {
            return time;
        }
        if self.live {
            return Some(Time::now());
        }
        self.without += 1;
        None
    }

    /// Takes out the number of lines so far, for [`join`](Self::join).
    pub(crate) fn take(&mut self) -> Self {
        let without = std::mem::take(&mut self.without);
        Times { without, ..*self }
    }

    /// Adds the lines of other files.
    pub(crate) fn join(&mut self, other: Self) {
        self.without += other.without;
    }

    /// Tells how many lines had an address but no time.
    pub(crate) fn report(&self) {
        let lines = match self.without {
            0 => return,
            1 => "1 line has".into(),
            n => format!("{n} lines have"),
        };
        let what = format_args!("{lines} no time stamp; there the record has no at=");
        complain::note("--time", what);
    }
}

/// Whether no operand, or standard input without any, is a regular file.
pub(crate) fn is_live(files: &[OsString]) -> bool {
    let is_file = |file: &OsString| {
        let path = if file == "-" {
            "/dev/stdin".as_ref()
        } else {
            file.as_os_str()
        };
        fs::metadata(path).is_ok_and(|file| file.is_file())
    };
    let standard_input = [OsString::from("-")];
    let files = if files.is_empty() {
        &standard_input
    } else {
        files
    };
    !files.iter().any(is_file)
}
