//! Prints totals: as records, as `uniq -c` does, or in columns for a person.

use std::io::Write;
use std::panic::resume_unwind;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;

use super::columns;
use super::counter::{Totals, merge};
use super::total::Total;
use crate::arguments::Arguments;
use crate::output::{check_saturation, print_count};

/// Totals in the order in which they are printed.
type Ranked = Box<dyn Iterator<Item = (Address, Total)> + Send>;

/// Prints the totals of all shards, which have no address in common; true if there were any.
pub fn totals(shards: Vec<Totals>, arguments: &Arguments) -> Result<bool, Fault> {
    let least = arguments.min.unwrap_or(0);
    let top = arguments.top.unwrap_or(usize::MAX);
    let rank = |shard: Totals| -> Ranked { Box::new(shard.rank(least, top)) };
    let ranked = match <[Totals; 1]>::try_from(shards) {
        Ok([only]) => rank(only),
        Err(shards) => std::thread::scope(|scope| {
            let sorted: Vec<_> = shards
                .into_iter()
                .map(|shard| scope.spawn(|| rank(shard)))
                .collect();
            let sorted = sorted
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|e| resume_unwind(e)));
            sorted.fold(Box::new(std::iter::empty()) as Ranked, |all, one| {
                Box::new(merge(all, one))
            })
        }),
    };
    print(ranked.take(top), arguments)
}

/// Prints them; true if there were any.
fn print(
    ranked: impl Iterator<Item = (Address, Total)>,
    arguments: &Arguments,
) -> Result<bool, Fault> {
    let mut output = Output::new(arguments.json);
    let mut ranked = ranked.peekable();
    let any = ranked.peek().is_some();
    if arguments.plain {
        for (address, total) in ranked {
            check_saturation(total.count);
            let buffer = output.buffer();
            write!(buffer, "{:7} ", total.count).expect("a Vec takes every write");
            address.write(buffer);
            output.line(b"")?;
        }
    } else if Output::is_terminal() && !arguments.json {
        columns::print(ranked, &mut output)?;
    } else {
        for (address, total) in ranked {
            print_count(address, total.count, total.span, &mut output)?;
        }
    }
    output.flush()?;
    Ok(any)
}
