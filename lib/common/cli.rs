//! The `main` of every tool: arguments in, a run, an exit status out.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::complain::{self, Fault};
use crate::figures;

/// Parses the arguments and runs the tool, which answers whether it did or found anything.
///
/// Exit status: 0 done, 1 nothing done, 2 any error; see the manual page of each tool.
pub fn main<A: Parser>(run: fn(A) -> Result<bool, Fault>) -> ExitCode {
    figures::begin();
    let mut command = A::command();
    complain::as_tool(command.get_name());
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = parsed.and_then(|mut matches| A::from_arg_matches_mut(&mut matches));
    let arguments = match parsed.map_err(|e| e.format(&mut command)) {
        Ok(arguments) => arguments,
        Err(e) if !e.use_stderr() => {
            // Help or version; if nobody reads it, nobody misses it.
            let _ = e.print();
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            complain::error("usage", usage_error(&e));
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(done) => complain::exit_status(done),
        Err(Fault::ReaderGone) => complain::exit_status(true),
        Err(Fault::Error { place, what }) => {
            complain::error(place, what);
            complain::exit_status(false)
        }
    }
}

/// clap's message in one line: its first paragraph, which names the flag.
fn usage_error(e: &clap::Error) -> String {
    if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "arguments are missing (see --help)".into();
    }
    let text = e.to_string();
    let first = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = first.lines().map(str::trim).take_while(|l| !l.is_empty());
    lines.collect::<Vec<_>>().join(" ") + " (see --help)"
}
