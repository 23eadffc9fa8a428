//! `--sort`: the records whole, in address order.

use std::ffi::OsString;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::privilege::keep_none;
use pipeban::record::Record;
use pipeban::records::{Item, Records};

/// Prints all records in the order of their addresses, and equal ones in the order of the input.
pub fn run(files: Vec<OsString>, output: &mut Output) -> Result<bool, Fault> {
    let mut input = Records::of_files(files);
    input.open_all();
    keep_none().map_err(|e| Fault::new("capabilities", e))?;
    let mut records: Vec<Record> = Vec::new();
    loop {
        match input.next(None)? {
            Item::Record(record) => records.push(record),
            Item::Idle => {}
            Item::End => break,
        }
    }
    records.sort_by_key(|record| record.address);
    for record in &records {
        output.record(record)?;
    }
    output.flush()?;
    Ok(!records.is_empty())
}
