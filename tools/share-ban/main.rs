//! share-ban: this host's bans to an MQTT broker, other hosts' bans out.
//!
//! Each module uses only modules that stand above it.

mod arguments; // flags and their values
mod counts; // refusals, counted by reason

mod target; // the packets that a ban drops

mod hello; // a host about itself
mod message; // a ban or a lift as it is told
mod page; // bans one after the other, where some were lost

mod config; // the configuration

mod own; // this host's bans, and those that the broker has

mod bucket; // a bound on changes
mod exempt; // addresses that are never passed on

mod held; // the bans of one other host

mod peer; // another host: its hello, and the walk through its bans

mod mqtt; // packets
mod topic; // topics

mod resolve; // host names
mod stream; // TCP, and TLS over it
mod tls; // certificates

mod client; // a client of a broker

mod connect; // a new connection

mod fleet; // all that is known of the fleet

mod session; // what the broker has, made right and heard

mod run; // the filter
mod verify; // a broker on trial

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::privilege::renounce;

use arguments::Arguments;
use config::Config;
use connect::Brokers;
use fleet::Fleet;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    let config = Config::read(&arguments.config)?;
    let brokers = Brokers::new(&config)?;
    // From here on remote parties write the input.
    renounce().map_err(|e| Fault::new("capabilities", e))?;
    let output = Output::new(arguments.json);
    if arguments.verify {
        return verify::run(&config, brokers, output);
    }
    run::run(Fleet::new(config)?, brokers, output)
}
