//! The command line of follow-log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use pipeban::complain::{self, Fault};
use pipeban::time::parse_duration;

use crate::glob::is_pattern;

/// Print the lines of growing logs as they come.
///
/// Each line is printed once and whole, whether a log is rotated by rename, by copying and
/// truncating, or by delete and create. A pattern in quotes is followed too: files that match later
/// are read from their beginning. A file may be missing at first. Pipes and FIFOs are read as they
/// come. Without files, or with `-`, standard input is copied.
///
/// The position is kept for each file by name: two followers of one file need a state file each.
#[derive(Parser)]
#[command(name = "follow-log", version)]
pub struct Arguments {
    /// Logs, quoted patterns of them (`'/var/log/nginx/*.log'`), pipes, or files of a journal
    #[arg(value_name = "FILE|GLOB")]
    pub files: Vec<PathBuf>,
    /// The systemd journal's entries of this unit; several may be given, and patterns
    #[arg(short, long = "unit", value_name = "UNIT")]
    pub units: Vec<String>,
    /// The whole systemd journal
    #[arg(long)]
    pub journal: bool,
    /// The journal in this directory, of any machine
    #[arg(short = 'D', long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Where to begin [default: end]; `resume`: where it last stopped, also in the rotated file, or
    /// else at the beginning
    #[arg(long = "from", value_enum, value_name = "WHERE")]
    pub begin: Option<From>,
    /// With `--from resume`, begin this much earlier, by the lines' own time stamps, so that
    /// windows are whole again; without a position, this long ago
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub replay: Option<Duration>,
    /// Keep the position in this file (default: $PIPEBAN_STATE or the usual state)
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<PathBuf>,
    /// Stop at the end; a half-written last line is left for the next time
    #[arg(long)]
    pub once: bool,
    /// Write the file's name and a TAB before each line
    #[arg(long)]
    pub prefix: bool,
}

impl Arguments {
    /// Whether standard input is the only source.
    pub fn is_standard_input(&self) -> bool {
        let journal = self.journal || !self.units.is_empty() || self.directory.is_some();
        !journal && self.files.iter().all(|file| file == Path::new("-"))
    }

    /// Where to begin.
    pub fn from(&self) -> From {
        self.begin.unwrap_or(From::End)
    }

    /// Tells that a run which stops at the end also begins there, if nobody has asked for that.
    pub fn tell_end(&self) {
        let ends = |file: &PathBuf| is_pattern(file.as_os_str()) || file.is_file();
        let reads = self.files.is_empty() || self.files.iter().any(ends);
        if self.once && self.begin.is_none() && reads {
            let what = "it begins at the end, so nothing is read: --from start reads all, \
                        --from resume the lines that are new since the last run";
            complain::note("--once", what);
        }
    }

    /// Refuses flags and operands that do not go together.
    pub fn check(&self) -> Result<(), Fault> {
        if self.files.iter().any(|file| file == Path::new("-")) {
            let what = "standard input can't be followed beside files";
            return Err(Fault::new("usage", what));
        }
        if self.replay.is_some() && self.from() != From::Resume {
            return Err(Fault::new("usage", "--replay goes with --from resume"));
        }
        Ok(())
    }
}

/// Where a follower begins in a file that it has not followed before in this run.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum From {
    /// At the beginning.
    Start,
    /// Behind the last whole line.
    End,
    /// At the position that the state holds.
    Resume,
}
