//! `--list --follow`: what is banned now, then each change of the ledger as it comes.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::state;
use pipeban::time::Time;
use pipeban_ban::firewall::Backend;
use pipeban_ban::ledger::{Ledger, Snapshot};
use pipeban_ban::watch::{Watch, Woken};

use crate::arguments::Arguments;
use crate::follower::Follower;
use crate::list;

/// A write to the log is seen before it counts: the ledger is looked at at once, and again after
/// each of these times in milliseconds without another write.
const PAUSES: [u64; 6] = [1, 4, 16, 64, 256, 1_024];
/// After those the ledger is looked at when something happens, and after this time: also a process
/// that was stopped while it wrote goes on some day.
const PATIENCE: Duration = Duration::from_secs(600);

/// Prints all bans, a line `# now`, and a record for each change until nobody reads.
pub fn run(arguments: &Arguments, backend: &Backend, output: &mut Output) -> Result<bool, Fault> {
    let origin = list::origin(arguments);
    let mut source = Source::open(arguments.state_file.as_deref())?;
    let watch = Watch::new(&source.path)?;
    let mut follower = Follower::new(backend, origin);
    let snapshot = source
        .ledger()
        .and_then(|l| l.snapshot(Time::now(), origin));
    let snapshot = match snapshot {
        Ok(snapshot) => snapshot,
        Err(fault) => {
            source.complain(fault)?;
            Snapshot::default()
        }
    };
    follower.begin(&snapshot);
    match origin {
        Some(_) => list::print_ledger(backend, &snapshot.bans, output)?,
        None => list::print(backend, source.ledger.as_ref(), snapshot, output)?,
    };
    output.line(b"# now")?;
    let mut pauses = PAUSES.iter();
    let mut compare = false;
    loop {
        let looked = match source.reopen() {
            // Another file has other numbers.
            Ok(replaced) => source.look(&mut follower, compare || replaced, output),
            Err(fault) => Err(fault),
        };
        match looked {
            Ok(compared) => compare = !compared,
            Err(fault) => {
                // No change is lost: all is compared when the ledger can be read again.
                compare = true;
                source.complain(fault)?;
            }
        }
        output.flush()?;
        let pause = pauses.next().map(|pause| Duration::from_millis(*pause));
        let woken = watch.wait(follower.next_end(), pause.unwrap_or(PATIENCE));
        match woken.map_err(|e| Fault::new("--follow", e))? {
            Woken::ReaderGone => return Ok(true),
            Woken::ClockSet => compare = true,
            Woken::Changed => {
                watch.watch_log();
                pauses = PAUSES.iter();
            }
            Woken::Passed => (),
        }
    }
}

/// The ledger that is followed.
struct Source {
    path: PathBuf,
    /// `None` if it can't be read just now.
    ledger: Option<Ledger>,
    /// The device and inode of its file.
    file: Option<(u64, u64)>,
    /// A fault was reported, and nothing was read since.
    in_trouble: bool,
}

impl Source {
    /// Opens the ledger, which is made if there is none.
    fn open(state_file: Option<&Path>) -> Result<Self, Fault> {
        let mut source = Source {
            path: state::path(state_file),
            ledger: None,
            file: None,
            in_trouble: false,
        };
        source.reopen()?;
        if source.ledger.is_none() {
            Ledger::open(state_file)?;
            source.reopen()?;
        }
        Ok(source)
    }

    /// Opens the ledger if that was not done or if it is another file now; answers whether it was
    /// opened. A file that is not there is waited for.
    fn reopen(&mut self) -> Result<bool, Fault> {
        let file = self.path.metadata().ok().map(|m| (m.dev(), m.ino()));
        if self.ledger.is_some() && file == self.file {
            return Ok(false);
        }
        self.ledger = Ledger::look(Some(&self.path))?;
        self.file = file;
        Ok(self.ledger.is_some())
    }

    fn ledger(&self) -> Result<&Ledger, Fault> {
        let missing = || Fault::new(self.path.display(), "no ledger");
        self.ledger.as_ref().ok_or_else(missing)
    }

    /// Prints the changes since the last look; `compare` says that numbers do not tell them.
    /// Answers whether they will tell the next ones.
    fn look(
        &mut self,
        follower: &mut Follower,
        compare: bool,
        output: &mut Output,
    ) -> Result<bool, Fault> {
        let Some(ledger) = &self.ledger else {
            return Ok(!compare);
        };
        if compare && !follower.compare(ledger, output)? {
            return Ok(false);
        }
        follower.look(ledger, output)?;
        self.in_trouble = false;
        Ok(true)
    }

    /// Reports a fault, once for as long as it lasts, and opens the ledger anew the next time.
    fn complain(&mut self, fault: Fault) -> Result<(), Fault> {
        self.ledger = None;
        match std::mem::replace(&mut self.in_trouble, true) {
            true if !matches!(fault, Fault::ReaderGone) => Ok(()),
            _ => complain::fault(fault),
        }
    }
}
