//! The parts that several tests share: namespaces, a shell with the tools in it, the message of
//! a test that is left out.
#![allow(dead_code)] // each test program uses a part of it

mod left_out;

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) use left_out::left_out;

/// Runs `body` inside a user and network namespace of its own, where it is root over an empty
/// firewall.
///
/// The test's program is run again for this one test inside the namespace. `name` is the last part
/// of the test's name. Where namespaces are forbidden the test is left out.
pub fn in_namespace(name: &str, body: impl FnOnce()) {
    unshared("-rn", name, body);
}

/// The same with other flags of unshare(1).
pub fn unshared(flags: &str, name: &str, body: impl FnOnce()) {
    const INSIDE: &str = "PIPEBAN_TEST_NAMESPACE";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    // libtest gives the thread of a test its name: MODULE::TEST.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    assert!(test.ends_with(name), "not the name of {test}: {name}");
    let flags: Vec<&str> = flags.split(' ').collect();
    let allowed = Command::new("unshare").args(&flags).arg("true").output();
    if !allowed.is_ok_and(|o| o.status.success()) {
        return left_out(&format!("unshare {} is refused here", flags.join(" ")));
    }
    let output = Command::new("unshare")
        .args(&flags)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    print!("{text}");
    let lines = text.lines();
    for line in lines.filter(|line| line.starts_with("left out: ")) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    assert!(output.status.success(), "inside the namespace: {text}");
    assert!(text.contains("1 passed"), "no test of this name: {test}");
}

/// Waits until `done` says so; a minute is longer than anything here takes.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program that is not ours and says what it printed; left out, `None`, if it is not
/// installed.
pub fn run(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {error}");
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(_) => {
            left_out(&format!("{program} is not installed"));
            None
        }
    }
}

/// A shell in which the tools are on the path, with a state of its own.
pub struct Shell {
    pub directory: tempfile::TempDir,
}

impl Shell {
    pub fn new() -> Self {
        Shell {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A path in the shell's own directory.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// A command with the shell's environment; it starts at the top of the package.
    pub fn command(&self, program: &str) -> Command {
        let tools = std::path::Path::new(env!("CARGO_BIN_EXE_ban-ip"))
            .parent()
            .unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env(
                "PATH",
                format!("{}:{path}:/usr/sbin:/sbin", tools.display()),
            )
            .env("PIPEBAN_STATE", self.path("state.db"))
            .env("TZ", "Asia/Tokyo")
            .env_remove("SSH_CONNECTION");
        command
    }

    /// Runs a script of sh(1); its standard input is empty.
    pub fn run(&self, script: &str) -> Outcome {
        self.feed(script, b"")
    }

    /// Runs a script of sh(1) with this standard input.
    pub fn feed(&self, script: &str, input: &[u8]) -> Outcome {
        feed(self.command("sh").args(["-c", script]), input)
    }
}

/// Runs a command with this standard input.
pub fn feed(command: &mut Command, input: &[u8]) -> Outcome {
    use std::process::Stdio;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A script that ends early closes its end; that is its business.
        scope.spawn(move || _ = stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    output.into()
}

/// The output of a script, and its end; `status` is `None` after a signal.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub out: String,
    pub err: String,
    pub status: Option<i32>,
}

impl From<std::process::Output> for Outcome {
    fn from(output: std::process::Output) -> Self {
        Outcome {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code(),
        }
    }
}

impl Outcome {
    /// The first words of the lines printed, sorted: the addresses of records.
    pub fn addresses(&self) -> Vec<&str> {
        let mut words: Vec<_> = self
            .out
            .lines()
            .filter_map(|l| l.split_whitespace().next())
            .collect();
        words.sort_unstable();
        words
    }
}

/// The value of a field in each record printed.
pub fn field<'a>(outcome: &'a Outcome, key: &str) -> Vec<&'a str> {
    let value = |line: &'a str| {
        line.split('\t')
            .filter_map(|f| f.split_once('='))
            .find(|(k, _)| *k == key)
            .map_or("-", |(_, value)| value)
    };
    outcome.out.lines().map(value).collect()
}

/// The length of each ban printed, in minutes, so that it does not matter when a clock ticks.
pub fn lengths(outcome: &Outcome) -> Vec<i64> {
    let time = |text: &&str| {
        chrono::DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp()
    };
    let since = field(outcome, "since");
    let until = field(outcome, "until");
    since
        .iter()
        .zip(&until)
        .map(|(since, until)| (time(until) - time(since)) / 60)
        .collect()
}
