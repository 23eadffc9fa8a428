//! Names that can't be opened yet, and names that look like those of rotated files.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::wait_until;
use crate::{Follower, follow_log, once, shell};

/// A follower that is not root, in a directory that it may read; its state is in one of its own.
fn as_nobody(home: &Path, working: &Path, arguments: &[&str]) -> Command {
    std::fs::create_dir_all(home.join("state")).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_follow-log"), home.join("follow-log")).unwrap();
    shell(home, "chmod 755 . follow-log; chmod 777 state");
    let mut command = Command::new(home.join("follow-log"));
    command
        .args(arguments)
        .current_dir(working)
        .env("PIPEBAN_STATE", home.join("state/db"));
    if nix::unistd::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    command
}

#[test]
fn a_name_that_can_not_be_opened_is_tried_again() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shell(
        home,
        "mkdir d; printf 'old\\nolder\\n' > d/log; chmod 200 d/log",
    );
    let error = home.join("error");
    let log = home.join("d/log").display().to_string();
    let mut command = as_nobody(home, home, &[&log]);
    command.stderr(std::fs::File::create(&error).unwrap());
    let follower = Follower::spawn(command);
    let told = || std::fs::read_to_string(&error).unwrap();
    wait_until("denied", || told().contains("Permission denied"));
    // Written before it may be read, but after the start.
    shell(home, "echo a >> d/log; chmod 644 d/log");
    let mut expected = String::from("a\n");
    wait_until("a", || follower.printed() == expected);
    // As logrotate does: the new log is root's alone at first. Each time it is opened at once.
    for n in 0..20 {
        shell(
            home,
            "umask 77; mv d/log d/log.1; : > d/new; mv d/new d/log; chmod 644 d/log",
        );
        shell(home, &format!("echo {n} >> d/log"));
        expected += &format!("{n}\n");
        wait_until(&expected, || follower.printed() == expected);
    }
    // The right comes with the directory.
    shell(
        home,
        "chmod 700 d; mv d/log d/log.1; echo b > d/log; chmod 755 d",
    );
    expected += "b\n";
    wait_until("b", || follower.printed() == expected);
    if nix::unistd::geteuid().is_root() {
        assert_eq!(told().matches("Permission denied").count(), 1, "{}", told());
    }
}

#[test]
fn an_absolute_name_needs_no_working_directory() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shell(home, "mkdir -p closed/w; chmod 700 closed; echo a > log");
    let log = home.join("log").display().to_string();
    as_nobody(home, home, &[]);
    let closed = home.join("closed/w");
    // The directory is entered before the rights are given away.
    let mut script = Command::new("sh");
    script
        .current_dir(&closed)
        .args(["-c", "exec \"$@\"", "sh"]);
    if nix::unistd::geteuid().is_root() {
        script.args([
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ]);
    }
    script.arg(home.join("follow-log"));
    script.args(["--once", "--from", "start", &log]);
    script.env("PIPEBAN_STATE", home.join("state/db"));
    let output = script.stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n", "{output:?}");
}

/// Files beside `log` under `*`: made before a first start, then steps with a follower.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const BESIDE: &[Case] = &[
    (
        "a number inside the name",
        "echo a > access.log; echo b > access-443.log; echo c > php-8.1.log; echo d > php.log",
        "access-443.log\tb\naccess.log\ta\nphp-8.1.log\tc\nphp.log\td\n",
        &[
            ("echo e >> access-443.log", "access-443.log\te\n"),
            ("echo f >> php-8.1.log", "php-8.1.log\tf\n"),
            // The rotation of one is none of the other's business.
            (
                "mv access.log access.log.1; echo g > access.log",
                "access.log\tg\n",
            ),
            (
                "mv access-443.log access-443.log.1; echo h > access-443.log",
                "access-443.log\th\n",
            ),
            ("echo i > access-80.log", "access-80.log\ti\n"),
        ],
    ),
    (
        "a rotated name that grows",
        "echo a > log; echo b > log.1; touch -d yesterday log.1",
        "log.1\tb\nlog\ta\n",
        &[
            ("echo c >> log.1", "log.1\tc\n"),
            ("mv log.1 log.2; mv log log.1; echo d > log", "log\td\n"),
            ("echo e >> log.1", "log\te\n"),
            (
                "mv log.2 log.3; mv log.1 log.2; cp log log.1; : > log; echo f >> log",
                "log\tf\n",
            ),
        ],
    ),
    (
        "a copy with a number inside the name",
        "echo a > x.log",
        "x.log\ta\n",
        &[
            ("cp x.log x.1.log; : > x.log; echo b >> x.log", "x.log\tb\n"),
            (
                "mv x.1.log x.2.log; cp x.log x.1.log; : > x.log; echo c >> x.log",
                "x.log\tc\n",
            ),
            ("echo d > x.7.log", "x.7.log\td\n"),
        ],
    ),
];

#[test]
fn rotated_files_are_proved() {
    for (name, before, from_start, steps) in BESIDE {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        shell(home, "mkdir d");
        shell(&home.join("d"), before);
        let d = home.join("d");
        // Its state is kept outside of the pattern.
        let state = home.join("db").display().to_string();
        let arguments = ["--from", "start", "--prefix", "--state-file", &state, "*"];
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(String::from).collect();
            lines.sort();
            lines
        };
        let follower = Follower::start(&d, &arguments);
        wait_until(name, || follower.printed().len() >= from_start.len());
        assert_eq!(sorted(&follower.printed()), sorted(from_start), "{name}");
        let mut expected = follower.printed();
        for (script, text) in *steps {
            shell(&d, script);
            expected += text;
            wait_until(&format!("{name}: {script}: {expected:?}"), || {
                follower.printed().len() >= expected.len()
            });
            assert_eq!(follower.printed(), expected, "{name}: {script}");
        }
    }
}

#[test]
fn rotated_files_are_proved_between_runs() {
    for (name, before, from_start, steps) in BESIDE {
        let home = tempfile::tempdir().unwrap();
        let d = home.path().join("d");
        std::fs::create_dir(&d).unwrap();
        shell(&d, before);
        let state = home.path().join("db").display().to_string();
        let arguments = ["--from", "resume", "--prefix", "--state-file", &state, "*"];
        let (first, _, _) = once(&d, &arguments);
        // A rotated file without a position is passed.
        let count = from_start.matches('\n').count() - usize::from(before.contains("log.1"));
        assert_eq!(first.matches('\n').count(), count, "{name}: {first}");
        for (script, text) in *steps {
            shell(&d, script);
            let (got, error, _) = once(&d, &arguments);
            assert_eq!(
                (got.as_str(), error.as_str()),
                (*text, ""),
                "{name}: {script}"
            );
        }
    }
}

/// The line that `systemctl status` shows.
#[test]
fn a_service_manager_is_told() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    std::fs::write(home.path().join("log"), "a\nb\n").unwrap();
    let mut command = follow_log(home.path(), &["--from", "start", "log"]);
    command.env("NOTIFY_SOCKET", &path);
    let _follower = Follower::spawn(command);
    let mut buffer = [0; 200];
    let length = socket.recv(&mut buffer).unwrap();
    let told = std::str::from_utf8(&buffer[..length]).unwrap();
    assert!(
        told.starts_with("STATUS=2 lines read, the last at 2"),
        "{told}"
    );
}
