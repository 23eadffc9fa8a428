//! follow-log: prints the lines of growing logs as they come, through every kind of rotation.

mod follower;
mod lines;
mod mark;
mod names;
mod past;
mod position;
mod replay;
mod source;
mod stop;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use pipeban::cli;
use pipeban::complain::{self, Fault};
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::time::parse_duration;

use follower::Follower;
use lines::Lines;
use position::Positions;
use stop::Stop;

/// Print the lines of growing logs as they come.
///
/// Each line is printed once and whole, whether a log is rotated by rename, by copying and truncating, or by delete
/// and create. A pattern in quotes is followed too: files that match later are read from their beginning.
/// A file may be missing at first. Without files, or with `-`, standard input is copied.
///
/// The position is kept for each file by name: two followers of one file need a state file each.
#[derive(Parser)]
#[command(name = "follow-log", version)]
struct Arguments {
    /// Logs, or quoted patterns of them (`'/var/log/nginx/*.log'`)
    #[arg(value_name = "FILE|GLOB")]
    files: Vec<PathBuf>,
    /// Where to begin; `resume`: where it last stopped, also in the rotated file, or else at the beginning
    #[arg(long, value_enum, default_value_t = From::End, value_name = "WHERE")]
    from: From,
    /// With `--from resume`, begin this much earlier, by the lines' own time stamps, so that windows are whole again
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    replay: Option<Duration>,
    /// Keep the position in this file (default: $PIPEBAN_STATE or the usual state)
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// Stop at the end; a half-written last line is left for the next time
    #[arg(long)]
    once: bool,
    /// Write the file's name and a TAB before each line
    #[arg(long)]
    prefix: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum From {
    Start,
    End,
    Resume,
}

fn main() -> ExitCode {
    cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let standard_input = |p: &PathBuf| p == Path::new("-");
    if arguments.files.iter().all(standard_input) {
        return copy(arguments.prefix);
    }
    if arguments.files.iter().any(standard_input) {
        return Err(Fault::new(
            "usage",
            "standard input can't be followed beside files",
        ));
    }
    if arguments.replay.is_some() && arguments.from != From::Resume {
        return Err(Fault::new("usage", "--replay goes with --from resume"));
    }
    // Before any thread is started: all of them leave the signals to it.
    let stop = Stop::new()?;
    let positions = match Positions::open(arguments.state_file.as_deref()) {
        Ok(positions) => Some(positions),
        Err(Fault::Error { place, what })
            if arguments.from != From::Resume && arguments.state_file.is_none() =>
        {
            complain::note(place, format!("{what}; the position will not be kept"));
            None
        }
        Err(fault) => return Err(fault),
    };
    let mut follower = Follower::new(arguments, stop, positions)?;
    follower.run()?;
    Ok(follower.done)
}

/// Standard input as it comes, which needs no following.
fn copy(prefix: bool) -> Result<bool, Fault> {
    let mut input = Input::new(Vec::new());
    let mut output = Output::new(false);
    let mut lines = Lines::new(Path::new("-"), prefix);
    let mut done = false;
    loop {
        match input.next_block(None)? {
            Event::Data(block) => {
                done = true;
                lines.push(block, output.buffer());
                if block.last() != Some(&b'\n') {
                    lines.finish(output.buffer());
                }
                output.flush_if_full()?;
            }
            Event::Idle => output.flush()?,
            Event::End => {
                output.flush()?;
                return Ok(done);
            }
        }
    }
}
