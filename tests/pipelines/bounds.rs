//! Demands of an environment that a tool refuses.

use std::process::{Command, Stdio};

use crate::common::{Shell, left_out, unshared, wait_until};

#[test]
fn a_time_zone_is_a_file_of_its_kind() {
    let shell = Shell::new();
    let fifo = shell.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    for zone in [
        "/dev/zero",
        ":/dev/zero",
        "../../../dev/zero",
        &fifo.display().to_string(),
    ] {
        let script = format!("ulimit -v 4000000; TZ={zone} timeout 60 ban-ip --dry-run --for 1h");
        let outcome = shell.feed(&script, b"203.0.113.7\n");
        assert_eq!((outcome.out.len(), outcome.status), (0, Some(2)), "{zone}");
        assert!(
            outcome.err.contains("TZ: not a file of a time zone"),
            "{zone}"
        );
    }
}

#[test]
fn a_time_zone_that_is_not_known_is_told() {
    let shell = Shell::new();
    for (zone, message) in [
        (
            "Europe/Nowhere",
            "TZ: no such time zone: \"Europe/Nowhere\"; times are in UTC",
        ),
        ("UTC", ""),
        ("EST5EDT", ""),
        ("", ""),
    ] {
        let script = format!("TZ={zone} extract-ip");
        let outcome = shell.feed(&script, b"203.0.113.7\n");
        assert_eq!(
            (outcome.addresses(), outcome.status),
            (vec!["203.0.113.7"], Some(0)),
            "{zone}"
        );
        let told = outcome.err.trim_end();
        assert!(
            told.ends_with(message) && told.is_empty() == message.is_empty(),
            "{told}"
        );
    }
}

#[test]
fn root_gives_up_its_rights_before_it_reads() {
    unshared("-r", "root_gives_up_its_rights_before_it_reads", || {
        // CAP_DAC_READ_SEARCH has the number 2 (linux/capability.h).
        const READS: u64 = 1 << 2;
        for (command, kept) in [
            ("count-ip", 0),
            ("count-ip --threshold 2 --state", 0),
            ("count-ip --by user", 0),
            ("merge-ip", 0),
            (
                "mail-ban --to admin@example.org --digest 1h --whois none",
                0,
            ),
            ("extract-ip", READS),
            ("extract-ip --time --preset sshd", READS),
            ("follow-log -", READS),
            ("follow-log log", READS),
            ("follow-log --from resume log", READS),
        ] {
            let shell = Shell::new();
            let mut words = command.split(' ');
            let mut child = shell
                .command(words.next().unwrap())
                .args(words)
                .current_dir(shell.directory.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let tasks = format!("/proc/{}/task", child.id());
            wait_until(command, || {
                let tasks = std::fs::read_dir(&tasks).unwrap().flatten();
                let mut held = tasks.flat_map(|task| {
                    let status = std::fs::read_to_string(task.path().join("status"));
                    let status = status.unwrap_or_default();
                    let sets = status.lines().filter_map(|line| {
                        let set = line.strip_prefix("CapPrm:\t");
                        let set = set.or(line.strip_prefix("CapEff:\t"))?;
                        u64::from_str_radix(set, 16).ok()
                    });
                    sets.collect::<Vec<u64>>()
                });
                held.all(|set| set == kept)
            });
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}

/// A line that an attacker wrote, shown to a person.
const LINE: &str = "203.0.113.7 \x1b]0;owned\x07 \x1b[2J \u{9b}2J \u{202e}txt";

/// The output of a script on a terminal, that of script(1).
fn on_a_terminal(shell: &Shell, script: &str) -> String {
    let mut command = shell.command("script");
    command
        .args(["-qec", script, "/dev/null"])
        .stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output.stdout,
        Err(_) => {
            left_out("script(1) is not installed");
            return String::new();
        }
    };
    String::from_utf8(output).unwrap()
}

#[test]
fn a_terminal_gets_no_control_character() {
    let shell = Shell::new();
    let log = shell.path("log");
    std::fs::write(&log, format!("{LINE}\n")).unwrap();
    let log = log.display();
    let ban = format!("extract-ip --line {log} | ban-ip --backend none --for 1h --even-me");
    assert_eq!(shell.run(&ban).status, Some(0));
    let shown = "\\u{1b}]0;owned\\u{7} \\u{1b}[2J \\u{9b}2J \\u{202e}txt";
    for script in [
        format!("extract-ip --line {log}"),
        format!("NO_COLOR=1 extract-ip --explain {log}"),
        format!("extract-ip --line --json {log}"),
        "ban-ip --why 203.0.113.7".into(),
        format!("follow-log --once --from start {log}"),
        format!("extract-ip --line {log} | count-ip --threshold 1 --evidence"),
        format!("extract-ip --line {log} | count-ip --by line"),
        format!("extract-ip --line {log} | ban-ip --backend none --for 2h --even-me"),
        format!("extract-ip --line {log} | ban-ip --backend none --dry-run --even-me"),
        format!("extract-ip --line {log} | unban-at now+3hours"),
    ] {
        let text = on_a_terminal(&shell, &script);
        let raw = |c: char| c.is_control() && !"\r\n\t".contains(c);
        assert!(
            !text.contains(raw) && !text.contains('\u{202e}'),
            "{script}: {text:?}"
        );
        // JSON has its own escapes for some of them; a table is cut.
        assert!(
            text.is_empty()
                || text.contains(shown)
                || script.contains("--json")
                || script.contains("--by") && text.contains(&shown[..20]),
            "{text}"
        );
    }
    // A pipe gets the bytes as they are.
    let piped = shell.run(&format!("follow-log --once --from start {log} | cat"));
    assert_eq!(piped.out, format!("{LINE}\n"));
}
