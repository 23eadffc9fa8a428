//! A lock for each firewall, in a file beside the state file.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use pipeban::complain::{Fault, describe};
use pipeban::state_file;

/// The file whose bytes are the locks: byte N is that of the Nth firewall here.
const FIREWALLS: [&str; 5] = ["nft", "ipset", "iptables", "exec", "none"];

/// The open file, which may be locked by this process.
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
}

/// A lock that is released when this is dropped, or when the process ends.
pub struct BackendLock {
    file: File,
    byte: i64,
}

impl LockFile {
    /// Opens the file `STATE-lock`.
    pub(super) fn open(state: &Path) -> Result<Self, Fault> {
        let path = state_file::beside(state, "-lock");
        match state_file::open(&path, state) {
            Ok(file) => Ok(LockFile { file, path }),
            Err(e) => Err(Fault::new(path.display(), describe(&e))),
        }
    }

    /// Waits for the lock of this firewall.
    pub(super) fn lock(&self, backend_name: &str) -> Result<BackendLock, Fault> {
        let byte = FIREWALLS.iter().position(|name| *name == backend_name);
        let byte = byte.unwrap_or(FIREWALLS.len()) as i64;
        let fault = |e: std::io::Error| Fault::new(self.path.display(), describe(&e));
        let file = self.file.try_clone().map_err(fault)?;
        set(&file, byte, libc::F_WRLCK).map_err(|e| fault(e.into()))?;
        Ok(BackendLock { file, byte })
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
    let lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    loop {
        match fcntl(file.as_fd(), FcntlArg::F_OFD_SETLKW(&lock)) {
            Err(Errno::EINTR) => (),
            done => return done.map(drop),
        }
    }
}
