//! The delivery process: sends the mail that waits in an outbox, each in its time, and ends when
//! the outbox is empty.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use pipeban::complain::{self, Fault, describe};
use pipeban::detach::detach;
use pipeban::privilege::keep_none;
use pipeban::record::Record;
use pipeban::time::{Time, format_duration};

use crate::arguments::{Arguments, Whois};
use crate::compose::{self, Contents};
use crate::digest::{self, digest};
use crate::due::TRIES;
use crate::outbox::{Outbox, Status};
use crate::own::Own;
use crate::send::{send, to_command};
use crate::whois;

/// The table of a mail has at most this number of rows; the next mail goes on.
const ROWS: usize = 20_000;
/// The process sleeps no longer than this at once, so that it notices a clock that was set.
const SLEEP: Duration = Duration::from_secs(60);

/// Sends until the outbox is empty.
pub fn run(arguments: &Arguments) -> Result<bool, Fault> {
    detach();
    let fault = |e: io::Error| Fault::new("delivery", describe(&e));
    let mut outbox = Outbox::open(arguments.state_file.as_deref(), &arguments.outbox())?;
    // Another process may have begun meanwhile.
    let Some(lock) = outbox.lock()? else {
        return Ok(true);
    };
    // From here on remote parties write the text. Programs get all rights back from the kernel.
    keep_none().map_err(|e| Fault::new("capabilities", e))?;
    let mut tries = 0;
    loop {
        let mut status = outbox.status()?;
        while status.waiting > 0 && tries < TRIES {
            let now = Time::now();
            let due = status.tried.due(arguments.digest, now);
            if due > now {
                tell_tried();
                sleep(due.since(now).min(SLEEP));
            } else if let Err(why) = deliver(arguments, &mut outbox, &status)? {
                tries += 1;
                let pause = status.tried.pause();
                outbox.failed(Time::now() + pause)?;
                let done = if arguments.run.is_some() {
                    "handed over"
                } else {
                    "mailed"
                };
                let kept = format!("{} waiting to be {done}", status.waiting);
                let then = if tries == TRIES {
                    "tried again at the next ban".into()
                } else {
                    format!("tried again in {}", format_duration(pause))
                };
                complain::error("mail", format_args!("{why}; {kept}, {then}"));
            } else {
                tries = 0;
            }
            status = outbox.status()?;
        }
        tell_tried();
        // A process that adds to the outbox from here on finds the lock free, or this one finds
        // its bans.
        lock.unlock().map_err(fault)?;
        let waiting = outbox.status()?.waiting;
        if waiting == 0 || tries == TRIES || lock.try_lock().is_err() {
            return Ok(true);
        }
    }
}

/// Tells the process that started this one that the mail that was due has been tried. It may have
/// ended meanwhile.
fn tell_tried() {
    let _ = io::stderr().write_all(b"\n");
}

/// Sends one mail or digest; the inner error is the reason why it could not be sent.
fn deliver(
    arguments: &Arguments,
    outbox: &mut Outbox,
    status: &Status,
) -> Result<Result<(), String>, Fault> {
    let rows = if arguments.run.is_some() {
        digest::ROWS
    } else {
        ROWS
    };
    let (records, last) = outbox.oldest(rows)?;
    let sent = match &arguments.run {
        // A record that can't be read is none.
        _ if records.is_empty() => Ok(()),
        Some(command) => {
            let mut own = Own::of(&compose::host());
            match digest(&records, arguments.format, &mut own) {
                Some(text) => to_command(command, &text),
                None => Ok(()),
            }
        }
        None => mail(arguments, outbox, status, &records)?,
    };
    if sent.is_ok() {
        outbox.sent(last, status.left_out)?;
        if arguments.run.is_some() && status.left_out > 0 {
            let text = format!("{} bans could not be kept for it", status.left_out);
            complain::error("mail", text);
        }
    }
    Ok(sent)
}

/// Mails these bans, the oldest that wait.
fn mail(
    arguments: &Arguments,
    outbox: &mut Outbox,
    status: &Status,
    records: &[Record],
) -> Result<Result<(), String>, Fault> {
    let top: Vec<_> = compose::top(records).iter().map(|r| r.address).collect();
    let source = arguments.whois.as_ref().unwrap_or(&Whois::Program);
    let whois = whois::ask(source, &top, outbox)?;
    let host = compose::host();
    let contents = Contents {
        records,
        left_out: status.left_out,
        waiting: status.waiting.saturating_sub(records.len() as u64),
        whois: &whois,
        host: &host,
    };
    let to = arguments.to.as_deref().unwrap_or_default();
    Ok(compose::compose(to, arguments.from.as_ref(), &contents)
        .and_then(|message| send(&message, arguments.smtp.as_ref(), &host)))
}
