//! Tables for a person at a terminal, which script(1) makes. A pipe gets records as ever.

use crate::common::{Shell, left_out};

/// The lines that a command shows on a terminal of this width, with these variables.
fn screen(shell: &Shell, columns: u32, environment: &str, command: &str) -> Option<Vec<String>> {
    let command = format!("stty cols {columns} rows 24; export {environment}; {command}");
    let mut script = shell.command("script");
    let output = script.args(["-qec", &command, "/dev/null"]);
    match output.stdin(std::process::Stdio::null()).output() {
        Ok(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            Some(text.lines().map(String::from).collect())
        }
        Err(_) => {
            left_out("script is not installed");
            None
        }
    }
}

const UTF8: &str = "LC_ALL=C.UTF-8 TERM=xterm TZ=UTC";

/// Three bans in the ledger alone, and one that was lifted.
fn shell_with_bans() -> Shell {
    let shell = Shell::new();
    let bans = "\
203.0.113.7\tcount=5\trule=sshd/failed\tfirst=2026-03-30T02:16:17Z\t\
last=2026-03-30T02:16:18Z\tline=a\\tb
2001:db8:0:1::/64\tcount=12\trule=sshd/failed
198.51.100.9\trule=dovecot/auth\tline=\x1b[31mred 利用者利用者利用者利用者利用者利用者利用者利用者利用者利用者
";
    let outcome = shell.feed("ban-ip --backend none --for 1h", bans.as_bytes());
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    // On a pipe, records.
    assert_eq!(outcome.out.matches('\t').count(), 7 + 4 + 4, "{outcome:?}");
    // Where the kernel's firewall can't be asked, that is told besides.
    shell.run("ban-ip --backend none 198.51.100.77 && unban-at now 198.51.100.77");
    shell
}

/// The words of a line.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn the_list() {
    let shell = shell_with_bans();
    let list = "ban-ip --backend none --list";
    let Some(lines) = screen(&shell, 100, UTF8, list) else {
        return;
    };
    assert_eq!(
        words(&lines[0]),
        ["address", "count", "rule", "since", "ends"]
    );
    let at = |text: &str| lines.iter().find(|line| line.starts_with(text)).unwrap();
    let row = words(at("203.0.113.7"));
    assert_eq!(row[1..3], ["5", "sshd/failed"], "{lines:?}");
    assert_eq!((row[5], row.len()), ("in", 7), "{lines:?}");
    assert!(["59m59s", "1h", "59m58s", "59m57s"].contains(&row[6]) || row[6].starts_with("59m"));
    let row = words(at("198.51.100.9"));
    assert_eq!(row[1], "dovecot/auth", "{lines:?}");
    // Counts stand to the right, the columns below each other.
    let column = lines[0].find("rule").unwrap();
    assert_eq!(at("2001:db8:0:1::/64").find("sshd/failed"), Some(column));
    let last = "3 in all: 2 sshd/failed, 1 dovecot/auth";
    assert_eq!(lines.last().unwrap(), last, "{lines:?}");
    assert_eq!(lines.len(), 5);

    let piped = shell.run(list);
    assert!(
        piped
            .out
            .starts_with("198.51.100.9\trule=dovecot/auth\tsince=")
    );
    let cut = |line: &str| line.split("\tsince=").next().unwrap().to_string();
    let records: Vec<_> = piped.out.lines().map(cut).collect();
    let expected = [
        "198.51.100.9\trule=dovecot/auth",
        "203.0.113.7\tcount=5\tfirst=2026-03-30T02:16:17Z\tlast=2026-03-30T02:16:18Z\t\
         rule=sshd/failed",
        "2001:db8:0:1::/64\tcount=12\trule=sshd/failed",
    ];
    assert_eq!(records, expected);
    // JSON stays JSON.
    let json = screen(&shell, 100, UTF8, "ban-ip --backend none --list --json").unwrap();
    assert!(json.iter().all(|line| line.starts_with('{')), "{json:?}");
}

