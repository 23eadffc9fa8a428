//! The stream: a record is printed at the moment that an address reaches the threshold.

mod rule; // when an address is printed; an event; a crossing of the threshold

mod detail; // events of an address for the rules that need more than a few times
mod tally; // events of an address, and whether they reach the threshold
mod windows; // the same for millions of addresses with the simplest rule

mod sets; // distinct values of millions of addresses with the simplest rule

mod row_rule; // one of these two

mod encode; // a tally as the state file keeps it

mod groups; // events counted by a field, by distinct values, with successes that forgive

mod policy; // the networks or the group in which an event counts

mod in_memory; // tallies in memory
mod in_state; // tallies in the state file
mod report; // the record of an address that reached the threshold

mod batch; // events that are read and not counted yet
mod lines; // lines in the usual form, taken into a batch
mod row_batch; // events of a batch counted in rows

mod watcher; // lines of the stream, counted in batches

use std::time::Instant;

use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::privilege::keep_none;

use crate::arguments::Arguments;
use crate::line::report_bad;
use crate::times::is_live;
use watcher::Watcher;

/// Reads the input to its end and prints the addresses that reach the threshold; true if any did.
pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut watcher = Watcher::new(&arguments, is_live(&arguments.files))?;
    let mut input = Input::new(arguments.files);
    input.open_all();
    keep_none().map_err(|e| Fault::new("capabilities", e))?;
    loop {
        match input.next_block(watcher.deadline())? {
            Event::Data(block) => {
                let (lines, bad) = watcher.count(block)?;
                report_bad(&mut input, lines, bad);
                let deadline = watcher.deadline();
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    watcher.store()?;
                }
            }
            Event::Idle => watcher.settle()?,
            Event::End => break,
        }
    }
    watcher.finish()
}
