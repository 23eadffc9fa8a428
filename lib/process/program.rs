//! Runs a program that may hang, flood or fail, within a time and a bound on its output.

use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The longest pause between two looks whether the program has ended.
const STEP: Duration = Duration::from_millis(20);
/// The first pause: most programs end at once after they have closed their output.
const FIRST_STEP: Duration = Duration::from_micros(50);

/// The bounds of a run.
pub struct Bounds {
    /// The program is killed after this time.
    pub time: Duration,
    /// The program is killed when it has printed more bytes than this.
    pub output: usize,
}

/// The words of an administrator's command, split at blanks: no shell reads them. Paths must be
/// absolute, as the command is also run later, by a process that stands elsewhere.
pub fn words(command: &str) -> io::Result<Vec<String>> {
    let words: Vec<String> = command.split_whitespace().map(String::from).collect();
    let program = words
        .first()
        .filter(|p| p.contains('/') && !p.starts_with('/'));
    let is_relative = |word: &&String| word.starts_with("./") || word.starts_with("../");
    let text = match program.or(words.iter().find(is_relative)) {
        Some(path) => format!("an absolute path is wanted, not \"{path}\""),
        None if words.is_empty() => "a command is wanted".into(),
        None => return Ok(words),
    };
    Err(io::Error::new(ErrorKind::InvalidInput, text))
}

/// Runs `command` with `input` as its standard input; answers its exit status and its output,
/// standard output before standard error.
///
/// After the time is over the program is killed with all that it started; the error is `TimedOut`.
pub fn run(
    command: &mut Command,
    input: &[u8],
    bounds: &Bounds,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (status, [mut output, complaints]) = run_apart(command, input, bounds)?;
    output.extend_from_slice(&complaints);
    Ok((status, output))
}

/// Runs a program of an administrator's with `input` as its standard input; answers its standard
/// output.
///
/// The program is looked for in [`search_path`]. An exit status other than 0 is an error with the
/// last line of its standard error, or of its output if that is empty. The kind of an error is
/// `Unsupported` if there is no such program, `PermissionDenied` if the program complains of that,
/// `TimedOut` after the time.
pub fn output(
    program: &str,
    arguments: &[impl AsRef<str>],
    input: &[u8],
    bounds: &Bounds,
) -> io::Result<String> {
    let mut command = Command::new(program);
    command
        .args(arguments.iter().map(AsRef::as_ref))
        .env("PATH", search_path());
    let (status, [output, complaints]) =
        run_apart(&mut command, input, bounds).map_err(|e| match e.kind() {
            ErrorKind::NotFound => {
                let text = format!("{program}: no such program");
                io::Error::new(ErrorKind::Unsupported, text)
            }
            ErrorKind::TimedOut => {
                let text = format!("{program}: killed after {} seconds", bounds.time.as_secs());
                io::Error::new(ErrorKind::TimedOut, text)
            }
            kind => io::Error::new(kind, format!("{program}: {e}")),
        })?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&output).into_owned());
    }
    let words = if complaints.trim_ascii().is_empty() {
        &output
    } else {
        &complaints
    };
    let complaints = String::from_utf8_lossy(words);
    let last = complaints.trim_end().lines().last().unwrap_or_default();
    let denied = ["Permission denied", "not permitted"];
    let kind = if denied.iter().any(|words| complaints.contains(words)) {
        ErrorKind::PermissionDenied
    } else {
        ErrorKind::Other
    };
    Err(io::Error::new(kind, format!("{program}: {status}: {last}")))
}

/// The search path, then the directories of an administrator's programs, which cron's path lacks.
pub fn search_path() -> String {
    let own = env::var("PATH").unwrap_or_default();
    let separator = if own.is_empty() { "" } else { ":" };
    format!("{own}{separator}/usr/sbin:/sbin:/usr/bin:/bin")
}

