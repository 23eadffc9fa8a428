//! Mistakes that people make, and the message that each gets: it says what to do.

use std::process::Command;

use crate::common::{Shell, left_out};

/// A log of sshd(8) with two failures of one address.
const LOG: &str = "\
Nov 29 10:00:01 web sshd[811]: Failed password for root from 203.0.113.7 port 4022 ssh2
Nov 29 10:00:02 web sshd[811]: Failed password for root from 203.0.113.7 port 4023 ssh2
Nov 29 10:00:03 web sshd[812]: Accepted publickey for bob from 198.51.100.4 port 4024 ssh2
";

/// A command, its exit status, and a part of what it says on standard error.
const MISTAKES: [(&str, i32, &str); 34] = [
    (
        "extract-ip --preset shsd auth.log",
        2,
        "no preset of that name: \"shsd\"; did you mean \"sshd\"? (--preset list;",
    ),
    (
        "extract-ip --preset postfix-sasl auth.log",
        2,
        "did you mean \"postfix\"?",
    ),
    (
        "extract-ip --preset sshd/faild auth.log",
        2,
        "sshd has no rule \"faild\"; did you mean \"failed\"?",
    ),
    (
        "extract-ip --preset shsd/failed auth.log",
        2,
        "no preset of that name: \"shsd/failed\"; did you mean \"sshd\"?",
    ),
    (
        "count-ip --threshold five auth.log",
        2,
        "invalid value 'five' for '--threshold <N>': not a number (see",
    ),
    (
        "extract-ip --presett sshd auth.log",
        2,
        "unexpected argument '--presett' found; did you mean --preset?",
    ),
    (
        "ban-ip --unban 203.0.113.7",
        2,
        "unexpected argument '--unban <ADDRESS>' found; unban-at now ADDRESS lifts a ban",
    ),
    (
        "ban-ip --backend nftables 203.0.113.7",
        2,
        "[possible values: nft, ipset, iptables, exec, none] (see",
    ),
    (
        "extract-ip --regex 'from <IP> (port' auth.log",
        2,
        "--regex: from <IP> (port: unclosed group, at column 11",
    ),
    (
        "extract-ip --regex 'from <ip> port' auth.log",
        1,
        "--regex: <ip> is text here: <IP>, so written, stands for an address",
    ),
    (
        "count-ip auth.log",
        2,
        "auth.log:1: not an address: \"Nov\" (a log? extract-ip reads those)",
    ),
    (
        "gzip -k auth.log; count-ip auth.log.gz",
        2,
        "auth.log.gz:1: not an address: \"Nov\" (a log? extract-ip reads those)",
    ),
    (
        "ban-ip --dry-run <auth.log",
        2,
        "standard input:1: not an address: \"Nov\" (a log? extract-ip reads those)",
    ),
    (
        "merge-ip auth.log",
        2,
        "auth.log:1: not an address: \"Nov\" (a log? extract-ip reads those)",
    ),
    (
        "ban-ip --dry-run auth.log",
        2,
        "not an address: \"auth.log\"; records in a file are standard input: <FILE",
    ),
    (
        "extract-ip auth.log | extract-ip --preset sshd",
        1,
        "the first begins with \"203.0.113.7\" (records? count-ip and ban-ip read those)",
    ),
    ("extract-ip .", 2, "extract-ip: .: Is a directory\n"),
    ("count-ip .", 2, "count-ip: .: Is a directory\n"),
    (
        "follow-log --once --from start .",
        2,
        "follow-log: .: Is a directory\n",
    ),
    (
        "extract-ip none",
        2,
        "extract-ip: none: No such file or directory\n",
    ),
    (
        "follow-log --once --from start none",
        2,
        "follow-log: none: No such file or directory\n",
    ),
    (
        "extract-ip --filter ./none auth.log",
        2,
        "extract-ip: ./none: No such file or directory\n",
    ),
    (
        "extract-ip --filter none auth.log",
        2,
        "none: no file of that name, here or in /etc/fail2ban/filter.d",
    ),
    (
        "follow-log --once auth.log",
        1,
        "--once: it begins at the end, so nothing is read: --from start reads all, --from resume",
    ),
    (
        "follow-log --once --from start './*.lgo'",
        1,
        "follow-log: ./*.lgo: no file matches\n",
    ),
    (
        "gzip -k auth.log; follow-log --once --from start auth.log.gz",
        2,
        "auth.log.gz: compressed, so nobody appends to it (extract-ip reads it as it is)",
    ),
    (
        "unban-at 203.0.113.8",
        2,
        "; the time comes first: unban-at now 203.0.113.8\n",
    ),
    (
        "unban-at now + 1 hour 203.0.113.8",
        2,
        "a time of several words is quoted: unban-at 'now + 1 hour' ADDRESS\n",
    ),
    (
        "unban-at 10am Jul 31 203.0.113.8",
        2,
        "a time of several words is quoted: unban-at '10am Jul 31' ADDRESS\n",
    ),
    (
        "ban-ip --for 5200w 203.0.113.7",
        2,
        "invalid value '5200w' for '--for <DURATION>': too long, 68 years at most",
    ),
    (
        "ban-ip --for 1M 203.0.113.7",
        2,
        "not a duration such as 90, 10m, 1h30m or 2d: \"1M\"",
    ),
    (
        "ban-ip --for 1h --max-prefix4 8 --dry-run 10.0.0.0/7",
        2,
        "not banned: 10.0.0.0/7 is wider than /8",
    ),
    (
        "extract-ip --time --timezone Tokyo auth.log",
        2,
        "not a time zone such as Asia/Tokyo or +09:00: \"Tokyo\": No such file or directory\n",
    ),
    (
        "extract-ip --help >/dev/full",
        2,
        "extract-ip: standard output: No space left on device\n",
    ),
];

