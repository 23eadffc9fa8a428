//! `--due`: lifts the bans that have ended where the firewall does not do that by itself, now or for as long as any is left.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::chdir;
use pipeban::complain::describe;
use pipeban::complain::{self, Fault};
use pipeban::detach::detach;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::enforce::enforce;
use pipeban_ban::firewall;
use pipeban_ban::ledger::Ledger;
use pipeban_ban::waiter;

use crate::Arguments;

/// The longest wait: clocks are set and machines sleep.
const PATIENCE: Duration = Duration::from_secs(60);
/// Changes of the ledger are looked at together this long after the first.
const PAUSE: Duration = Duration::from_millis(100);

pub fn run(arguments: &Arguments, output: &mut Output) -> Result<bool, Fault> {
    if arguments.background {
        return leave_behind(arguments);
    }
    let mut ledger = Ledger::open(arguments.state_file.as_deref())?;
    if !arguments.wait {
        return lift(&mut ledger, output);
    }
    let mut lock = waiter::lock(ledger.path())?;
    if lock.is_none() {
        complain::note("--wait", "another process waits already");
        return lift(&mut ledger, output);
    }
    let changes = watch(ledger.path())?;
    let mut done = false;
    loop {
        let mut wait = PATIENCE;
        match lift(&mut ledger, output) {
            Ok(lifted) => {
                done |= lifted;
                let next = ledger.alone(|books| {
                    let next = books.next_due()?;
                    if next.is_none() {
                        // Who enters something after this finds the lock free.
                        lock = None;
                    }
                    Ok(next)
                })?;
                let Some(next) = next else { return Ok(done) };
                wait = wait.min(next.since(Time::now()));
            }
            Err(Fault::ReaderGone) => {}
            Err(Fault::Error { place, what }) => complain::error(place, what),
        }
        wait_for_change(&changes, wait);
    }
}

/// Tells each firewall what is due, and prints what was lifted; answers whether anything was.
fn lift(ledger: &mut Ledger, output: &mut Output) -> Result<bool, Fault> {
    let mut done = false;
    for backend in ledger.due_backends(Time::now())? {
        let opened = firewall::open(&backend);
        let mut firewall =
            opened.map_err(|e| Fault::new(firewall::name(&backend), describe(&e)))?;
        for ban in enforce(ledger, &backend, firewall.as_mut())?.lifted {
            let mut record = Record::new(ban.address);
            ban.describe(&mut record);
            output.record(&record)?;
            done = true;
        }
    }
    output.flush()?;
    Ok(done)
}

/// Each write to the ledger's log is a change; the log is there for as long as the ledger is open.
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
    // Rounded up, so that what is waited for is due afterwards.
    let timeout = PollTimeout::try_from(wait.as_millis() + 1).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(changes.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, timeout).is_ok_and(|ready| ready > 0) {
        sleep(PAUSE.min(wait));
        // Which changes does not matter; there is nothing to read only if another reader were there.
        let _ = changes.read_events();
    }
}

/// Starts the process that waits and lets it go: in a session of its own, with nothing of the caller's.
fn leave_behind(arguments: &Arguments) -> Result<bool, Fault> {
    let fault = |e| Fault::new("--background", describe(&e));
    detach();
    let me = env::current_exe().map_err(fault)?;
    let mut command = Command::new(me);
    command.args(["--due", "--wait"]);
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
