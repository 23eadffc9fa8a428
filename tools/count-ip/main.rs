//! count-ip: counts the addresses of records. It prints totals at the end of input, or a record
//! at the moment that an address reaches the threshold.
//!
//! Rooms, from the lowest to the highest:

mod arguments; // the command line, and which flags go together
mod hits; // counts in the state file
mod line; // one line of input, read as far as counting needs it
mod output; // the record of a count

mod table; // tables of millions of addresses, under a bound on memory
mod value; // the value of a field in 16 bytes

mod steps; // the steps of reading a line that some processors do faster
mod usual; // a line in the form that our tools print, read in one pass

mod fields; // the fields of a line that a rule reads
mod throttle; // an address counts at most once in a time
mod times; // the time of each event, and the events without one that counts

mod totals; // totals at the end of input
mod watch; // a record when an address reaches the threshold

use std::process::ExitCode;

use arguments::Arguments;
use pipeban::complain::Fault;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    arguments.check()?;
    if arguments.is_watching() {
        watch::run(arguments)
    } else {
        totals::run(arguments)
    }
}
