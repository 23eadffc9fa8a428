//! follow-log over real files.

#[path = "../common/mod.rs"]
mod common;

mod containers;
mod journal;
mod names;
mod rewritten;
mod rotations;
mod sources;
mod storm;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::{Outcome, wait_until};

/// A running follower in a directory of its own, and the lines that it has printed.
pub(crate) struct Follower {
    pub(crate) child: Child,
    printed: Arc<Mutex<String>>,
}

impl Follower {
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        Self::spawn(follow_log(directory, arguments))
    }

    /// Starts this command.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let (mut lines, all) = (
            BufReader::new(child.stdout.take().unwrap()),
            printed.clone(),
        );
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).unwrap() > 0 {
                *all.lock().unwrap() += &String::from_utf8_lossy(&line);
                line.clear();
            }
        });
        Follower { child, printed }
    }

    pub(crate) fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn follow_log(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_follow-log"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("PIPEBAN_STATE", directory.join("state.db"));
    command
}

pub(crate) fn shell(directory: &Path, script: &str) {
    let status = Command::new("sh")
        .args(["-ec", script])
        .current_dir(directory)
        .status();
    assert!(status.unwrap().success(), "{script}");
}

/// Runs to the end; returns standard output, standard error and the exit status.
pub(crate) fn once(directory: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = follow_log(directory, &[&["--once"], arguments].concat());
    let outcome = Outcome::from(command.output().unwrap());
    (outcome.out, outcome.err, outcome.status)
}

/// Takes steps, each a script and the text that a follower prints after it, with a running one.
pub(crate) fn live(name: &str, home: &Path, arguments: &[&str], steps: &[(&str, &str)]) {
    let follower = Follower::start(home, arguments);
    let mut expected = String::new();
    for (script, text) in steps {
        shell(home, script);
        expected += text;
        wait_until(&format!("{name}: {script}: {expected:?}"), || {
            follower.printed().len() >= expected.len()
        });
        assert_eq!(follower.printed(), expected, "{name}: {script}");
    }
}
