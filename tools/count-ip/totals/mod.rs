//! Totals at the end of input, the highest first.

mod total; // the count of one address

mod columns; // totals as a person reads them
mod counter; // counts of all addresses, in memory

mod print; // totals as records, as uniq -c prints them, or as columns
mod saved; // totals that the state file keeps between runs

use std::time::Instant;

use pipeban::complain::Fault;
use pipeban::input::{Event, Input};

use crate::arguments::Arguments;
use crate::line::report_bad;
use counter::Totals;
use saved::{BEHIND, Saved};

/// Counts all of the input and prints the totals; true if there were any.
pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut totals = Totals::new(&arguments);
    let mut saved = match arguments.is_remembered() {
        true => Some(Saved::open(&arguments)?),
        false => None,
    };
    let mut input = Input::new(arguments.files.clone());
    let mut deadline = None;
    loop {
        match input.next_block(deadline)? {
            Event::Data(block) => {
                let (lines, bad) = totals.count(block);
                report_bad(&mut input, lines, bad);
                if saved.is_some() {
                    deadline.get_or_insert_with(|| Instant::now() + BEHIND);
                }
            }
            Event::Idle => {}
            Event::End => break,
        }
        if let Some(saved) = &mut saved
            && deadline.is_some_and(|deadline| deadline <= Instant::now())
        {
            saved.add(std::mem::replace(&mut totals, Totals::new(&arguments)))?;
            deadline = None;
        }
    }
    if let Some(saved) = &mut saved {
        saved.add(std::mem::replace(&mut totals, Totals::new(&arguments)))?;
        saved.load_into(&mut totals)?;
    }
    totals.report_evictions();
    print::totals(totals, &arguments)
}
