//! Files of which no events come, directories that come and go, pipes, and signals.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{unshared, wait_until};
use crate::{Follower, live, once, shell};

#[test]
fn a_file_system_without_events() {
    unshared("-rm", "sources::a_file_system_without_events", || {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        // Through an overlay the writes to the lower directory are seen, but not told.
        shell(
            home,
            "mkdir m; mount -t tmpfs none m; cd m
             mkdir lower upper work top; echo a > lower/log
             mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work top",
        );
        let steps = [
            ("", "a\n"),
            ("echo b >> lower/log", "b\n"),
            ("echo c >> lower/log", "c\n"),
            (": > lower/log; echo d >> lower/log", "d\n"),
        ];
        let arguments = ["--from", "start", "--state-file", "lower/db", "top/log"];
        live("overlay", &home.join("m"), &arguments, &steps);
    });
}

#[test]
fn a_directory_deleted_and_made_again() {
    let home = tempfile::tempdir().unwrap();
    let steps = [
        ("mkdir d; echo a > d/log", "a\n"),
        ("rm -r d; sleep 0.1; mkdir d; echo b > d/log", "b\n"),
        (
            "rm -r d; sleep 0.1; mkdir -p d/e; rm -r d; mkdir d; echo c > d/log",
            "c\n",
        ),
    ];
    // A deleted file is let go after a minute: this comes before.
    live(
        "deleted",
        home.path(),
        &["--from", "start", "d/log"],
        &steps,
    );
}

#[test]
fn pipes_are_read_as_they_come() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shell(home, "mkfifo fifo; echo a > log");
    let steps = [
        ("", "log\ta\n"),
        ("echo b > fifo", "fifo\tb\n"),
        // Its writers may go and come.
        ("echo c > fifo", "fifo\tc\n"),
        ("echo d >> log", "log\td\n"),
    ];
    let arguments = ["--from", "start", "--prefix", "fifo", "log"];
    live("fifo", home, &arguments, &steps);

    // The standard input of a process, and of two as operands; it ends with them.
    let script = "exec 3<&0; (echo two; echo half | tr -d '\\n') | \"$0\" /dev/stdin /dev/fd/3";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_follow-log")]);
    command
        .current_dir(home)
        .env("PIPEBAN_STATE", home.join("db"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"one\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["half", "one", "two"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_signal_ends_it_amid_a_large_file() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shell(home, "echo a > log; truncate -s 1T log");
    let mut follower = Follower::start(home, &["--from", "start", "log"]);
    wait_until("a", || follower.printed() == "a\n");
    shell(home, &format!("kill {}", follower.child.id()));
    assert_eq!(follower.child.wait().unwrap().code(), None);
    // Nor is the beginning of the last line searched for.
    assert_eq!(once(home, &["log"]).0, "");
}

#[test]
fn a_half_line_of_a_rotated_file_is_a_line() {
    let home = tempfile::tempdir().unwrap();
    let steps = [
        ("printf 'a\\nb' > log", "a\n"),
        ("mv log log.1; echo c > log", "c\nb\n"),
    ];
    live("half", home.path(), &["--from", "start", "log"], &steps);
}

#[test]
fn a_full_disk_does_not_keep_it_from_following() {
    unshared(
        "-rm",
        "sources::a_full_disk_does_not_keep_it_from_following",
        || {
            let home = tempfile::tempdir().unwrap();
            let home = home.path();
            shell(
                home,
                "mkdir m; mount -t tmpfs -o size=1M none m
             head -c 2M /dev/zero > m/full 2> /dev/null || true; echo a > log",
            );
            let arguments = ["--from", "resume", "--state-file", "m/db", "log"];
            let (out, error, status) = once(home, &arguments);
            assert_eq!((out.as_str(), status), ("a\n", Some(2)), "{error}");
            assert!(error.contains("the position will not be kept"), "{error}");
            shell(home, "rm m/full");
            assert_eq!(once(home, &arguments).0, "a\n");
            assert_eq!(once(home, &arguments).0, "");
        },
    );
}

/// Where the kernel tells of events, a follower at rest sleeps until there is one.
#[test]
fn at_rest_nothing_wakes_it() {
    unshared("-rm", "sources::at_rest_nothing_wakes_it", || {
        // Directories on the way are watched too, and other tests write to the usual ones.
        let home = Path::new("/mnt");
        shell(
            home,
            "mount -t tmpfs none /mnt; cd /mnt; mkdir logs; echo a > logs/log",
        );
        let follower = Follower::start(home, &["--from", "resume", "logs/log", "logs/*.log"]);
        wait_until("the first line", || follower.printed() == "a\n");
        let wakes = || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", follower.child.id())).unwrap();
            let status = |task: std::fs::DirEntry| {
                std::fs::read_to_string(task.path().join("status")).unwrap_or_default()
            };
            let texts: Vec<_> = tasks.map(|task| status(task.unwrap())).collect();
            let counts = texts.iter().flat_map(|t| t.lines());
            let counts = counts.filter_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
            counts
                .map(|n| n.trim().parse::<u64>().unwrap())
                .sum::<u64>()
        };
        // Polling would wake it each second, whenever this looks.
        wait_until("rest", || {
            let before = wakes();
            std::thread::sleep(std::time::Duration::from_millis(2_500));
            wakes() == before
        });
    });
}
