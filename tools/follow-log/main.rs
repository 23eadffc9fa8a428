//! follow-log: prints the lines of growing logs as they come, through every kind of rotation.

mod arguments; // the command line

mod follower; // the loop: what is read next, and when to wait
mod stdin; // standard input, which needs no following
mod stop; // when to stop

mod beginning; // where a new file begins
mod copies; // copies of logs, which are no logs
mod journal; // the journal of systemd
mod names; // which files the operands name now
mod resume; // where a log begins that was followed in an earlier run
mod rewriting; // logs rewritten in place
mod succession; // rotation while the log is followed
mod truncation; // truncated files, whose content was copied away

mod notify; // the line of `systemctl status`
mod pipes; // operands that are pipes
mod polling; // files without events
mod queue; // the files that are followed, in the order in which they are read
mod saver; // when their positions are written

mod holder; // the file that holds a position
mod replay; // the lines of the last while before a position
mod rest; // the rest of a file that nobody writes to any more
mod rotated; // rotated files, and the order in which they were made
mod rotated_name; // the names of rotated files
mod source; // one followed file

mod lines; // whole lines from pieces
mod old_lines; // the place of old lines in a rewritten file
mod open; // regular files, opened without waiting
mod position; // a position in a file, and the proof that a file holds it
mod positions; // the positions that are kept in the state

mod file_events; // which files were written to
mod filesystem; // whether a file system tells events
mod glob; // patterns of names
mod inotify; // a queue of the kernel's events
mod known_units; // the units that this system has
mod lookup; // from an operand to files
mod name_events; // whether a name may lead elsewhere now
mod units; // the units whose entries are wanted

use std::process::ExitCode;

use pipeban::complain::Fault;

use arguments::Arguments;
use follower::Follower;
use stop::Stop;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    if arguments.is_standard_input() {
        return stdin::copy(arguments.prefix);
    }
    arguments.check()?;
    arguments.tell_end();
    open::allow_many();
    // First `stop`, before any thread is started: all of them leave the signals to it.
    Follower::new(arguments, Stop::new()?)?.run()
}
