//! ban-ip: bans the addresses of records in the firewall; prints each ban that is new or longer.

mod against_log; // `--verify ADDRESS`: a log against the packets dropped
mod arguments; // flags and their values
mod ban; // records read and banned in batches
mod candidate; // a record that may be banned, and the length of its ban
mod dry_run; // what would be banned
mod findings; // findings of `--verify`
mod follow; // `--list --follow`: waits for changes
mod follower; // the bans as printed last, compared with the ledger
mod history; // `--why`: the history of an address
mod list; // `--list`: the bans of now
mod listing; // records of bans, one for all ports of a ban
mod live; // bans in ledger and firewall
mod over; // bans that would be over by now, told
mod printer; // the bans of a batch, printed as they are made
mod speaker; // the host that records are from
mod sync; // `--sync`: the firewall after a reboot
mod verify; // `--verify`: rules that let a banned address through, and differences

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban_ban::firewall::Backend;
use pipeban_ban::whose;

use arguments::Arguments;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    arguments.check_origin()?;
    let mut output = Output::new(arguments.json);
    let state_file = arguments.state_file.as_deref();
    if let Some(address) = &arguments.why {
        output.show_table();
        return history::run(address, state_file, &mut output);
    }
    let named = arguments.named_backend()?;
    if arguments.sync {
        return sync::run(named.as_ref(), &arguments, &mut output);
    }
    let backend = named.unwrap_or_else(Backend::usual);
    if arguments.follow {
        // Its wait has no end.
        whose::tell(state_file);
        follow::run(&arguments, &backend, &mut output)
    } else if arguments.list {
        output.show_table();
        list::run(&arguments, &backend, &mut output)
    } else if arguments.verify {
        verify::run(&arguments, &backend, &mut output)
    } else {
        ban::run(&arguments, backend)
    }
}
