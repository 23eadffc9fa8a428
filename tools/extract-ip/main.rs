//! extract-ip: prints a record for each address in the lines of logs.

mod arguments;
mod bisect;
mod choose;
mod complete;
mod explain;
mod extract;
mod fields;
mod keep;
mod lines;
mod matcher;
mod object;
mod oldest_first;
mod pick;
mod silence;
mod times;
mod window;
mod workers;

use std::process::ExitCode;
use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::input::Event;
use pipeban::output::Output;

use arguments::Arguments;
use extract::Extractor;
use keep::Keep;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    if arguments.preset.iter().any(|name| name == "list") {
        return matcher::list_presets();
    }
    let keep = Arc::new(Keep::new(&arguments)?);
    if arguments.explain {
        return explain::run(choose::Chooser::new(&arguments, keep)?, arguments);
    }
    matcher::tell_marks(&arguments.preset);
    if oldest_first::pays(&arguments) {
        return oldest_first::run(arguments, keep);
    }
    let count = workers::count(&arguments);
    let extractors = (0..count).map(|_| Extractor::new(&arguments, keep.clone()));
    let mut extractors = extractors.collect::<Result<Vec<_>, _>>()?;
    let mut input = window::input(&arguments)?;
    let mut output = Output::new(arguments.json);
    if count > 1 {
        return workers::run(extractors, input, output);
    }
    let Some(mut extractor) = extractors.pop() else {
        return Ok(false);
    };
    loop {
        match input.next_block_of(None)? {
            (Event::Idle, _) => output.flush()?,
            (Event::End, _) => break,
            (Event::Data(block), origin) => extractor.block(block, origin, &mut output)?,
        }
    }
    output.flush()?;
    Ok(extractor.end())
}