/// Runs `command`; answers its exit status, its standard output and its standard error.
fn run_apart(
    command: &mut Command,
    input: &[u8],
    bounds: &Bounds,
) -> io::Result<(ExitStatus, [Vec<u8>; 2])> {
    let deadline = Instant::now() + bounds.time;
    // A file, not a pipe: a program that does not read can't make us wait.
    let mut file = File::from(memfd_create("input", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    let (output, output_end) = io::pipe()?;
    let (complaints, complaints_end) = io::pipe()?;
    command
        .stdin(Stdio::from(OwnedFd::from(file)))
        .stdout(output_end)
        .stderr(complaints_end)
        .process_group(0);
    let mut child = command.spawn()?;
    // The command holds the writing ends; without them the end of the output can be seen.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut pipes = [Some(output), Some(complaints)];
    let mut read = [Vec::new(), Vec::new()];
    let mut pause = FIRST_STEP;
    let ended = loop {
        // Asked before the look for output: all that a program printed before its end is there.
        let ended = child.try_wait()?;
        let waits = if ended.is_some() {
            Duration::ZERO
        } else {
            STEP
        };
        let progress = read_some(&mut pipes, &mut read, waits)?;
        if ended.is_some() && !progress {
            // A program that it left in the background may still hold the pipes.
            break ended;
        }
        if ended.is_none() && pipes.iter().all(Option::is_none) {
            // It ends in this moment, or goes on in silence.
            std::thread::sleep(pause);
            pause = (2 * pause).min(STEP);
        }
        if read[0].len() + read[1].len() > bounds.output || Instant::now() >= deadline {
            break None;
        }
    };
    read[0].truncate(bounds.output);
    match ended {
        Some(status) => Ok((status, read)),
        None => {
            let status = kill(&mut child)?;
            if Instant::now() >= deadline {
                Err(ErrorKind::TimedOut.into())
            } else {
                Ok((status, read))
            }
        }
    }
}

/// Waits for output no longer than this, and reads a block of each pipe that has some; a pipe that
/// has ended is dropped. Answers whether anything was read or ended.
fn read_some(
    pipes: &mut [Option<PipeReader>; 2],
    read: &mut [Vec<u8>; 2],
    wait: Duration,
) -> io::Result<bool> {
    let open: Vec<usize> = (0..2).filter(|i| pipes[*i].is_some()).collect();
    if open.is_empty() {
        return Ok(false);
    }
    let readers = pipes.iter().flatten();
    let mut fds: Vec<_> = readers
        .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
        .collect();
    let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
    if poll(&mut fds, timeout).unwrap_or(0) == 0 {
        return Ok(false);
    }
    let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
    for i in open.iter().zip(ready).filter(|(_, r)| *r).map(|(i, _)| *i) {
        let mut block = [0; 16 << 10];
        match pipes[i]
            .as_mut()
            .map_or(Ok(0), |pipe| pipe.read(&mut block))?
        {
            0 => pipes[i] = None,
            n => read[i].extend_from_slice(&block[..n]),
        }
    }
    Ok(true)
}

/// Kills a program that was started in a process group of its own, and its children there.
fn kill(child: &mut Child) -> io::Result<ExitStatus> {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended just now.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    child.wait()
}

/// Does `work` in a thread and waits for it no longer than this; work that never ends is left
/// behind, and the error is `TimedOut`.
pub fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::Builder::new().spawn(move || tell.send(work()))?;
    hear.recv_timeout(time)
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(milliseconds: u64) -> Bounds {
        Bounds {
            time: Duration::from_millis(milliseconds),
            output: 100,
        }
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        // Its child holds the output, too.
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & sleep 600"]);
        let hung = run(&mut command, b"", &bounds(100));
        assert_eq!(hung.unwrap_err().kind(), ErrorKind::TimedOut);
        // One that closes its output and goes on.
        let silent = ["-c", "exec >&- 2>&-; sleep 600"];
        let hung = output("sh", &silent, b"", &bounds(100));
        assert_eq!(hung.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn output_and_complaints_are_told_apart() {
        let script = |status| ["-c", "cat; echo no >&2; exit $0", status];
        let good = output("sh", &script("0"), b"inert", &bounds(60_000));
        assert_eq!(good.unwrap(), "inert");
        let arguments = script("3");
        let bad = output("sh", &arguments, b"inert", &bounds(60_000)).unwrap_err();
        assert_eq!(bad.to_string(), "sh: exit status: 3: no");
        let none = output("/nonexistent", &[""; 0], b"", &bounds(60_000)).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::Unsupported);
        let (status, both) = run(
            Command::new("sh").args(arguments),
            b"inert\n",
            &bounds(60_000),
        )
        .unwrap();
        assert_eq!(
            (status.code(), both.as_slice()),
            (Some(3), &b"inert\nno\n"[..])
        );
    }

    #[test]
    fn a_program_that_floods_is_killed() {
        let (status, read) = run(&mut Command::new("yes"), b"", &bounds(60_000)).unwrap();
        assert!(!status.success() && read.len() <= 200, "{}", read.len());
    }
}
