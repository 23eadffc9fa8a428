//! Totals at the end of input, the highest first.

mod total; // the count of one address

mod ranking; // totals in the order in which they are printed

mod by_field; // counts of a field's values, in memory
mod columns; // totals as a person reads them
mod counter; // counts of all addresses, in memory
mod slots; // the beginnings of time slots

mod per_slot; // counts of addresses by time slot, in memory

mod print; // totals as records, as uniq -c prints them, or as columns
mod print_fields; // the same for the values of a field
mod print_slots; // the same by time slot
mod saved; // totals that the state file keeps between runs
mod shards; // counts of all addresses by several threads
mod split; // events by shard

use std::time::Instant;

use pipeban::complain::{self, Fault};
use pipeban::input::{Event, Input};
use pipeban::privilege::{keep_none, keep_reading};

use crate::arguments::Arguments;
use crate::line::{BadLines, report_bad};
use crate::table::key::Seed;
use by_field::FieldTotals;
use counter::Totals;
use per_slot::SlotTotals;
use saved::{BEHIND, Saved};
use shards::Counted;

/// A way to count.
trait Counter {
    /// Without counts.
    fn new(arguments: &Arguments) -> Self;
    /// Counts the lines of a block; returns their number and the bad ones.
    fn count(&mut self, block: &[u8]) -> (u64, BadLines);
    /// Takes the counts out; what is reported at the end stays.
    fn take(&mut self, arguments: &Arguments) -> Self;
    /// Adds all counts to those in the state file.
    fn save(self, saved: &mut Saved) -> Result<(), Fault>;
    /// Adds the counts in the state file to these.
    fn load(&mut self, saved: &Saved) -> Result<(), Fault>;
    /// Prints the counts; true if there were any.
    fn print(self, arguments: &Arguments) -> Result<bool, Fault>;
}

impl Counter for Totals {
    fn new(arguments: &Arguments) -> Self {
        Totals::new(arguments, Seed::random())
    }

    fn count(&mut self, block: &[u8]) -> (u64, BadLines) {
        Totals::count(self, block)
    }

    fn take(&mut self, arguments: &Arguments) -> Self {
        std::mem::replace(self, Totals::new(arguments, Seed::random()))
    }

    fn save(self, saved: &mut Saved) -> Result<(), Fault> {
        self.report_evictions();
        saved.add(self)
    }

    fn load(&mut self, saved: &Saved) -> Result<(), Fault> {
        saved.load_into(self)
    }

    fn print(self, arguments: &Arguments) -> Result<bool, Fault> {
        self.report_evictions();
        print::totals(vec![self.rank(arguments.limits())], arguments)
    }
}

impl Counter for FieldTotals {
    fn new(arguments: &Arguments) -> Self {
        FieldTotals::new(arguments)
    }

    fn count(&mut self, block: &[u8]) -> (u64, BadLines) {
        FieldTotals::count(self, block)
    }

    fn take(&mut self, arguments: &Arguments) -> Self {
        let mut taken = std::mem::replace(self, FieldTotals::new(arguments));
        std::mem::swap(&mut self.without, &mut taken.without);
        taken
    }

    fn save(self, saved: &mut Saved) -> Result<(), Fault> {
        self.report();
        saved.add_fields(self)
    }

    fn load(&mut self, saved: &Saved) -> Result<(), Fault> {
        saved.load_fields_into(self)
    }

    fn print(self, arguments: &Arguments) -> Result<bool, Fault> {
        self.report();
        print_fields::print(self, arguments)
    }
}

impl Counter for SlotTotals {
    fn new(arguments: &Arguments) -> Self {
        SlotTotals::new(arguments)
    }

    fn count(&mut self, block: &[u8]) -> (u64, BadLines) {
        SlotTotals::count(self, block)
    }

    fn take(&mut self, arguments: &Arguments) -> Self {
        let mut taken = std::mem::replace(self, SlotTotals::new(arguments));
        std::mem::swap(&mut self.times, &mut taken.times);
        taken
    }

    fn save(self, saved: &mut Saved) -> Result<(), Fault> {
        self.report();
        saved.add_slots(self)
    }

    fn load(&mut self, saved: &Saved) -> Result<(), Fault> {
        saved.load_slots_into(self)
    }

    fn print(self, arguments: &Arguments) -> Result<bool, Fault> {
        self.report();
        print_slots::print(self, arguments)
    }
}

/// Counts all of the input and prints the totals; true if there were any.
pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    if arguments.by.is_some() {
        return count_all::<FieldTotals>(&arguments);
    } else if arguments.per.is_some() {
        return count_all::<SlotTotals>(&arguments);
    } else if arguments.is_remembered() {
        return count_all::<Totals>(&arguments);
    }
    // Threads open the parts of files that they read.
    keep_reading().map_err(|e| Fault::new("capabilities", e))?;
    match shards::count(&arguments) {
        Some(counted) => print_shards(counted, &arguments),
        None => count_all::<Totals>(&arguments),
    }
}

/// Tells the bad lines of several threads, and prints their counts.
fn print_shards(counted: Counted, arguments: &Arguments) -> Result<bool, Fault> {
    for (operand, line, what) in counted.bad {
        let name = arguments.files[operand].to_string_lossy();
        complain::bad_line(format_args!("{name}:{line}"), what);
    }
    print::totals(counted.shards, arguments)
}

fn count_all<C: Counter>(arguments: &Arguments) -> Result<bool, Fault> {
    let mut counter = C::new(arguments);
    let mut saved = match arguments.is_remembered() {
        true => Some(Saved::open(arguments)?),
        false => None,
    };
    let mut input = Input::new(arguments.files.clone());
    input.unpack_by(arguments.threads);
    input.open_all();
    keep_none().map_err(|e| Fault::new("capabilities", e))?;
    let mut deadline = None;
    loop {
        match input.next_block(deadline)? {
            Event::Data(block) => {
                let (lines, bad) = counter.count(block);
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
            counter.take(arguments).save(saved)?;
            deadline = None;
        }
    }
    if let Some(saved) = &mut saved {
        counter.take(arguments).save(saved)?;
        counter.load(saved)?;
    }
    counter.print(arguments)
}
