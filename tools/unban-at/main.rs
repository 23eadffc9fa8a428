//! unban-at: sets the end of the bans of records; prints each with the `until=` it now has.

mod arguments;
mod due;
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
    let mut output = Output::new(arguments.json);
    match &arguments.time {
        Some(time) => set_end::run(&arguments, time, &mut output),
        None if arguments.list => list::run(&arguments, &mut output),
        None => due::run(&arguments, &mut output),
    }
}
