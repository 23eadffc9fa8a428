//! Prints totals: as records, as `uniq -c` does, or in columns for a person.

use std::io::Write;

use pipeban::complain::Fault;
use pipeban::output::Output;

use super::columns;
use super::counter::Totals;
use crate::arguments::Arguments;
use crate::output::{check_saturation, print_count};

/// Prints the totals; true if there were any.
pub fn totals(totals: Totals, arguments: &Arguments) -> Result<bool, Fault> {
    let least = arguments.min.unwrap_or(0);
    let top = arguments.top.unwrap_or(usize::MAX);
    let mut output = Output::new(arguments.json);
    let mut ranked = totals.rank(least, top).peekable();
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
