//! The postman: a process that sends what is in an outbox, each mail in its time, and ends when it is empty.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::Duration;

use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::detach::detach;
use pipeban::time::{Time, format_duration};

use crate::Arguments;
use crate::compose::{self, Contents};
use crate::outbox::{Outbox, Standing};
use crate::send::send;
use crate::whois::{self, Source};

/// The table of one mail has at most so many rows; the next mail goes on.
const ROWS: usize = 20_000;
/// After a failure the next try comes after this, then after twice this, and so on.
const RETRY: Duration = Duration::from_secs(2);
const RETRY_AT_MOST: Duration = Duration::from_secs(15 * 60);
/// After so many tries in a row, some seven hours, the postman ends; the outbox stays for the next run.
const TRIES: u32 = 36;
/// How long a run waits at its end for a mail that is due, where a person sees it.
const MOMENT: Duration = Duration::from_secs(1);
/// A postman sleeps no longer than this at once, so that it notices a clock that was set.
const NAP: Duration = Duration::from_secs(60);

/// A postman at work for this process.
pub struct Hired {
    settled: Receiver<()>,
}

/// Starts a postman if something waits and there is none at work.
///
/// It gets the outbox's lock as its standard input, so at no time is there none or a second one. It holds
/// nothing else of ours: neither a shell nor ssh nor swatch waits for it.
pub fn hire(outbox: &Outbox) -> Result<Option<Hired>, Fault> {
    if outbox.standing(Duration::ZERO)?.waiting == 0 {
        return Ok(None);
    }
    let Some(lock) = outbox.lock()? else {
        return Ok(None);
    };
    let fault = |e: io::Error| Fault::new("postman", describe(&e));
    let mut command = Command::new(std::env::current_exe().map_err(fault)?);
    let mut child = command
        .arg("--postman")
        .args(std::env::args_os().skip(1))
        .stdin(lock)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fault)?;
    let complaints = child.stderr.take();
    let (tell, settled) = channel();
    std::thread::spawn(move || {
        let lines = complaints.map(|c| BufReader::new(c).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            match line
                .split_once(": ")
                .and_then(|(_, rest)| rest.split_once(": "))
            {
                Some((place, what)) => complain::error(place, what),
                // An empty line, see `settle`.
                None => _ = tell.send(()),
            }
        }
        let _ = child.wait();
    });
    Ok(Some(Hired { settled }))
}

impl Hired {
    /// Waits until the postman has tried what was due, but not for long.
    pub fn wait_a_moment(self) {
        let _ = self.settled.recv_timeout(MOMENT);
    }
}

/// Tells who hired us that what was due has been tried. Nobody may be there any more.
fn settle() {
    let _ = io::stderr().write_all(b"\n");
}

/// Sends until the outbox is empty.
pub fn run(arguments: &Arguments) -> Result<bool, Fault> {
    detach();
    let fault = |e: io::Error| Fault::new("postman", describe(&e));
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let lock = File::from(stdin.map_err(fault)?);
    let mut outbox = Outbox::open(arguments.state_file.as_deref(), &arguments.to)?;
    let mut tries = 0;
    loop {
        let mut standing = outbox.standing(arguments.digest)?;
        while standing.waiting > 0 && tries < TRIES {
            let now = Time::now();
            if standing.due > now {
                settle();
                sleep(standing.due.since(now).min(NAP));
            } else if let Err(why) = deliver(arguments, &mut outbox, &standing)? {
                tries += 1;
                let pause = RETRY * 2u32.saturating_pow(standing.failures.min(20));
                let pause = pause.min(RETRY_AT_MOST);
                outbox.failed(Time::now() + pause)?;
                let kept = format!("{} waiting to be mailed", standing.waiting);
                let then = if tries == TRIES {
                    "tried again at the next ban".into()
                } else {
                    format!("tried again in {}", format_duration(pause))
                };
                complain::error("mail", format_args!("{why}; {kept}, {then}"));
            } else {
                tries = 0;
            }
            standing = outbox.standing(arguments.digest)?;
        }
        settle();
        // Whoever adds to the outbox from here on finds the lock free, or we find what he added.
        lock.unlock().map_err(fault)?;
        let waiting = outbox.standing(arguments.digest)?.waiting;
        if waiting == 0 || tries == TRIES || lock.try_lock().is_err() {
            return Ok(true);
        }
    }
}

/// Sends one mail; the inner error is why it could not be sent.
fn deliver(
    arguments: &Arguments,
    outbox: &mut Outbox,
    standing: &Standing,
) -> Result<Result<(), String>, Fault> {
    let (records, last) = outbox.oldest(ROWS)?;
    let top: Vec<_> = compose::top(&records).iter().map(|r| r.address).collect();
    let source = arguments.whois.as_ref().unwrap_or(&Source::Program);
    let whois = whois::ask(source, &top, outbox)?;
    let host = compose::host();
    let contents = Contents {
        records: &records,
        left_out: standing.left_out,
        waiting: standing.waiting.saturating_sub(records.len() as u64),
        whois: &whois,
        host: &host,
    };
    let sent = if records.is_empty() {
        Ok(())
    } else {
        compose::compose(&arguments.to, arguments.from.as_ref(), &contents)
            .and_then(|message| send(&message, arguments.smtp.as_ref(), &host))
    };
    if sent.is_ok() {
        outbox.sent(last, standing.left_out)?;
    }
    Ok(sent)
}
