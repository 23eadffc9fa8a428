//! One message under all heads.

use super::*;

const HEADS: &str = include_str!("heads.tsv");

/// A program, its process, and a message of it.
const MESSAGES: [(&str, &str, &str); 6] = [
    (
        "sshd",
        "4242",
        "Failed password for root from 203.0.113.7 port 50412 ssh2",
    ),
    (
        "sshd-session",
        "4242",
        "Invalid user x from 203.0.113.7 port 33166",
    ),
    (
        "dovecot",
        "-",
        "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<x>, rip=203.0.113.7",
    ),
    (
        "postfix/smtpd",
        "99",
        "NOQUEUE: reject: RCPT from unknown[203.0.113.7]: 554 5.7.1 <a@example.org>",
    ),
    (
        "postfix/smtps/smtpd",
        "99",
        "62UHGH1a012345: lost connection after AUTH from unknown[203.0.113.7]",
    ),
    (
        "kernel",
        "-",
        "[UFW BLOCK] IN=eth0 OUT= MAC= SRC=203.0.113.7 DST=192.0.2.1 LEN=40 PROTO=TCP",
    ),
];

/// Puts a message behind a head of the table.
pub(super) fn line(head: &str, program: &str, pid: &str, message: &str) -> String {
    let brackets = if pid == "-" {
        String::new()
    } else {
        format!("[{pid}]")
    };
    let head = head
        .replace("{p}", program)
        .replace("{b}", &brackets)
        .replace("{n}", pid);
    match head.contains("MSG") {
        true => head.replace("MSG", message),
        false => head + message,
    }
}

/// The rows of the table: name and head.
pub(super) fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = HEADS.lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| row.split_once('\t').expect("a row of the table"))
}

#[test]
fn of_each_form() {
    for (name, head) in rows() {
        for (program, pid, message) in MESSAGES {
            let text = line(head, program, pid, message);
            let mut reader = reader();
            let read = reader.read(text.as_bytes());
            let has_program = head.contains("{p}");
            let expected = |part: &str| match has_program && part != "-" {
                true => part.to_string(),
                false => "-".to_string(),
            };
            let program = expected(program.rsplit_once(" ").map_or(program, |(_, p)| p));
            assert_eq!(shown(read.program), program, "{name}: {text}");
            let pid = if head.contains("{b}") || head.contains("{n}") {
                pid
            } else {
                "-"
            };
            assert_eq!(shown(read.pid), expected(pid), "{name}: {text}");
            assert_eq!(
                String::from_utf8_lossy(read.words()),
                message,
                "{name}: {text}"
            );
            let when = match name {
                "journalctl -o cat" | "journalctl -o short-monotonic" => None,
                "journalctl -o short-delta" => None,
                "one-digit day, one blank" => time("2026-03-03T02:16:17Z"),
                _ => time("2026-03-30T02:16:17Z"),
            };
            let whole = read.time.map(|t| Time(t.0 - t.0.rem_euclid(1_000_000)));
            assert_eq!(whole, when, "{name}: {text}");
            if let Some(place) = read.place {
                let words = read.words_range();
                assert_eq!(
                    &text[place + words.start..place + words.end],
                    message,
                    "{name}"
                );
            }
            let again = read.time;
            assert_eq!(reader.time(text.as_bytes()), again, "{name}: {text}");
        }
    }
}
