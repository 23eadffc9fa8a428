//! Lines that stand for several events, and lines that stand for one event together.

use crate::line::LineReader;
use crate::presets::{MAX_EVENTS, Presets};
use pipeban::time::Zone;

/// The number of events of each line.
fn counts(presets: &str, lines: &[&str]) -> Vec<u32> {
    let mut presets = Presets::new(presets.split(',')).expect("presets");
    let mut reader = LineReader::new(Zone::UTC, None);
    let count = |line: &&str| {
        let line = match line.starts_with(char::is_alphabetic) && !line.starts_with("Mar") {
            true => format!("Mar 30 02:16:17 host sshd[4242]: {line}"),
            false => line.to_string(),
        };
        let line = reader.read(line.as_bytes());
        presets.check(&line, true).map_or(0, |hit| hit.count)
    };
    lines.iter().map(count).collect()
}

const FAILED: &str = "Failed password for root from 203.0.113.7 port 5 ssh2";
const UNKNOWN: &str = "Failed password for invalid user x from 203.0.113.7 port 5 ssh2";
const INVALID: &str = "Invalid user x from 203.0.113.7 port 5";
const PAM: &str = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh \
     ruser= rhost=203.0.113.7  user=root";
const MORE: &str = "PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= \
     rhost=203.0.113.7  user=root";
const MAXIMUM: &str = "error: maximum authentication attempts exceeded for root from 203.0.113.7 \
     port 5 ssh2 [preauth]";
const TOO_MANY: &str = "Disconnecting authenticating user root 203.0.113.7 port 5: Too many \
     authentication failures [preauth]";
const ERROR_PAM: &str = "error: PAM: Authentication failure for root from 203.0.113.7";
const KEYBOARD: &str = "Failed keyboard-interactive/pam for root from 203.0.113.7 port 5 ssh2";

#[test]
fn one_try_in_several_lines_is_one_event() {
    for (presets, lines, expected) in [
        ("sshd", &[FAILED; 6][..], &[1; 6][..]),
        (
            "sshd",
            &[FAILED, FAILED, FAILED, MAXIMUM, TOO_MANY],
            &[1, 1, 1, 0, 0],
        ),
        // Keys that are offered and refused are not logged.
        ("sshd", &[MAXIMUM, TOO_MANY], &[1, 0]),
        ("sshd", &[TOO_MANY], &[1]),
        ("sshd", &[INVALID, UNKNOWN, UNKNOWN], &[1, 0, 1]),
        (
            "sshd,pam-generic",
            &[INVALID, PAM, UNKNOWN, UNKNOWN],
            &[1, 0, 0, 1],
        ),
        (
            "sshd,pam-generic",
            &[PAM, FAILED, FAILED, FAILED],
            &[1, 0, 1, 1],
        ),
        (
            "sshd,pam-generic",
            &[
                PAM, FAILED, FAILED, FAILED, FAILED, FAILED, FAILED, MAXIMUM, MORE,
            ],
            &[1, 0, 1, 1, 1, 1, 1, 0, 0],
        ),
        ("pam-generic", &[PAM, FAILED, MORE], &[1, 0, 5]),
        ("pam-generic", &[MORE], &[6]),
        (
            "sshd,pam-generic",
            &[PAM, ERROR_PAM, KEYBOARD, ERROR_PAM, KEYBOARD],
            &[1, 0, 0, 1, 0],
        ),
    ] {
        assert_eq!(counts(presets, lines), expected, "{presets}: {lines:?}");
    }
}

#[test]
fn other_connections_have_other_tries() {
    let other = [
        "Mar 30 02:16:17 host sshd[4243]: Failed password for invalid user x from 203.0.113.7 port 5 ssh2",
        "Mar 30 02:16:17 two sshd[4242]: Failed password for invalid user x from 203.0.113.7 port 5 ssh2",
        "Mar 30 02:16:17 host sshd[4242]: Failed password for invalid user x from 203.0.113.8 port 5 ssh2",
        "Mar 30 02:16:17 host sshd[4242]: Failed password for invalid user x from 203.0.113.7 port 6 ssh2",
        "Mar 30 03:16:17 host sshd[4242]: Failed password for invalid user x from 203.0.113.7 port 5 ssh2",
    ];
    for other in other {
        assert_eq!(counts("sshd", &[INVALID, other]), [1, 1], "{other}");
    }
    // Lines of two files, as follow-log --prefix and grep -H write them.
    let of = |file: &str, words: &str| format!("{file}\tMar 30 02:16:17 host sshd[4242]: {words}");
    let (one, two) = (of("Mar.log", INVALID), of("Mar2.log", UNKNOWN));
    assert_eq!(counts("sshd", &[&one, &two]), [1, 1]);
    assert_eq!(counts("sshd", &[&one, &of("Mar.log", UNKNOWN)]), [1, 0]);
    // Address and port are the connection where there is no process.
    let plain = |words: &str| format!("Mar 30 02:16:17 host sshd: {words}");
    let (invalid, unknown) = (plain(INVALID), plain(UNKNOWN));
    assert_eq!(counts("sshd", &[&invalid, &unknown]), [1, 0]);
    let elsewhere = unknown.replace("port 5", "port 6");
    assert_eq!(counts("sshd", &[&invalid, &elsewhere]), [1, 1]);
    // A new connection of the same process.
    let begins = "Connection from 203.0.113.7 port 5 on 192.0.2.1 port 22";
    assert_eq!(counts("sshd", &[INVALID, begins, UNKNOWN]), [1, 0, 1]);
}

