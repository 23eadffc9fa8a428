//! Standard input, copied as it comes.

use std::path::Path;

use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::privilege::keep_reading;

use crate::lines::Lines;

/// Copies standard input to its end; true if it held anything.
pub fn copy(prefix: bool) -> Result<bool, Fault> {
    keep_reading().map_err(|e| Fault::new("capabilities", e))?;
    let mut input = Input::new(Vec::new());
    let mut output = Output::new(false);
    let mut lines = Lines::new(Path::new("-"), prefix);
    let mut done = false;
    loop {
        match input.next_block(None)? {
            Event::Data(block) => {
                done = true;
                lines.push(block, output.buffer());
                if block.last() != Some(&b'\n') {
                    lines.finish(output.buffer());
                }
                output.flush_if_full()?;
            }
            Event::Idle => output.flush()?,
            Event::End => {
                output.flush()?;
                return Ok(done);
            }
        }
    }
}
