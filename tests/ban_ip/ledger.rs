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

/// New bans are entered many at a time: among them those that are no news, longer ones, several of
/// one address and some that have ended.
#[test]
fn a_list_is_entered_as_if_one_by_one() {
    in_namespace("ledger::a_list_is_entered_as_if_one_by_one", || {
        let shell = Shell::new();
        let address = |n: usize| format!("198.51.{}.{}", n / 100, n % 100);
        let some: String = (0..400).step_by(7).map(|n| address(n) + "\n").collect();
        shell.feed("ban-ip --for 1h", some.as_bytes());
        // An end before that of an hour.
        let soon = field(&shell.run("ban-ip --for 10m 192.0.2.1 --even-me"), "until")[0].to_owned();
        let line = |n: usize| match n {
            // Longer, over and no news.
            _ if n.is_multiple_of(14) => format!("{}\tuntil=2100-01-01T00:00:00Z\n", address(n)),
            _ if n.is_multiple_of(21) => format!("{}\tuntil=2020-01-01T00:00:00Z\n", address(n)),
            _ if n.is_multiple_of(7) => format!("{}\tuntil={soon}\n", address(n)),
            // Twice, the second one longer; for one port; a network.
            5 | 205 => format!("{0}\tuntil={soon}\n{0}\tuntil=never\n", address(n)),
            _ if n % 10 == 3 => format!("{}\tport=22\n", address(n)),
            300 => "203.0.113.0/24\n2001:db8::7\n".into(),
            _ => address(n) + "\n",
        };
        let many: String = (0..400).map(line).collect();
        let entered = shell.feed("ban-ip", many.as_bytes());
        let longer = (0..400_usize).filter(|n| n.is_multiple_of(14)).count();
        let no_news = (0..400_usize).filter(|n| n.is_multiple_of(7)).count() - longer;
        // Of two records of one address each is printed: the second one makes it longer.
        assert_eq!(
            entered.addresses().len(),
            400 - no_news + 2 + 1,
            "{}",
            entered.err
        );
        let list = shell.run("ban-ip --list");
        assert_eq!(list.addresses().len(), 402);
        assert!(!list.out.contains("only="), "{}", list.out);
        let untils = field(&list, "until");
        let number = |begin: &str| {
            untils
                .iter()
                .filter(|until| until.starts_with(begin))
                .count()
        };
        assert_eq!(number("2100-"), longer);
        assert_eq!(number("never"), 401 - longer - no_news);
        let again = shell.feed("ban-ip", many.as_bytes());
        assert_eq!((again.out.as_str(), again.status), ("", Some(1)));
        assert_eq!(shell.run("ban-ip --verify").status, Some(0));
    });
}