#[test]
fn repeated_messages() {
    let repeated = |n: &str, words: &str| format!("message repeated {n} times: [ {words}]");
    let three = repeated("3", FAILED);
    assert_eq!(counts("sshd", &[FAILED, &three]), [1, 3]);
    assert_eq!(
        counts("sshd", &[&repeated("99999999999", FAILED)]),
        [MAX_EVENTS]
    );
    assert_eq!(counts("sshd", &[&repeated("0", FAILED)]), [0]);
    assert_eq!(counts("sshd", &[&repeated("2", MAXIMUM)]), [2]);
    // Only where the line has the form as a whole.
    let inside = FAILED.replace("root", &three);
    assert_eq!(counts("sshd", &[&inside]), [1]);
    let more = format!("{three} x");
    assert_eq!(counts("sshd", &[&more]), [0]);
    let dovecot = "Mar 30 02:16:17 host dovecot: imap-login: Disconnected (auth failed, 3 attempts \
         in 10 secs): user=<x>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1, session=<q>";
    assert_eq!(counts("dovecot", &[dovecot]), [3]);
}

#[test]
fn the_last_message_repeated() {
    let of = |file: &str, words: &str| format!("{file}\tMar 30 02:16:17 host sshd[4242]: {words}");
    let last = "Mar 30 02:16:20 host last message repeated 3 times";
    let freebsd = "Mar 30 02:16:20 host syslogd: last message repeated 3 times";
    for line in [last, freebsd] {
        assert_eq!(counts("sshd", &[FAILED, line, line]), [1, 3, 3], "{line}");
    }
    let (one, two) = (
        of("Mar.log", FAILED),
        "Mar2.log\tMar 30 02:16:20 host last message repeated 3 times",
    );
    assert_eq!(counts("sshd", &[&one, two]), [1, 0]);
    assert_eq!(
        counts("sshd", &[&one, &two.replace("2.log", ".log")]),
        [1, 3]
    );
    for (between, after) in [
        ("Mar 30 02:16:18 host other[1]: x", last),
        (
            "Accepted password for root from 203.0.113.7 port 5 ssh2",
            last,
        ),
        (MAXIMUM, last),
        (FAILED, "Mar 30 02:16:20 two last message repeated 3 times"),
        (
            FAILED,
            "Mar 30 02:16:20 host other[1]: last message repeated 3 times",
        ),
        (FAILED, "last message repeated 3 times"),
        (
            FAILED,
            "Mar 30 02:16:20 host last message repeated 3 times x",
        ),
    ] {
        let found = counts("sshd", &[FAILED, between, after]);
        assert_eq!(found[2], 0, "{between}, {after}");
    }
}

/// Other connections do not push a fresh one out.
#[test]
fn connections_are_remembered() {
    let mut presets = Presets::new(["sshd"]).expect("a preset");
    let mut reader = LineReader::new(Zone::UTC, None);
    let mut lost = 0;
    for i in 0..20_000 {
        let line = |pid: i32, words: &str| format!("Mar 30 02:16:17 host sshd[{pid}]: {words}");
        presets.check(&reader.read(line(i, INVALID).as_bytes()), true);
        if i >= 1000 {
            let line = line(i - 1000, UNKNOWN);
            let hit = presets.check(&reader.read(line.as_bytes()), true);
            lost += u32::from(hit.is_some());
        }
    }
    assert!(lost < 200, "{lost}");
}

/// A session belongs to one connection: nobody else is taken for its client.
#[test]
fn a_session_is_one_connections() {
    let at = |time: &str, pid: u32, words: &str| format!("Mar 30 {time} host sshd[{pid}]: {words}");
    let from = |n: u32| format!("Connection from 203.0.113.{n} port 1 on 192.0.2.1 port 22");
    let locked = "User root not allowed because account is locked";
    let mut many = vec![at("02:16:17", 1, &from(7))];
    many.extend((2..5000).map(|pid| at("02:16:18", pid, &from(8))));
    many.push(at("02:16:19", 1, locked));
    for (lines, expected) in [
        (many, Some("203.0.113.7")),
        // The process is another connection's by now.
        (
            vec![
                at("02:16:17", 1, &from(7)),
                at("02:16:18", 1, &from(8)),
                at("02:16:19", 1, locked),
            ],
            Some("203.0.113.8"),
        ),
        (
            vec![at("02:16:17", 1, locked), at("02:16:29", 1, &from(8))],
            None,
        ),
        (
            vec![at("02:16:17", 1, &from(7)), at("03:16:17", 1, locked)],
            None,
        ),
        (
            vec![
                at("02:16:17", 1, &from(7)),
                at(
                    "02:16:18",
                    1,
                    "Connection closed by 203.0.113.7 port 1 [preauth]",
                ),
                at("02:16:19", 1, locked),
            ],
            None,
        ),
        (
            vec![at("02:16:17", 1, &from(7)), at("02:16:18", 2, locked)],
            None,
        ),
        (
            vec![
                at("02:16:17", 1, &from(7)),
                at("02:16:18", 1, locked).replace(" host ", " other "),
            ],
            None,
        ),
    ] {
        let mut presets = Presets::new(["sshd"]).expect("a preset");
        let mut reader = LineReader::new(Zone::UTC, None);
        let mut found = None;
        for line in &lines {
            let hit = presets.check(&reader.read(line.as_bytes()), true);
            found = hit.map(|hit| hit.address.to_string());
        }
        assert_eq!(found.as_deref(), expected, "{:?}", lines.last());
    }
}
