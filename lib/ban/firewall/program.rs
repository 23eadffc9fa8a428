//! Runs the programs that some backends need; no shell is between.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::process::{Command, ExitStatus, Stdio};

/// Runs a program with `input` on its standard input and answers what it printed.
///
/// Fails if its exit status is not 0, with the last line that it complained.
pub(super) fn run(program: &str, arguments: &[&str], input: &[u8]) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| not_run(program, &e))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // A program that fails early does not read on; its exit status tells.
        scope.spawn(move || stdin.map(|mut pipe| pipe.write_all(input)));
        child.wait_with_output()
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(program, output.status, &output.stderr))
}

/// What to say of a program that could not be run.
pub(super) fn not_run(program: &str, e: &io::Error) -> io::Error {
    match e.kind() {
        ErrorKind::NotFound => io::Error::new(
            ErrorKind::Unsupported,
            format!("{program}: no such program"),
        ),
        kind => io::Error::new(kind, format!("{program}: {e}")),
    }
}

/// What to say of a program that failed: how it ended and the last line that it complained.
pub(super) fn failed(program: &str, status: ExitStatus, complaint: &[u8]) -> io::Error {
    let complaint = String::from_utf8_lossy(complaint);
    let last = complaint.trim_end().lines().last().unwrap_or_default();
    let kind = if complaint.contains("Permission denied") || complaint.contains("not permitted") {
        ErrorKind::PermissionDenied
    } else {
        ErrorKind::Other
    };
    io::Error::new(kind, format!("{program}: {status}: {last}"))
}

/// The search path and the directories of an administrator's programs, which cron's lacks.
pub(super) fn path() -> String {
    let own = env::var("PATH").unwrap_or_default();
    let separator = if own.is_empty() { "" } else { ":" };
    format!("{own}{separator}/usr/sbin:/sbin:/usr/bin:/bin")
}
