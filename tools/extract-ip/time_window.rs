//! `--since` and `--until`: only the lines of some time.

use std::sync::{Arc, OnceLock};

use pipeban::complain::{self, Fault};
use pipeban::input::Input;
use pipeban::time::{Time, parse_past};

use crate::arguments::Arguments;
use crate::bisect;
use crate::times;

/// The present of the process: all threads have the same.
static NOW: OnceLock<Time> = OnceLock::new();

/// From when on, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    since: Option<Time>,
    until: Option<Time>,
    /// Whether a line without a time is of the present.
    live: bool,
    /// Lines with an address but without a time.
    without: u64,
}

impl Window {
    /// `None` without either option.
    pub(crate) fn new(arguments: &Arguments) -> Result<Option<Self>, Fault> {
        let now = *NOW.get_or_init(Time::now);
        let read = |flag: &'static str, text: &Option<String>| {
            let time = text
                .as_deref()
                .map(|text| parse_past(text, now))
                .transpose();
            time.map_err(|e| Fault::new(flag, e))
        };
        let since = read("--since", &arguments.since)?;
        let until = read("--until", &arguments.until)?;
        if let (Some(since), Some(until)) = (since, until)
            && until < since
        {
            return Err(Fault::new(
                "--until",
                format!("{until} is before --since, {since}"),
            ));
        }
        let wanted = since.is_some() || until.is_some();
        Ok(wanted.then(|| Window {
            since,
            until,
            live: times::is_live(&arguments.files),
            without: 0,
        }))
    }

    /// Whether a line of this time is left out; one without a time is not yet.
    pub(crate) fn leaves_out(&self, time: Option<Time>) -> bool {
        let Some(time) = time.or_else(|| self.live.then(Time::now)) else {
            return false;
        };
        self.since.is_some_and(|since| time < since) || self.until.is_some_and(|until| time > until)
    }

    /// Whether a line with an address is left out because nobody knows its time.
    pub(crate) fn leaves_out_timeless(&mut self, time: Option<Time>) -> bool {
        let timeless = time.is_none() && !self.live;
        self.without += u64::from(timeless);
        timeless
    }

    /// Takes out the number of lines so far, for [`join`](Self::join).
    pub(crate) fn take(&mut self) -> Self {
        let without = std::mem::take(&mut self.without);
        Window { without, ..*self }
    }

    /// Adds the lines of other files.
    pub(crate) fn join(&mut self, other: Self) {
        self.without += other.without;
    }

    /// Tells how many lines were left out for want of a time.
    pub(crate) fn report(&self) {
        let lines = match self.without {
            0 => return,
            1 => "1 line has".into(),
            n => format!("{n} lines have"),
        };
        let what = format_args!("{lines} no time stamp, and was left out");
        let what = if self.without == 1 {
            what.to_string()
        } else {
            what.to_string().replace("was left", "were left")
        };
        complain::note("--since, --until", what);
    }
}

/// The operands; of a file only the part that may have lines of the time asked for.
pub(crate) fn input(arguments: &Arguments) -> Result<Input, Fault> {
    let mut input = Input::new(arguments.files.clone());
    if let Some(Window { since, until, .. }) = Window::new(arguments)? {
        let reader = times::reader(arguments)?;
        let part = move |file: &_| bisect::part(file, since, until, reader.clone());
        input.read_part(Arc::new(part));
    }
    input.unpack_by(arguments.threads);
    input.show_progress();
    Ok(input)
}
