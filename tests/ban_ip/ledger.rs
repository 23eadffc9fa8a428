//! The facts of a ban that the ledger keeps.

use std::io::Write;
use std::process::Stdio;

use crate::common::{Shell, field, in_namespace, lengths, wait_until};

#[test]
fn the_ledger_tells_the_story() {
    in_namespace("ledger::the_ledger_tells_the_story", || {
        let shell = Shell::new();
        let record = "203.0.113.7\tcount=5\trule=sshd\tother=x\tline=Failed a\\tb\tline=Failed c\n";
        shell.feed("ban-ip --for 1h", record.as_bytes());
        shell.run(
            "ban-ip --for 1h 203.0.113.0/24; unban-at now 203.0.113.7; ban-ip --for 2h 203.0.113.7",
        );
        let why = shell.run("ban-ip --why 203.0.113.7");
        assert_eq!(
            why.addresses(),
            ["203.0.113.0/24", "203.0.113.7", "203.0.113.7"]
        );
        assert_eq!(field(&why, "count"), ["-", "5", "-"]);
        assert_eq!(field(&why, "rule"), ["-", "sshd", "-"]);
        assert_eq!(field(&why, "backend"), ["nft"; 3]);
        assert_eq!(lengths(&why), [60, 60, 120]);
        assert_eq!(
            field(&why, "lifted").iter().filter(|l| **l != "-").count(),
            1
        );
        assert!(
            why.out.contains("\tline=Failed a\\tb\tline=Failed c\t"),
            "{}",
            why.out
        );
        assert_eq!(
            shell.run("ban-ip --why 203.0.113.8").addresses(),
            ["203.0.113.0/24"]
        );
        assert_eq!(shell.run("ban-ip --why 198.51.100.1").status, Some(1));
        let json = shell.run("ban-ip --json --why 203.0.113.7");
        assert!(
            json.out.contains(r#""line":["Failed a\tb","Failed c"]"#),
            "{}",
            json.out
        );
    });
}

#[test]
fn evidence_does_not_fill_the_disk() {
    in_namespace("ledger::evidence_does_not_fill_the_disk", || {
        let shell = Shell::new();
        let line = [
            b"198.51.100.1\tline=".to_vec(),
            vec![b'x'; 500_000],
            b"\tline=y\n".to_vec(),
        ]
        .concat();
        let input: Vec<u8> = (1..=50u8)
            .flat_map(|n| [format!("203.0.113.{n}").into_bytes(), line[12..].to_vec()].concat())
            .collect();
        assert_eq!(shell.feed("ban-ip | wc -l", &input).out.trim(), "50");
        let size: u64 = ["state.db", "state.db-wal"]
            .iter()
            .map(|name| std::fs::metadata(shell.path(name)).map_or(0, |m| m.len()))
            .sum();
        assert!(size < 1 << 20, "{size}");
        let why = shell.run("ban-ip --why 203.0.113.9");
        assert!(why.out.contains("\tline=xxxx") && why.out.contains("\tline=y\t"));
    });
}

#[test]
fn a_ledger_that_is_deleted_is_made_anew() {
    in_namespace("a_ledger_that_is_deleted_is_made_anew", || {
        for (tool, delete) in [
            ("ban-ip", "rm -f $PIPEBAN_STATE*"),
            ("ban-ip", "rm -r $(dirname $PIPEBAN_STATE)"),
            (
                "ban-ip",
                "mv $PIPEBAN_STATE $PIPEBAN_STATE.old; rm -f $PIPEBAN_STATE-*",
            ),
            ("unban-at now+2hours", "rm -f $PIPEBAN_STATE*"),
        ] {
            let shell = Shell::new();
            std::fs::create_dir(shell.path("state")).unwrap();
            let script = |script: &str| {
                format!("export PIPEBAN_STATE=$(dirname $PIPEBAN_STATE)/state/state.db; {script}")
            };
            shell.run(&script("ban-ip --for 1h 203.0.113.7 203.0.113.8"));
            let mut child = shell
                .command("sh")
                .args(["-c", &script(&format!("exec {tool}"))])
                .stdin(Stdio::piped())
                .stdout(std::fs::File::create(shell.path("out")).unwrap())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            let printed = |address: &str| {
                wait_until(address, || {
                    let out = std::fs::read_to_string(shell.path("out")).unwrap();
                    out.contains(address)
                });
            };
            writeln!(input, "203.0.113.7").unwrap();
            printed("203.0.113.7\t");
            assert_eq!(shell.run(&script(delete)).status, Some(0));
            writeln!(input, "203.0.113.8").unwrap();
            printed("203.0.113.8\t");
            drop(input);
            assert_eq!(child.wait().unwrap().code(), Some(0), "{delete}");
            let list = shell.run(&script("ban-ip --list"));
            assert_eq!(list.addresses(), ["203.0.113.7", "203.0.113.8"], "{delete}");
            assert!(!list.out.contains("only="), "{delete}: {list:?}");
            shell.run("nft flush ruleset");
        }
    });
}
