//! `--due`: lifts bans that have ended, if the firewall does not do that by itself; now, or as long
//! as any ban is left.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::chdir;
use pipeban::complain::{self, Fault, describe};
use pipeban::detach::detach;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::enforce;
use pipeban_ban::failure::Failure;
use pipeban_ban::ledger::{Ban, Ledger, Printing};
use pipeban_ban::never::NeverLater;
use pipeban_ban::stored::stored;
use pipeban_ban::waiter;

use crate::arguments::Arguments;

/// The longest wait: clocks are set and machines sleep.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between a change of the ledger and the look at it, so that changes are looked at
/// together.
const PAUSE: Duration = Duration::from_millis(100);

/// Lifts bans that are due; answers whether there was any.
pub fn run(arguments: &Arguments) -> Result<bool, Fault> {
    // The work goes on, also if nobody reads its output any more.
    let output = &mut Output::enduring(arguments.json);
    if arguments.background {
        return leave_behind(arguments);
    }
    if arguments.system_log {
        complain::use_system_log();
    }
    let mut ledger = Ledger::open(arguments.state_file.as_deref())?;
    ledger.prints(Printing::Due)?;
    if !arguments.wait {
        return lift(&mut ledger, output);
    }
    let mut lock = waiter::lock(ledger.path())?;
    if lock.is_none() {
        complain::note("--wait", "another process waits already");
        return lift(&mut ledger, output);
    }
    let changes = watch(ledger.path())?;
    let file = |ledger: &Ledger| ledger.path().metadata().map(|m| (m.dev(), m.ino())).ok();
    let own = file(&ledger);
    let mut done = false;
    loop {
        if file(&ledger) != own {
            // It was deleted or replaced: the new one has a process of its own.
            return Ok(done);
        }
        let mut wait = PATIENCE;
        match lift(&mut ledger, output) {
            Ok(lifted) => {
                done |= lifted;
                // A process that enters a ban after this finds the lock free.
                match ledger.next_due_or(|| lock = None) {
                    Ok(Some(next)) => wait = wait.min(next.since(Time::now())),
                    Ok(None) => return Ok(done),
                    Err(fault) => complain::fault(fault)?,
                }
            }
            Err(fault) => complain::fault(fault)?,
        }
        wait_for_change(&changes, wait);
    }
}

/// Lifts the bans that are due in each firewall and prints them; answers whether there was any. A
/// firewall that fails is reported, and keeps none of the others waiting. Lifts that a killed
/// process has not printed are printed now.
fn lift(ledger: &mut Ledger, output: &mut Output) -> Result<bool, Fault> {
    let mut done = false;
    let (mut left, _) = ledger.take_unprinted()?;
    left.retain(|ban| ban.has_ended(Time::now()));
    done |= print(&left, output)?;
    for backend in ledger.due_backends(Time::now())? {
        match lift_in(ledger, &backend) {
            Ok(lifted) => done |= print(&lifted, output)?,
            Err(Failure::Ledger(fault)) => return Err(fault),
            Err(Failure::Firewall { fault, .. }) => {
                complain::fault(fault)?;
                ledger.put_off(&backend, Time::now() + PATIENCE)?;
            }
        }
    }
    output.flush()?;
    ledger.printed();
    ledger.forget_printed()?;
    Ok(done)
}

/// Prints the bans that were lifted; answers whether there is any.
fn print(lifted: &[Ban], output: &mut Output) -> Result<bool, Fault> {
    for ban in lifted {
        let mut record = Record::new(ban.target.address);
        if ban.target.port != 0 {
            record.set("port", ban.target.port.to_string().as_bytes());
        }
        ban.describe(&mut record);
        output.record(&record)?;
    }
    Ok(!lifted.is_empty())
}

/// Lifts the bans that are due in one firewall.
fn lift_in(ledger: &mut Ledger, backend: &str) -> Result<Vec<Ban>, Failure> {
    let firewall = |fault| Failure::Firewall { fault, lasts: true };
    let backend = stored(ledger, backend).map_err(firewall)?;
    let mut opened = backend.open().map_err(firewall)?;
    let mut never = NeverLater::new(Some(ledger.path()));
    let outcome = enforce(
        ledger,
        &backend,
        opened.as_mut(),
        None,
        &[],
        &mut |net| never.protects(net),
        &mut |_| Ok(()),
    )?;
    Ok(outcome.lifted)
}

/// Watches the ledger's log: each write to it is a change. The log exists as long as the ledger is
/// open.
fn watch(state: &Path) -> Result<Inotify, Fault> {
    let mut name = state.as_os_str().to_owned();
    name.push("-wal");
    let log = PathBuf::from(name);
    let watch = || {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        changes.add_watch(&log, AddWatchFlags::IN_MODIFY)?;
        Ok(changes)
    };
    watch().map_err(|e: nix::Error| Fault::new(log.display(), e.desc()))
}

fn wait_for_change(changes: &Inotify, wait: Duration) {
    use std::os::fd::AsFd;
    // Rounded up, so that the ban is due afterwards.
    let timeout = PollTimeout::try_from(wait.as_millis() + 1).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(changes.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, timeout).is_ok_and(|ready| ready > 0) {
        sleep(PAUSE.min(wait));
        // The contents do not matter.
        let _ = changes.read_events();
    }
}

/// Starts the process that waits, in a session of its own and without the caller's open files.
fn leave_behind(arguments: &Arguments) -> Result<bool, Fault> {
    let fault = |e| Fault::new("--background", describe(&e));
    detach();
    // This very program, even if an upgrade has replaced its file.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("unban-at");
    command.args(["--due", "--wait", "--system-log"]);
    if let Some(state_file) = &arguments.state_file {
        let state_file = std::path::absolute(state_file).map_err(fault)?;
        command.arg("--state-file").arg(state_file);
    }
    chdir("/").map_err(|e| fault(e.into()))?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(fault)?;
    Ok(true)
}
