//! name-ip: records in, the same out with the names of their networks.
//!
//! Each module uses only modules that stand above it.

mod entry; // whose a network is

mod choice; // the networks that --networks asks for

mod arguments; // flags and their values

mod layers; // ranges that overlap, made into ranges that do not

mod table; // a database in memory

mod mmdb; // databases in MaxMind's format
mod text; // tables of ranges as text

mod database; // the files, read again when they change

mod columns; // records for a person at a terminal

mod name; // records named
mod networks; // an owner's networks

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;

use arguments::Arguments;
use database::Databases;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let databases = Databases::open(arguments.db)?;
    let mut output = Output::new(arguments.json);
    if arguments.networks.is_empty() {
        name::run(arguments.files, databases, &mut output)
    } else {
        networks::run(&arguments.networks, &databases, &mut output)
    }
}
