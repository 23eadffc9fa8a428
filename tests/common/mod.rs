//! What several tests share: a place of their own in the kernel.

use std::process::Command;
use std::time::{Duration, Instant};

/// Runs `body` inside a user and network namespace of its own, where it is root over an empty firewall.
///
/// `name` is the test's own: its program is run again for this one test inside the namespace. Where namespaces are
/// forbidden the test is left out, which is printed.
pub fn in_namespace(name: &str, body: impl FnOnce()) {
    unshared("-rn", name, body);
}

/// The same with other flags of unshare(1).
pub fn unshared(flags: &str, name: &str, body: impl FnOnce()) {
    const INSIDE: &str = "PIPEBAN_TEST_NAMESPACE";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let allowed = Command::new("unshare").args([flags, "true"]).output();
    if !allowed.is_ok_and(|o| o.status.success()) {
        return eprintln!("left out, no namespaces here: {name}");
    }
    let output = Command::new("unshare")
        .arg(flags)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    print!("{text}");
    assert!(output.status.success(), "inside the namespace: {text}");
    assert!(text.contains("1 passed"), "no test of this name: {name}");
}

/// Waits until `done` says so; a minute is longer than anything here takes.
#[allow(dead_code)] // not every test waits
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program that stands for an independent eye or hand; `None`, printed, if it is not installed.
#[allow(dead_code)] // not every test needs one
pub fn run(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {error}");
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(_) => {
            eprintln!("left out, not installed: {program} {arguments:?}");
            None
        }
    }
}
