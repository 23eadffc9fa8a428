//! Prints totals: as records, as `uniq -c` does, or in columns for a person.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, Builder};

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::printer::{Printer, Spare};

use super::columns;
use super::ranking::{Place, Ranking, between};
use super::total::Total;
use crate::arguments::Arguments;
use crate::output::{check_saturation, print_count};

/// Several threads print this many totals of a shard at once.
const PART: usize = 1 << 14;

/// Prints the totals of all shards, which have no address in common; true if there were any.
pub fn totals(ranked: Vec<Ranking>, arguments: &Arguments) -> Result<bool, Fault> {
    let top = arguments.limits().top;
    let mut output = Output::new(arguments.json);
    let any = ranked.iter().any(|shard| shard.len() > 0);
    let columns = !arguments.plain && !arguments.json && Output::is_terminal();
    let all = || between(&ranked, None, None).take(top);
    if columns {
        columns::print(all(), &mut output)?;
    } else if ranked.len() > 1 && arguments.top.is_none() {
        output = print_by_several(&ranked, arguments, output)?;
    } else {
        print(all(), arguments.plain, &mut output)?;
    }
    output.flush()?;
    Ok(any)
}

/// Prints all totals by as many threads as there are shards.
fn print_by_several(
    shards: &[Ranking],
    arguments: &Arguments,
    output: Output,
) -> Result<Output, Fault> {
    let longest = shards.iter().max_by_key(|shard| shard.len());
    let cuts = longest.map_or_else(Vec::new, |shard| shard.cuts(shard.len() / PART + 1));
    let from = std::iter::once(None).chain(cuts.iter().copied().map(Some));
    let to = cuts.iter().copied().map(Some).chain([None]);
    let parts: Vec<(Option<Place>, Option<Place>)> = from.zip(to).collect();
    let printer = Arc::new(Printer::new(output));
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut text, spare) = (Output::new(arguments.json), Spare::default());
        while !printer.failed() {
            let number = next.fetch_add(1, Relaxed);
            let Some((from, to)) = parts.get(number) else {
                return;
            };
            printer.take_from(&mut text, number, &spare);
            let printed = print(between(shards, *from, *to), arguments.plain, &mut text);
            match printed.and_then(|()| text.flush()) {
                Ok(()) => printer.end(number),
                Err(fault) => printer.fail(fault),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..shards.len() {
            // Where a thread can't be had the others do its work.
            let _ = Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    printer.into_output()
}

/// Prints totals.
fn print(
    ranked: impl Iterator<Item = (Address, Total)>,
    plain: bool,
    output: &mut Output,
) -> Result<(), Fault> {
    for (address, total) in ranked {
        if plain {
            check_saturation(total.count);
            let buffer = output.buffer();
            write!(buffer, "{:7} ", total.count).expect("a Vec takes every write");
            address.write(buffer);
            output.line(b"")?;
        } else {
            print_count(address, total.count, total.span, output)?;
        }
    }
    Ok(())
}
