//! `--only`, `--whole` and `--count`: the lines whose addresses are in a set, as grepcidr has them.

use std::fs;
use std::process::Command;

use crate::common::{Shell, left_out};

const LOG: &str = "\
Mar 30 02:16:17 host sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2
Mar 30 02:16:18 host sshd[2]: Accepted password for bob from 198.51.100.7 port 22 ssh2
no address\r
{\"log\":\"10.0.0.1 and 10.0.0.2, \\u001b and 2001:db8::7\",\"stream\":\"stdout\"}\r
10.0.0.0/8 10.1.0.0/16 10.128.0.0/9
Mar 30 02:16:21 host sshd[1]: message repeated 3 times: [ Failed password for root from 203.0.113.9 port 22 ssh2]
the last 192.0.2.1";

/// Numbers of the lines that are printed.
fn numbers(shell: &Shell, flags: &str) -> (Vec<usize>, Option<i32>) {
    let outcome = shell.feed(&format!("extract-ip {flags}"), LOG.as_bytes());
    assert_eq!(outcome.err, "", "{flags}");
    let lines: Vec<_> = LOG.split('\n').collect();
    let number = |line: &str| lines.iter().position(|l| *l == line);
    let printed = outcome.out.split_terminator('\n');
    let numbers = printed.map(|line| number(line).expect("the line as it stands") + 1);
    (numbers.collect(), outcome.status)
}

#[test]
fn lines_as_they_stand() {
    let shell = Shell::new();
    fs::write(shell.path("nets"), "# ours\n10.0.0.0/9\n10.128.0.0/9\n").unwrap();
    let nets = shell.path("nets").display().to_string();
    for (flags, expected) in [
        ("--whole", &[1, 2, 4, 5, 6, 7][..]),
        ("--whole --only NETS", &[4, 5]),
        ("--whole --only 10.0.0.0/9", &[4, 5]),
        ("--whole --only 10.0.0.2 --only 192.0.2.1", &[4, 7]),
        ("--whole --only NETS --not 10.0.0.1 --last", &[4, 5]),
        ("--whole --only 10.128.0.0/9", &[5]),
        ("--whole --only 2001:db8::/32", &[4]),
        ("--whole -6", &[4]),
        ("--whole --field 11", &[1, 2]),
        ("--whole --field 11 --only 198.51.100.0/24", &[2]),
        ("--whole --preset sshd", &[1, 6]),
        ("--whole --preset sshd --only 192.0.2.0/24", &[]),
        ("--whole -e 'for (root|bob) from <IP>' -v Accepted", &[1, 6]),
        ("--whole -e word", &[1, 2, 6]),
        ("--whole -e nothing", &[]),
    ] {
        let flags = flags.replace("NETS", &nets);
        let status = Some(i32::from(expected.is_empty()));
        assert_eq!(
            numbers(&shell, &flags),
            (expected.into(), status),
            "{flags}"
        );
        for count in ["-c", "-c --whole", "--count"] {
            let counted = flags.replace("--whole", count);
            let outcome = shell.feed(&format!("extract-ip {counted}"), LOG.as_bytes());
            let number = format!("{}\n", expected.len());
            assert_eq!((outcome.out, outcome.status), (number, status), "{counted}");
        }
    }
}

#[test]
fn only_these_addresses() {
    let shell = Shell::new();
    let only = |flags: &str| shell.feed(&format!("extract-ip {flags}"), LOG.as_bytes());
    // A network counts where all of it is wanted: a line that has 0.0.0.0/0 must not pass.
    let found = only("--only 10.1.0.0/16 --only 10.0.0.1");
    assert_eq!(found.out, "10.0.0.1\n10.1.0.0/16\n");
    assert_eq!(only("--only 10.0.0.0/8 -6").status, Some(1));
    let found = only("--preset sshd --only 203.0.113.0/24");
    assert_eq!(found.out, "203.0.113.9\trule=sshd/failed\n".repeat(4));
    // A list is understood whole, or nothing starts.
    fs::write(shell.path("bad"), "10.0.0.1\n10.0.0.300\n").unwrap();
    let bad = only(&format!("--only {}", shell.path("bad").display()));
    assert_eq!((bad.out.as_str(), bad.status), ("", Some(2)));
    for flags in [
        "--whole --json",
        "-c --time",
        "-c --line",
        "--whole --explain",
    ] {
        assert_eq!(only(flags).status, Some(2), "{flags}");
    }
}

#[test]
fn several_files_and_errors() {
    let shell = Shell::new();
    for name in ["a", "b"] {
        fs::write(shell.path(name), LOG).unwrap();
    }
    let here = shell.directory.path().display();
    let found = shell.run(&format!(
        "cd {here}; extract-ip -c a b; echo $?; extract-ip -c a none"
    ));
    assert_eq!(found.out, "12\n0\n6\n");
    assert_eq!(found.status, Some(2));
    let both = shell.run(&format!("cd {here}; extract-ip --whole a b")).out;
    assert_eq!(
        both,
        shell
            .run(&format!(
                "cd {here}; extract-ip --whole a; extract-ip --whole b"
            ))
            .out
    );
    // Times choose lines of several files, too.
    let since = shell
        .run(&format!(
            "cd {here}; extract-ip -c --timezone UTC --until now a b"
        ))
        .out;
    assert_eq!(since, "6\n");
}

/// A remote party's control characters reach a pipe as they are, and a terminal never.
#[test]
fn control_characters() {
    let shell = Shell::new();
    let text = b"\x1b[2J 192.0.2.1\r\n";
    let log = shell.path("log");
    fs::write(&log, text).unwrap();
    let command = format!("extract-ip --whole {}", log.display());
    assert_eq!(shell.run(&command).out.as_bytes(), text);
    let output = shell
        .command("script")
        .args(["--quiet", "--return", "--command", &command])
        .arg(shell.path("typescript"))
        .output();
    let Ok(output) = output else {
        return left_out("script is not installed");
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(shown.trim_end(), r"\u{1b}[2J 192.0.2.1\r");
}

/// Random lists and lines: the lines that grepcidr prints.
#[test]
fn as_grepcidr() {
    if Command::new("grepcidr").arg("-V").output().is_err() {
        return left_out("grepcidr is not installed");
    }
    let shell = Shell::new();
    let here = shell.directory.path().display();
    let mut random = fastrand::Rng::with_seed(18);
    let mut seen = 0;
    for round in 0..20 {
        let v4 = |random: &mut fastrand::Rng| {
            let low = random.u16(..);
            format!("10.{}.{}.{}", random.u8(..4), low >> 8, low & 0xff)
        };
        let v6 = |random: &mut fastrand::Rng| {
            format!("2001:db8:{:x}::{:x}", random.u8(..4), random.u16(1..))
        };
        let mut nets = String::new();
        for _ in 0..random.usize(1..300) {
            nets += &match random.u8(..4) {
                0 => format!("{}/{}\n", v6(&mut random), random.u8(100..=128)),
                1 => format!("{}\n", v4(&mut random)),
                _ => format!("{}/{}\n", v4(&mut random), random.u8(16..=32)),
            };
        }
        let mut log = String::new();
        for _ in 0..2000 {
            for _ in 0..random.u8(..4) {
                log += &match random.u8(..5) {
                    0 => v6(&mut random),
                    1 => "words, and 10.0.300.1".into(),
                    _ => v4(&mut random),
                };
                log += [" ", ", ", " - ", "\t"][random.usize(..4)];
            }
            log += "\n";
        }
        fs::write(shell.path("nets"), nets).unwrap();
        fs::write(shell.path("log"), log).unwrap();
        let peer = shell.run(&format!("cd {here}; grepcidr -f nets log"));
        let ours = shell.run(&format!("cd {here}; extract-ip --whole --only nets log"));
        assert!(ours == peer, "round {round}");
        let peer = shell.run(&format!("cd {here}; grepcidr -c -f nets log"));
        let ours = shell.run(&format!("cd {here}; extract-ip -c --only nets log"));
        assert_eq!(ours, peer, "round {round}");
        seen += ours.out.trim().parse::<usize>().unwrap();
    }
    assert!(seen > 1000, "{seen}");
}
