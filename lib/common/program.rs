//! Runs a program that may hang, flood or fail: within a time, and with a bound on what is read of it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a look at the program's end may be late, in milliseconds.
const STEP: u16 = 20;

/// The bounds of a run.
pub struct Bounds {
    pub time: Duration,
    /// Of what the program prints, in bytes. Whoever prints more is ended.
    pub output: usize,
}

/// Runs `command` with `input` as its standard input, and answers how it ended and what it printed and complained.
///
/// After the time is over the program is killed with all that it started; the error is `TimedOut`.
pub fn run(
    command: &mut Command,
    input: &[u8],
    bounds: &Bounds,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let deadline = Instant::now() + bounds.time;
    // A file, not a pipe: a program that does not read can't make us wait.
    let mut file = File::from(memfd_create("input", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    let (mut reader, writer) = io::pipe()?;
    command
        .stdin(Stdio::from(OwnedFd::from(file)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let mut child = command.spawn()?;
    // The command holds the writing ends; without them the end of the output can be seen.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut output = Vec::new();
    let mut silence = 1;
    let ended = loop {
        // Asked before the look for output: what a program printed before it ended is there then.
        let ended = child.try_wait()?;
        let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        let wait = if ended.is_some() { 0 } else { STEP };
        if poll(&mut fds, PollTimeout::from(wait)) == Ok(1) {
            let mut block = [0; 4096];
            match reader.read(&mut block)? {
                // It ends in this moment, or goes on in silence.
                0 if ended.is_none() => {
                    std::thread::sleep(Duration::from_millis(silence.into()));
                    silence = (2 * silence).min(STEP);
                }
                0 => break ended,
                n => output.extend_from_slice(&block[..n]),
            }
        } else if ended.is_some() {
            // Something that it left running in the background still holds the pipe.
            break ended;
        }
        if output.len() > bounds.output || Instant::now() >= deadline {
            break None;
        }
    };
    output.truncate(bounds.output);
    match ended {
        Some(status) => Ok((status, output)),
        None => {
            let status = kill(&mut child)?;
            if Instant::now() >= deadline {
                Err(io::ErrorKind::TimedOut.into())
            } else {
                Ok((status, output))
            }
        }
    }
}

/// Kills a program that was started in a process group of its own, and what it started there.
fn kill(child: &mut Child) -> io::Result<ExitStatus> {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended just now.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    child.wait()
}

/// Does `work` in a thread and waits for it no longer than this; a work that never ends is left behind.
pub fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(work()));
    hear.recv_timeout(time)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_killed() {
        let bounds = Bounds {
            time: Duration::from_millis(100),
            output: 100,
        };
        // Its child holds the output, too.
        let mut command = Command::new("sh");
        let hung = run(command.args(["-c", "sleep 600 & sleep 600"]), b"", &bounds);
        assert_eq!(hung.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let (status, output) =
            run(&mut Command::new("cat"), b"inert", &bounds_of_a_minute()).unwrap();
        assert_eq!((status.success(), output.as_slice()), (true, &b"inert"[..]));
    }

    fn bounds_of_a_minute() -> Bounds {
        Bounds {
            time: Duration::from_secs(60),
            output: 100,
        }
    }
}
