//! Totals as they are printed: as records, or as `uniq -c` has them.

use std::io::Write;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;

use crate::Arguments;
use crate::totals::Totals;

/// Prints the totals; answers whether there were any.
pub fn totals(totals: Totals, arguments: &Arguments) -> Result<bool, Fault> {
    let least = arguments.min.unwrap_or(0);
    let top = arguments.top.unwrap_or(usize::MAX);
    let mut output = Output::new(arguments.json);
    let mut any = false;
    for (address, total) in totals.rank(least, top) {
        any = true;
        if arguments.plain {
            let buffer = output.buffer();
            write!(buffer, "{:7} ", total.count).expect("a Vec takes every write");
            address.write(buffer);
            output.line(b"")?;
            continue;
        }
        if total.span.is_none() && !arguments.json {
            let buffer = output.buffer();
            address.write(buffer);
            buffer.extend_from_slice(b"\tcount=");
            write!(buffer, "{}", total.count).expect("a Vec takes every write");
            output.line(b"")?;
            continue;
        }
        let mut record = Record::new(address);
        record.push("count", total.count.to_string().as_bytes());
        if let Some((first, last)) = total.span {
            record.push("first", first.to_string().as_bytes());
            record.push("last", last.to_string().as_bytes());
        }
        output.record(&record)?;
    }
    output.flush()?;
    Ok(any)
}
