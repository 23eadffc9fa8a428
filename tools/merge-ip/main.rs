//! merge-ip: lists of networks in, the smallest set of networks that means the same out.
//!
//! Each module uses only modules that stand above it.

mod arguments; // flags and their values

mod set; // sets of numbers

mod read; // lists as sets

mod print; // a set as networks or ranges

mod sort; // records in order

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;

use arguments::Arguments;
use read::Set;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(arguments.json);
    if arguments.sort {
        return sort::run(arguments.files, &mut output);
    }
    // These are understood whole, or nothing is printed: who merges a list bans by it.
    let read = |values: &[String]| -> Result<Vec<Set>, Fault> {
        values.iter().map(|value| Set::of_option(value)).collect()
    };
    let (minus, and) = (read(&arguments.minus)?, read(&arguments.and)?);
    let mut set = Set::of_files(arguments.files)?;
    for other in &minus {
        set = set.minus(other);
    }
    for other in &and {
        set = set.and(other);
    }
    match arguments.ranges {
        true => print::ranges(&set, &mut output),
        false => print::networks(&set, &mut output),
    }
}
