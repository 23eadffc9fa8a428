//! The record of a count, written as text without making a record, because there are millions.

use std::sync::Once;

use pipeban::address::{Address, write_number};
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

/// Reports, once, a count that has reached the highest number: it stands for any higher one.
pub fn check_saturation(count: u64) {
    static TOLD: Once = Once::new();
    if count == u64::MAX {
        TOLD.call_once(|| {
            complain::error(
                "count",
                format_args!("{count} stands for that many events or more"),
            );
        });
    }
}

/// Prints an address with `count=`, and with `first=` and `last=` where the times are known.
pub fn print_count(
    address: Address,
    count: u64,
    span: Option<(Time, Time)>,
    output: &mut Output,
) -> Result<(), Fault> {
    check_saturation(count);
    if output.is_json() {
        let mut record = Record::new(address);
        record.push("count", count.to_string().as_bytes());
        if let Some((first, last)) = span {
            record.push("first", first.to_string().as_bytes());
            record.push("last", last.to_string().as_bytes());
        }
        return output.record(&record);
    }
    let buffer = output.buffer();
    address.write(buffer);
    buffer.extend_from_slice(b"\tcount=");
    write_number(count, buffer);
    if let Some((first, last)) = span {
        buffer.extend_from_slice(b"\tfirst=");
        first.write(buffer);
        buffer.extend_from_slice(b"\tlast=");
        last.write(buffer);
    }
    output.line(b"")
}
