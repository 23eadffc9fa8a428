//! mail-ban: passes records through and mails them, at most one mail in a while; or hands them to a
//! command in place of a mail.
//!
//! The filter prints the records and puts them into an outbox in the state file. A process of its
//! own asks whois and sends the mail, so neither holds up the pipeline or the shell that started
//! it.
//!
//! Each module uses only modules that stand above it.

mod arguments; // flags and their values

mod due; // when the next mail is due
mod printable; // text of strangers, made safe to show

mod outbox; // the bans that wait to be mailed

mod compose; // a mail's text
mod own; // names and addresses that do not leave this host
mod smtp; // a conversation with an SMTP server
mod whois; // the owners of addresses

mod digest; // the bans as a program gets them
mod send; // sendmail(8), SMTP or a command

mod delivery; // the process that sends

mod queue; // records into the outbox, and the process started

use std::process::ExitCode;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::privilege::keep_none;
use pipeban::records::Records;

use arguments::Arguments;
use queue::Queue;

fn main() -> ExitCode {
    pipeban::cli::main(run)
}

fn run(arguments: Arguments) -> Result<bool, Fault> {
    if arguments.deliver {
        return delivery::run(&arguments);
    }
    // Records whose reader has gone are mailed all the same: the bans are in place.
    let mut output = Output::enduring(arguments.json);
    let mut records = Records::of_files(arguments.files.clone());
    records.open_all();
    let mut queue = Queue::open(&arguments);
    // From here on remote parties write the input.
    keep_none().map_err(|e| Fault::new("capabilities", e))?;
    let mut done = false;
    while let Some(batch) = records.next_batch(&mut output, None, Ok)? {
        for record in &batch {
            output.record(record)?;
        }
        // Before the outbox, which another process may have locked.
        output.flush()?;
        queue.put(&batch);
        done = true;
    }
    queue.wait_before_a_terminal();
    Ok(done)
}
