//! extract-ip: prints a record for each address in the lines of logs.

mod address_filter; // addresses that are printed at all: `-4`, `--global`, `--not`, `--only`
mod arguments; // flags and their values
mod bisect; // the part of a file that has lines of some time
mod check; // `--check`, `--preset list`: presets without a log
mod complete; // values that a shell offers at Tab
mod explain; // `--explain`: how each line is judged, and why
mod extract; // from blocks of lines to records
mod fields; // `--with`: further fields of a record
mod in_order; // the same, where a line is judged by those before it
mod lines; // the lines of a block, and the fields of a line
mod matcher; // whether a line counts: `--regex`, `--preset`, `--filter`
mod object; // `--key`, `--where`: lines that are JSON objects
mod oldest_first; // `--time`: the oldest of several files first
mod one_of_each_line; // one address of each line, by the places of the addresses
mod selection; // the lines that count, and their addresses
mod time_window; // `--since`, `--until`: the lines of some time
mod times; // `--time`: the time of each record
mod unknown_input; // input of which no preset knows a line, told
mod whole_lines; // `--whole`, `--count`: lines in place of records
mod workers; // several files, and parts of one, at the same time

use std::process::ExitCode;
use std::sync::Arc;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::privilege::keep_reading;

use address_filter::Keep;
use arguments::Arguments;
use extract::Extractor;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    // From here on remote parties write the input; logs are opened while it is read.
    keep_reading().map_err(|e| Fault::new("capabilities", e))?;
    if arguments.check || arguments.preset.iter().any(|name| name == "list") {
        return check::run(&arguments);
    }
    let keep = Arc::new(Keep::new(&arguments)?);
    matcher::tell_tags("--regex", &arguments.regex);
    matcher::tell_tags("--exclude", &arguments.exclude);
    if arguments.explain {
        return explain::run(selection::Chooser::new(&arguments, keep)?, arguments);
    }
    matcher::tell_marks(&arguments.preset);
    if oldest_first::pays(&arguments) {
        return oldest_first::run(arguments, keep);
    }
    let first = Extractor::new(&arguments, keep.clone())?;
    let in_order = in_order::pays(&arguments, &first);
    let cuts = in_order || first.is_of_each_line();
    let threads = workers::count(&arguments, cuts);
    let others = usize::from(!in_order || threads == 1)..threads;
    let others = others.map(|_| Extractor::new(&arguments, keep.clone()));
    let mut extractors = others.collect::<Result<Vec<_>, _>>()?;
    extractors.push(first);
    let input = time_window::input(&arguments)?;
    let output = Output::new(arguments.json);
    match in_order {
        true => in_order::run(extractors, input, output),
        false => workers::run(extractors, input, output, cuts),
    }
}
