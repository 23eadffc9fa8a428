//! The process that waits for bans to end if the firewall itself does not end them.
//!
//! It is `unban-at --due --wait`, started in the background by the process that enters such a ban.
//! It holds a lock as long as it lives, and releases that under the ledger's lock: so a process
//! that has entered a ban and finds the waiter's lock taken knows that the waiter will see the ban.

use std::env;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use pipeban::complain::{Fault, describe};

/// Takes the waiter's lock of this state file; `None` if another process has it.
pub fn lock(state: &Path) -> Result<Option<Flock<File>>, Fault> {
    let mut name = state.as_os_str().to_owned();
    name.push("-waiter");
    let path = PathBuf::from(name);
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| Fault::new(path.display(), describe(&e)))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EAGAIN)) => Ok(None),
        Err((_, e)) => Err(Fault::new(path.display(), e.desc())),
    }
}

/// Makes sure that a process waits for the bans in this state file.
pub fn start(state: &Path) -> Result<(), Fault> {
    if lock(state)?.is_none() {
        return Ok(());
    }
    // The tools are installed side by side.
    let tool = env::current_exe()
        .map(|me| me.with_file_name("unban-at"))
        .map_err(|e| Fault::new("unban-at", describe(&e)))?;
    let state = std::path::absolute(state).map_err(|e| Fault::new("unban-at", describe(&e)))?;
    // It starts the waiter and ends, so that the waiter is not our child.
    let status = Command::new(&tool)
        .args(["--due", "--wait", "--background", "--state-file"])
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| Fault::new(tool.display(), describe(&e)))?;
    if status.success() {
        Ok(())
    } else {
        let text = "the process that is to lift bans in time did not start";
        Err(Fault::new(tool.display(), text))
    }
}
