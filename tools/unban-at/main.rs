//! unban-at: sets the end of the bans of records; prints each with the `until=` it now has.

mod arguments; // flags and their values
mod due; // `--due`: bans that have ended, lifted
mod ends; // new ends in ledger and firewalls
mod list; // `--list`: the bans that have an end
mod set_end; // records read, and their bans ended in batches

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