#[test]
fn nothing() {
    let shell = Shell::new();
    for (command, line) in [
        ("ban-ip --backend none --list", "nothing is banned"),
        ("ban-ip --why 203.0.113.7", "203.0.113.7 was never banned"),
        ("unban-at --list", "no ban has an end"),
    ] {
        let Some(lines) = screen(&shell, 80, UTF8, command) else {
            return;
        };
        // A hint about rights may stand before it.
        assert_eq!(lines.last().map(String::as_str), Some(line), "{command}");
        let piped = shell.run(command);
        assert_eq!(
            (piped.out.as_str(), piped.status),
            ("", Some(1)),
            "{command}"
        );
    }
}

#[test]
fn one_address_and_its_evidence() {
    let shell = shell_with_bans();
    let Some(lines) = screen(&shell, 80, UTF8, "ban-ip --why 203.0.113.7") else {
        return;
    };
    assert_eq!(lines[0].split_whitespace().next(), Some("address"));
    assert!(lines[1].contains("sshd/failed"), "{lines:?}");
    assert_eq!(lines[2], "    a\\tb", "{lines:?}");
    let lifted = screen(&shell, 80, UTF8, "ban-ip --why 198.51.100.77").unwrap();
    assert!(lifted[1].contains("lifted 2"), "{lifted:?}");
    let ends = screen(&shell, 80, UTF8, "unban-at --list").unwrap();
    assert_eq!(words(&ends[0]), ["address", "since", "ends"]);
    assert_eq!(ends.last().map(String::as_str), Some("3 in all"));
}

/// Each is one line, however narrow the terminal is, and no terminal obeys it.
#[test]
fn narrow_and_simple_terminals() {
    let shell = shell_with_bans();
    let records = "203.0.113.7\\\\tuser=利用者利用者利用者利用者利用者利用者\\\\tat=2026-03-30T02:16:17Z\\\\n";
    let print = format!(
        "for i in 1 2 3 4 5 6; do printf '{}'; done",
        records.replace("\\\\", "\\")
    );
    let commands = [
        "ban-ip --backend none --list".to_string(),
        "ban-ip --why 198.51.100.9".into(),
        "unban-at --list".into(),
        format!("({print}) | count-ip --threshold 2"),
        format!("({print}) | count-ip"),
        format!("({print}) | count-ip --by user"),
        format!("({print}) | count-ip --per 1h"),
    ];
    for command in &commands {
        for columns in [40, 60, 79, 200] {
            let Some(lines) = screen(&shell, columns, UTF8, command) else {
                return;
            };
            assert!(lines.len() > 1, "{command}: {lines:?}");
            for line in lines {
                // A letter of East Asia takes two columns.
                let wide = line
                    .chars()
                    .filter(|c| ('\u{2e80}'..'\u{ffff}').contains(c));
                let mut plain = line.clone();
                for code in ["\u{1b}[36m", "\u{1b}[0m"] {
                    plain = plain.replace(code, "");
                }
                let width = plain.chars().count() + wide.count();
                assert!(width <= columns as usize, "{columns}: {command}: {line}");
                assert!(!plain.contains('\u{1b}'), "{command}: {line}");
            }
        }
        for environment in ["TERM=dumb LC_ALL=C.UTF-8", "LC_ALL=C TERM=xterm NO_COLOR=1"] {
            let lines = screen(&shell, 50, environment, command).unwrap();
            let text = lines.concat();
            assert!(
                !text.contains(['█', '▏', '…', '\u{1b}']),
                "{command}: {text}"
            );
        }
    }
}

#[test]
fn verdicts() {
    let shell = Shell::new();
    let record = |rule: &str, second| {
        format!("203.0.113.7\\tat=2026-03-30T02:16:{second}Z\\trule={rule}\\n")
    };
    let input: String = (10..16)
        .map(|second| record("sshd/failed", second))
        .collect();
    let command = format!("printf '{input}' | count-ip --threshold 3 --within 10m");
    let Some(lines) = screen(&shell, 80, UTF8, &command) else {
        return;
    };
    let row = "203.0.113.7          3  sshd/failed  2026-03-30 02:16  2026-03-30 02:16";
    let heading = "address          count  rule         first             last";
    assert_eq!(lines, [heading, row, row]);
    let piped = shell.run(&command);
    let line = "203.0.113.7\tat=2026-03-30T02:16:12Z\trule=sshd/failed\tcount=3\t\
                first=2026-03-30T11:16:10+09:00\tlast=2026-03-30T11:16:12+09:00\n";
    assert!(piped.out.starts_with(line), "{}", piped.out);
}