#[test]
fn each_has_a_message() {
    for (command, status, message) in MISTAKES {
        let shell = Shell::new();
        std::fs::write(shell.path("auth.log"), LOG).unwrap();
        let directory = shell.directory.path().display();
        let outcome = shell.run(&format!("cd {directory}; {command}"));
        assert!(outcome.err.contains(message), "{command}: {}", outcome.err);
        assert_eq!(outcome.status, Some(status), "{command}: {}", outcome.err);
        assert!(!outcome.err.contains("os error"), "{command}");
    }
}

/// On a terminal, which script(1) makes, a caret stands below the fault of a pattern.
#[test]
fn a_caret_below_a_pattern() {
    let shell = Shell::new();
    let command = "extract-ip --regex 'from <IP> (port' -";
    let output = shell
        .command("script")
        .args(["-qec", command, "/dev/null"])
        .output();
    let Ok(output) = output else {
        return left_out("script is not installed");
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = format!(
        "    from <IP> (port\r\n    {:10}^\r\nextract-ip: --regex: ",
        ""
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn one_rule_of_a_preset() {
    let shell = Shell::new();
    let script = "extract-ip --preset sshd/failed,dovecot | cut -f 2; \
                  extract-ip --preset sshd/timeout </dev/null";
    let outcome = shell.feed(script, LOG.as_bytes());
    assert_eq!(outcome.out, "rule=sshd/failed\nrule=sshd/failed\n");
    let script = "extract-ip --preset sshd/timeout";
    assert_eq!(shell.feed(script, LOG.as_bytes()).status, Some(1));
}

#[test]
fn explain_ends_with_totals() {
    let shell = Shell::new();
    let log = format!("{LOG}no stamp\n");
    let script = "extract-ip --explain --preset sshd --regex 'from <IP> port 1$'";
    let outcome = shell.feed(script, log.as_bytes());
    let expected = "in all:
    4 lines
    2 matched by --preset sshd/failed
    0 matched by from <IP> port 1$
    2 matched by no pattern
    1 of them of unknown form: no time stamp, no program
";
    assert!(outcome.out.ends_with(expected), "{}", outcome.out);
    let command = format!("printf '%s' '{LOG}' | {script}");
    let on_terminal = |environment: &str| {
        let command = format!("export {environment}; {command}");
        let mut script: Command = shell.command("script");
        script.args(["-qec", &command, "/dev/null"]).output()
    };
    let Ok(output) = on_terminal("TERM=xterm") else {
        return left_out("script is not installed");
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let coloured = "root from \u{1b}[1;31m203.0.113.7\u{1b}[0m port 4022 ssh2\r\n";
    assert!(text.contains(coloured), "{text}");
    assert!(!text.contains("[1;31m198.51.100.4"), "{text}");
    for plain in ["TERM=dumb", "NO_COLOR=1"] {
        let output = on_terminal(plain).unwrap();
        assert!(!output.stdout.contains(&0x1b), "{plain}");
    }
}
