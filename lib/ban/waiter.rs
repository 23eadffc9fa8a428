//! The process that waits for bans to end if the firewall itself does not end them.
//!
//! It is `unban-at --due --wait`, started in the background by the process that enters such a ban.
//! It holds a lock as long as it lives, and releases that under the ledger's lock: so a process
//! that has entered a ban and finds the waiter's lock taken knows that the waiter will see the ban.

use std::env;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use pipeban::complain::{Fault, describe};
use pipeban::program::search_path;
use pipeban::state_file;

/// Takes the waiter's lock of this state file; `None` if another process has it.
pub fn lock(state: &Path) -> Result<Option<Flock<File>>, Fault> {
    try_lock(state).map_err(|e| Fault::new(lock_file(state).display(), describe(&e)))
}

fn lock_file(state: &Path) -> PathBuf {
    state_file::beside(state, "-waiter")
}

fn try_lock(state: &Path) -> io::Result<Option<Flock<File>>> {
    let file = state_file::open(&lock_file(state), state)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EAGAIN)) => Ok(None),
        Err((_, e)) => Err(e.into()),
    }
}

/// Makes sure that a process waits for the bans in this state file.
pub fn start(state: &Path) -> Result<(), Fault> {
    match try_lock(state) {
        Ok(None) => return Ok(()),
        Ok(Some(_)) => (),
        // Root without capabilities may not open the lock of another user; that process may.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => (),
        Err(e) => return Err(Fault::new(lock_file(state).display(), describe(&e))),
    }
    let fault = |e| Fault::new("unban-at", describe(&e));
    let state = std::path::absolute(state).map_err(fault)?;
    // It starts the waiter and ends, so that the waiter is not our child.
    let status = Command::new(tool())
        .env("PATH", search_path())
        .args(["--due", "--wait", "--background", "--state-file"])
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(fault)?;
    if status.success() {
        Ok(())
    } else {
        let text = "the process that is to lift bans in time did not start";
        Err(Fault::new("unban-at", text))
    }
}

/// The program `unban-at`: beside this one, as the tools are installed, also after an upgrade has
/// replaced both; if their directory is gone, from the search path.
fn tool() -> PathBuf {
    let beside = env::current_exe().map(|me| me.with_file_name("unban-at"));
    let there = beside.ok().filter(|path| path.exists());
    there.unwrap_or_else(|| "unban-at".into())
}
