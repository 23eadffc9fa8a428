//! The commands of examples/cluster.md that stay on one machine, as they stand there, by GNU
//! parallel: the same bytes as one run. (tests/cluster.sh runs those over ssh, tests/spark.sh
//! Spark.)

use std::fs;
use std::path::Path;

use crate::common::{Shell, run};

const PAGE: &str = include_str!("../../examples/cluster.md");

/// The command of the page that has these words.
fn command(words: &str) -> String {
    let blocks = PAGE.split("\n```sh\n").skip(1);
    let commands = blocks.filter_map(|block| Some(block.split_once("\n```")?.0));
    let command = commands.into_iter().find(|text| text.contains(words));
    command.expect(words).to_owned()
}

/// A shell in a directory with the files of the page and the logs of a week, each of which ends
/// within a connection; `None` where GNU parallel is not installed.
fn cluster() -> Option<Shell> {
    run("parallel", &["--version"])?;
    let shell = Shell::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cluster");
    for name in ["step", "totals"] {
        fs::copy(examples.join(name), shell.path(name)).unwrap();
    }
    let line = |i: u32| {
        let (day, hour, minute) = (1 + i / 1440, i / 60 % 24, i % 60);
        let from = if i.is_multiple_of(9) {
            i % 31
        } else {
            i / 12 % 200
        };
        let head = format!("Mar {day:2} {hour:02}:{minute:02}:00 web1 sshd[{i}]:");
        let from = format!("from 203.0.113.{from} port 22");
        match i % 4 {
            0 => format!("{head} Connection closed by{}\n", &from[4..]),
            1 => format!(
                "{head} Invalid user x {from}\n\
                 {head} Failed password for invalid user x {from} ssh2\n"
            ),
            _ => format!("{head} Failed password for root {from} ssh2\n"),
        }
    };
    let log: String = (0..10_000).map(line).collect();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let mut rest = &lines[..];
    for name in ["auth.log.10", "auth.log.2", "auth.log.1", "auth.log"] {
        let enough = rest.len().min(3_500);
        let cut = rest[enough..]
            .iter()
            .position(|line| line.contains(" Failed password for inv"));
        let (file, behind) = rest.split_at(cut.map_or(rest.len(), |cut| enough + cut));
        fs::write(shell.path(name), file.concat()).unwrap();
        rest = behind;
    }
    run("gzip", &[shell.path("auth.log.10").to_str().unwrap()]);
    Some(shell)
}

/// The output of a script in the shell's directory.
fn printed(shell: &Shell, script: &str) -> String {
    let script = format!("cd {}; {script}", shell.directory.path().display());
    let outcome = shell.run(&script);
    assert_eq!(outcome.status, Some(0), "{script}: {outcome:?}");
    outcome.out
}

const TOTALS: &str = "extract-ip --preset sshd auth.log* | count-ip";

#[test]
fn files_add_up_to_one_run() {
    let Some(shell) = cluster() else { return };
    let one = printed(&shell, TOTALS);
    assert!(one.lines().count() > 150, "{one}");
    assert_eq!(printed(&shell, &command("parallel sh totals")), one);
    let window = "count-ip --threshold 5 --within 10m";
    let one = format!("extract-ip --preset sshd --time auth.log* | {window}");
    let one = printed(&shell, &one);
    assert!(one.lines().count() > 100, "{one}");
    assert_eq!(printed(&shell, &command("--keep-order")), one);
}

/// The limit that the page tells.
#[test]
fn a_cut_within_a_connection_counts_its_try_twice() {
    let Some(shell) = cluster() else { return };
    let script = "cat <(zcat auth.log.10) auth.log.2 auth.log.1 auth.log >whole; \
                  for log in whole auth.log*; do extract-ip --preset sshd --count $log; done";
    let counts = printed(&shell, &format!("bash -c '{script}'"));
    let counts: Vec<u32> = counts.lines().map(|n| n.parse().unwrap()).collect();
    // Three cuts, each with one connection that is open.
    assert_eq!(counts[0] + 3, counts[1..].iter().sum::<u32>(), "{counts:?}");
}

#[test]
fn objects_of_a_store_add_up_to_one_run() {
    let Some(shell) = cluster() else { return };
    if run("rclone", &["version"]).is_none() {
        return;
    }
    // rclone's name for a directory, in the place of a store's.
    let store = "export RCLONE_CONFIG=$PWD/rclone.conf RCLONE_CONFIG_STORE_TYPE=alias \
                 RCLONE_CONFIG_STORE_REMOTE=$PWD; touch rclone.conf; \
                 mkdir logs; cp auth.log* logs; ";
    let parts = printed(&shell, &format!("{store}{}", command("rclone cat")));
    assert_eq!(parts, printed(&shell, TOTALS));
}

#[test]
fn a_task_that_matches_nothing_is_done_and_one_without_its_tool_fails() {
    let Some(shell) = cluster() else { return };
    let directory = shell.directory.path().display();
    let tools = "mkdir -p few; ln -s $(command -v count-ip) few";
    printed(&shell, tools);
    for (script, status) in [
        ("echo x | sh step extract-ip --preset sshd", 0),
        ("echo x | sh totals --preset sshd", 0),
        ("sh totals --preset sshd nofile", 2),
        ("sh step extract-ip --nonsense", 2),
        ("PATH=/usr/bin:/bin; sh step extract-ip <auth.log", 127),
        // A pipeline alone would be content.
        (
            "PATH=few:/usr/bin:/bin; extract-ip <auth.log | count-ip || [ $? = 1 ]",
            0,
        ),
        ("PATH=few:/usr/bin:/bin; sh totals <auth.log", 127),
        ("PATH=few:/usr/bin:/bin; sh ./totals <auth.log", 127),
    ] {
        let outcome = shell.run(&format!("cd {directory}; {script}"));
        assert_eq!(
            (outcome.out.as_str(), outcome.status),
            ("", Some(status)),
            "{script}"
        );
    }
    // The engine is told.
    let outcome = shell.run(&format!(
        "cd {directory}; PATH=few:/usr/bin:/bin; parallel sh totals --preset sshd ::: auth.log*"
    ));
    assert_ne!(outcome.status, Some(0), "{outcome:?}");
}
