//! The `main` of every tool: arguments in, a run, an exit status out.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser, ValueHint};
use clap_complete::CompleteEnv;

use crate::complain::{self, Fault};
use crate::figures;
use crate::time::Zone;

/// The variable of the environment by which a shell asks for completions; it holds the shell's
/// name: `source <(PIPEBAN_COMPLETE=bash ban-ip)`.
const COMPLETE: &str = "PIPEBAN_COMPLETE";

/// Parses the arguments and runs the tool, which answers whether it did or found anything.
///
/// Exit status: 0 done, 1 nothing done, 2 any error; see the manual page of each tool.
pub fn main<A: Parser>(run: fn(A) -> Result<bool, Fault>) -> ExitCode {
    figures::begin();
    let mut command = A::command();
    complain::as_tool(command.get_name());
    let completion = CompleteEnv::with_factory(completed::<A>).var(COMPLETE);
    let directory = std::env::current_dir().ok();
    match completion.try_complete(std::env::args_os(), directory.as_deref()) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(e) => {
            complain::error(COMPLETE, usage_error(&e));
            return ExitCode::from(2);
        }
    }
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = parsed.and_then(|mut matches| A::from_arg_matches_mut(&mut matches));
    let arguments = match parsed.map_err(|e| e.format(&mut command)) {
        Ok(arguments) => arguments,
        Err(e) if !e.use_stderr() => return print_help(&e),
        Err(e) => {
            complain::error("usage", usage_error(&e));
            return ExitCode::from(2);
        }
    };
    if let Some(zone) = Zone::unread_local() {
        // A name is not known where no database of zones is installed: there libc takes UTC too.
        if zone.trim_start_matches(':').starts_with('/') || zone.contains("..") {
            complain::error("TZ", format!("not a file of a time zone: \"{zone}\""));
            return ExitCode::from(2);
        }
        complain::note(
            "TZ",
            format!("no such time zone: \"{zone}\"; times are in UTC"),
        );
    }
    match run(arguments) {
        Ok(done) => complain::exit_status(done),
        Err(Fault::ReaderGone) => complain::exit_status(true),
        Err(Fault::Error { place, what }) => {
            complain::error(place, what);
            complain::exit_status(false)
        }
    }
}

/// The command as a shell completes it: a value that is called FILE is a path.
fn completed<A: Parser>() -> Command {
    A::command().mut_args(|argument| {
        let names = argument.get_value_names().unwrap_or_default();
        if names.iter().any(|name| name.contains("FILE")) {
            argument.value_hint(ValueHint::FilePath)
        } else {
            argument
        }
    })
}

/// Prints help or version. If nobody reads it, nobody misses it.
fn print_help(help: &clap::Error) -> ExitCode {
    match help.print().and_then(|()| std::io::stdout().flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            complain::error("standard output", complain::describe(&e));
            complain::exit_status(false)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// clap's message in one line: its first paragraph, which names the flag, and its guess.
fn usage_error(e: &clap::Error) -> String {
    if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "arguments are missing (see --help)".into();
    }
    let text = e.to_string();
    let first = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = first.lines().map(str::trim).take_while(|l| !l.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ") + &guess(e) + " (see --help)";
    // Rust's words for numbers.
    let text = text.replace("invalid digit found in string", "not a number");
    text.replace("number too large to fit in target type", "too large")
}

/// The flag that clap guesses to be meant, or the advice of a flag that is none. The values of a
/// flag are in the message anyhow.
fn guess(e: &clap::Error) -> String {
    match (
        e.get(ContextKind::Suggested),
        e.get(ContextKind::SuggestedArg),
    ) {
        (Some(ContextValue::StyledStrs(advice)), _) => {
            let advice = advice.iter().map(|advice| format!("; {advice}"));
            advice.collect()
        }
        (_, Some(ContextValue::String(guess))) => format!("; did you mean {guess}?"),
        _ => String::new(),
    }
}
