//! A lock for each firewall, and one for each process that prints, in a file beside the state file.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use pipeban::complain::{Fault, describe};
use pipeban::state_file;

/// The file whose bytes are the locks: byte N is that of the Nth firewall here.
const FIREWALLS: [&str; 5] = ["nft", "ipset", "iptables", "exec", "none"];

/// From this byte on, each is the lock of a process.
const PROCESSES: i64 = 1 << 40;

/// The open file, which may be locked by this process.
pub(super) struct LockFile {
    file: Arc<File>,
    path: PathBuf,
}

/// A lock that is released when this is dropped, or when the process ends.
pub struct BackendLock {
    file: Arc<File>,
    byte: i64,
}

impl LockFile {
    /// Opens the file `STATE-lock`.
    pub(super) fn open(state: &Path) -> Result<Self, Fault> {
        let path = state_file::beside(state, "-lock");
        match state_file::open(&path, state) {
            Ok(file) => Ok(LockFile {
                file: Arc::new(file),
                path,
            }),
            Err(e) => Err(Fault::new(path.display(), describe(&e))),
        }
    }

    /// Waits for the lock of this firewall.
    pub(super) fn lock(&self, backend_name: &str) -> Result<BackendLock, Fault> {
        let byte = FIREWALLS.iter().position(|name| *name == backend_name);
        self.lock_byte(byte.unwrap_or(FIREWALLS.len()) as i64)
    }

    /// Gives this process a number, made from a random one, that others can ask for.
    pub(super) fn lock_process(&self, random: u64) -> Result<ProcessLock, Fault> {
        let byte = (random >> 2) as i64 | PROCESSES;
        self.lock_byte(byte).map(ProcessLock)
    }

    fn lock_byte(&self, byte: i64) -> Result<BackendLock, Fault> {
        let fault = |e: std::io::Error| Fault::new(self.path.display(), describe(&e));
        set(&self.file, byte, libc::F_WRLCK).map_err(|e| fault(e.into()))?;
        Ok(BackendLock {
            file: self.file.clone(),
            byte,
        })
    }
}

/// A lock that tells that this process lives.
pub(super) struct ProcessLock(BackendLock);

impl ProcessLock {
    /// The number of this process.
    pub(super) fn number(&self) -> i64 {
        self.0.byte
    }

    /// Whether the process with this number lives; `true` if that can't be found out.
    pub(super) fn is_alive(&self, number: i64) -> bool {
        let mut lock = flock(number, libc::F_WRLCK);
        let asked = fcntl(self.0.file.as_fd(), FcntlArg::F_OFD_GETLK(&mut lock));
        asked.is_err() || lock.l_type != libc::F_UNLCK as libc::c_short
    }
}

impl Drop for BackendLock {
    fn drop(&mut self) {
        // The file is also closed by the process's end.
        let _ = set(&self.file, self.byte, libc::F_UNLCK);
    }
}

/// Sets or waits for a lock of this open file (fcntl(2), "Open file description locks").
fn set(file: &File, byte: i64, kind: libc::c_int) -> Result<(), Errno> {
    let lock = flock(byte, kind);
    loop {
        match fcntl(file.as_fd(), FcntlArg::F_OFD_SETLKW(&lock)) {
            Err(Errno::EINTR) => (),
            done => return done.map(drop),
        }
    }
}

/// A lock of one byte.
fn flock(byte: i64, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}
