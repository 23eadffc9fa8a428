//! A lock for each firewall, and one for each process that prints, in a file beside the state file.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;

use pipeban::complain::{Fault, describe};
use pipeban::{state, state_file};

/// The file whose bytes are the locks: byte N is that of the Nth firewall here.
const FIREWALLS: [&str; 5] = ["nft", "ipset", "iptables", "exec", "none"];

/// Those that are changed by programs. If this process is killed, such a program goes on: it has
/// the file open too, so that the lock is held until it ends.
const BY_PROGRAMS: [&str; 2] = ["ipset", "iptables"];

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
    /// Programs that are started meanwhile have the file open too.
    by_programs: bool,
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
        let lock = self.lock_byte(byte_of(backend_name))?;
        Ok(lock.of(backend_name))
    }

    /// The same; `None` if another process has it.
    pub(super) fn try_lock(&self, backend_name: &str) -> Result<Option<BackendLock>, Fault> {
        let byte = byte_of(backend_name);
        let lock = flock(byte, libc::F_WRLCK);
        match fcntl(self.file.as_fd(), FcntlArg::F_OFD_SETLK(&lock)) {
            Ok(_) => Ok(Some(self.locked(byte).of(backend_name))),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(e) => Err(self.fault(e)),
        }
    }

    /// Gives this process a number, made from a random one, that others can ask for.
    pub(super) fn lock_process(&self, random: u64) -> Result<ProcessLock, Fault> {
        let byte = (random >> 2) as i64 | PROCESSES;
        self.lock_byte(byte).map(ProcessLock)
    }

    fn lock_byte(&self, byte: i64) -> Result<BackendLock, Fault> {
        set(&self.file, byte, libc::F_WRLCK).map_err(|e| self.fault(e))?;
        Ok(self.locked(byte))
    }

    /// The lock of a byte, which is held.
    fn locked(&self, byte: i64) -> BackendLock {
        BackendLock {
            file: self.file.clone(),
            byte,
            by_programs: false,
        }
    }

    fn fault(&self, e: Errno) -> Fault {
        Fault::new(self.path.display(), describe(&e.into()))
    }
}

impl BackendLock {
    /// The lock is that of this firewall.
    fn of(mut self, backend_name: &str) -> Self {
        if BY_PROGRAMS.contains(&backend_name) {
            self.by_programs = true;
            // If this fails, the lock is held as long as this process lives.
            let _ = fcntl(&*self.file, FcntlArg::F_SETFD(FdFlag::empty()));
        }
        self
    }
}

/// The byte of a firewall.
fn byte_of(backend_name: &str) -> i64 {
    let byte = FIREWALLS.iter().position(|name| *name == backend_name);
    byte.unwrap_or(FIREWALLS.len()) as i64
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

/// Waits for the lock of a firewall that is changed without the ledger; `None` if the file of the
/// locks can't be opened either.
pub fn lock_alone(state_file: Option<&Path>, backend_name: &str) -> Option<BackendLock> {
    let file = LockFile::open(&state::path(state_file)).ok()?;
    file.lock(backend_name).ok()
}

impl Drop for BackendLock {
    fn drop(&mut self) {
        if self.by_programs {
            let _ = fcntl(&*self.file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        }
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
