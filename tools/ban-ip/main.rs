//! ban-ip: bans the addresses of records in the firewall; prints each ban that is new or longer.

mod arguments;
mod ban;
mod candidate;
mod dry_run;
mod follow;
mod follower;
mod list;
mod live;
mod never;
mod printer;
mod ssh;
mod sync;
mod verify;
mod why;

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban_ban::firewall::Backend;

use arguments::Arguments;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(arguments.json);
    let state_file = arguments.state_file.as_deref();
    if let Some(address) = &arguments.why {
        return why::run(address, state_file, &mut output);
    }
    let named = arguments.named_backend()?;
    if arguments.sync {
        return sync::run(named.as_ref(), state_file, arguments.dry_run, &mut output);
    }
    let backend = named.unwrap_or_else(Backend::usual);
    if arguments.follow {
        follow::run(&backend, state_file, &mut output)
    } else if arguments.list {
        list::run(&backend, state_file, &mut output)
    } else if arguments.verify {
        verify::run(&backend, &mut output)
    } else {
        ban::run(&arguments, backend)
    }
}
