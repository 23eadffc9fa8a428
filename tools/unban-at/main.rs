//! unban-at: sets the end of the bans of records; prints each with the `until=` it now has.

mod arguments;
mod due;
mod ends;
mod list;
mod set_end;

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;

use arguments::Arguments;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    match &arguments.time {
        Some(time) => set_end::run(&arguments, time),
        None if arguments.list => list::run(&arguments, &mut Output::new(arguments.json)),
        None => due::run(&arguments),
    }
}
