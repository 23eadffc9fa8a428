//! A remote party writes words, a host's name, strings: nothing of it moves program, time or words.

use super::heads::{line, rows};
use super::*;

/// Words that look like something else.
const WORDS: [&str; 23] = [
    "Failed password for root from 203.0.113.7 port 50412 ssh2",
    "sshd[4242]: Failed password for root from 203.0.113.7 port 50412 ssh2",
    "sshd: Failed password for root from 203.0.113.7 port 50412 ssh2",
    "host sshd[4242]: Failed password for root from 203.0.113.7 port 50412 ssh2",
    "Mar 31 02:16:17 host sshd[4242]: Failed password for root from 203.0.113.7 port 5 ssh2",
    "2026-03-31T02:16:17+00:00 host sshd[4242]: Failed password for root from 203.0.113.7",
    "2026-03-31 02:16:17 host sshd[4242]: Failed password for root from 203.0.113.7",
    "[2026-03-31 02:16:17] sshd[4242]: Failed password for root from 203.0.113.7",
    "<38>1 2026-03-31T02:16:17+00:00 host sshd 4242 - - Failed password",
    "1774936977 host sshd[4242]: Failed",
    "2026-03-31T02:16:17Z stdout F Mar 31 02:16:17 host sshd[4242]: Failed",
    "a-1  | Mar 31 02:16:17 host sshd[4242]: Failed",
    "/var/log/auth.log:Mar 31 02:16:17 host sshd[4242]: Failed",
    "/var/log/auth.log\tMar 31 02:16:17 host sshd[4242]: Failed",
    r#"","time":"2020-01-01T00:00:00Z","log":"Mar 31 02:16:17 host sshd[1]: x"#,
    r#"{"log":"Mar 31 02:16:17 host sshd[1]: x\n","time":"2020-01-01T00:00:00Z"}"#,
    r#"" msg="Mar 31 02:16:17 host sshd[1]: x" ts=2020-01-01T00:00:00Z msg="x"#,
    "[ID 800047 auth.info] sshd[1]: x",
    "[01/Jan/2020:00:00:00 +0000] \"GET /\" time=2020-01-01T00:00:00Z t=1577836800",
    "\u{1b}[1mMar 31 02:16:17 host sshd[1]: x",
    "last message repeated 3 times",
    "] sshd[4242]: x",
    "[sshd] Failed password for root from 203.0.113.7 port 50412 ssh2",
];

/// Names of hosts that look like something else; the DNS has letters, digits, `.`, `-` and `_`.
const HOSTS: [&str; 18] = [
    "sshd",
    "kernel",
    "mar",
    "mon",
    "am",
    "pm",
    "z",
    "utc",
    "3",
    "2025",
    "1774836977",
    "02",
    "auth.info",
    "203.0.113.7",
    "-",
    "a.b",
    "t",
    "log",
];

fn escaped(head: &str, text: &str) -> String {
    match head.contains("MSG") {
        true => text
            .replace('\\', r"\\")
            .replace('"', "\\\"")
            .replace('\t', "\\t"),
        false => text.to_string(),
    }
}

#[test]
fn words_stay_words() {
    for (name, head) in rows() {
        for pid in ["-", "7"] {
            let plain = line(head, "other", pid, "text");
            let mut calm = reader();
            let calm = calm.read(plain.as_bytes());
            for words in WORDS {
                let text = line(head, "other", pid, &escaped(head, words));
                let mut reader = reader();
                let read = reader.read(text.as_bytes());
                if head.is_empty() {
                    continue; // a line that is a remote party's from its beginning on
                }
                assert_eq!(shown(read.program), shown(calm.program), "{name}: {text}");
                assert_eq!(shown(read.pid), shown(calm.pid), "{name}: {text}");
                assert_eq!(shown(read.host), shown(calm.host), "{name}: {text}");
                assert_eq!(read.time, calm.time, "{name}: {text}");
                assert!(read.text.ends_with(words.as_bytes()), "{name}: {text}");
                assert!(words.as_bytes().ends_with(read.words()), "{name}: {text}");
            }
        }
    }
}

#[test]
fn hosts_stay_hosts() {
    for (name, head) in rows() {
        for host in HOSTS {
            let named = head.replace(" host ", &format!(" {host} "));
            if named == head {
                continue;
            }
            let plain = line(head, "other", "7", "text");
            let mut calm = reader();
            let calm = calm.read(plain.as_bytes());
            let text = line(&named, "other", "7", "text");
            let mut reader = reader();
            let read = reader.read(text.as_bytes());
            if name == "host twice (relay)" || name.starts_with("UniFi") {
                // Two hosts of different names are none.
                assert!(
                    read.program.is_none() || read.program == calm.program,
                    "{text}"
                );
            } else {
                assert_eq!(shown(read.program), shown(calm.program), "{name}: {text}");
                assert_eq!(read.words(), calm.words(), "{name}: {text}");
            }
            assert_eq!(read.time, calm.time, "{name}: {text}");
        }
    }
}

#[test]
fn a_journal_entry() {
    let entry = |message: &str| {
        format!(
            r#"{{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1774836977123456","_HOSTNAME":"host",{}}}"#,
            format_args!(r#""MESSAGE":{message},"SYSLOG_IDENTIFIER":"other","_PID":"7""#)
        )
    };
    for words in WORDS {
        let message = format!("\"{}\"", escaped("MSG", words).replace('\u{1b}', "\\u001b"));
        let text = entry(&message);
        let mut reader = reader();
        let read = reader.read(text.as_bytes());
        assert_eq!(shown(read.program), "other", "{text}");
        assert_eq!(
            (shown(read.host), shown(read.pid)),
            ("host".into(), "7".into())
        );
        assert_eq!(read.time, time("2026-03-30T02:16:17.123456Z"), "{text}");
        assert_eq!(read.text, words.as_bytes());
    }
    for (message, text) in [
        ("[104,105,255]", &b"hi\xff"[..]),
        (r#"["a\"b","c"]"#, b"a\"b"),
    ] {
        let entry = entry(message);
        let mut reader = reader();
        assert_eq!(reader.read(entry.as_bytes()).text, text);
    }
    // A key twice, or more behind the object, is no entry.
    for wrong in [
        entry("\"x\"").replace("\"_PID\"", "\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\""),
        entry("\"x\"") + " x",
        entry("[104,1050]"),
    ] {
        let mut reader = reader();
        let read = reader.read(wrong.as_bytes());
        assert_eq!(
            (read.program, read.text),
            (None, wrong.as_bytes()),
            "{wrong}"
        );
    }
}

/// A piece of a line that was cut begins with bytes that a remote party may have chosen.
#[test]
fn pieces_of_lines() {
    let long = format!("Mar 30 02:16:17 host other[7]: {}", "x".repeat(8000));
    let forged = "Mar 30 02:16:17 host sshd[1]: Failed password for root from 203.0.113.7";
    let cri = |tag: &str, stream: &str, text: &str| {
        format!("2026-03-30T02:16:17.123456789Z {stream} {tag} {text}")
    };
    let docker = |end: &str, stream: &str, text: &str| {
        format!(r#"{{"log":"{text}{end}","stream":"{stream}","time":"2026-03-30T02:16:17Z"}}"#)
    };
    type Make<'a> = &'a dyn Fn(&str, &str, &str) -> String;
    for (make, part, end) in [(&cri as Make, "P", "F"), (&docker as Make, "", r"\n")] {
        let program = |reader: &mut LineReader, text: String| {
            let read = reader.read(text.as_bytes());
            (shown(read.program), read.continues)
        };
        let mut reader = reader();
        let mut check = |tag: &str, stream: &str, text: &str, expected: &str, continues: bool| {
            let text = make(tag, stream, text);
            assert_eq!(
                program(&mut reader, text.clone()),
                (expected.into(), continues),
                "{text}"
            );
        };
        check(part, "stdout", &long, "other", false);
        check(end, "stderr", forged, "sshd", false); // the other stream
        check(part, "stdout", forged, "-", true);
        check(end, "stdout", forged, "-", true);
        check(end, "stdout", forged, "sshd", false);
        // Words without a head that are not at their end.
        check(part, "stdout", "login of ", "-", false);
        check(end, "stdout", forged, "-", true);
        // Short pieces with heads of their own are lines.
        check(part, "stdout", forged, "sshd", false);
        check(part, "stdout", forged, "sshd", false);
        check(part, "stdout", "words", "-", true);
        check(end, "stdout", forged, "-", true);
        check(end, "stdout", forged, "sshd", false);
    }
}

/// Behind a raw newline there is no head.
#[test]
fn continuations() {
    let mut reader = reader();
    assert!(!reader.read(b"Failed password for x").headed);
    assert!(reader.read(b"Mar 30 02:16:17 host other: x").headed);
    for words in [
        "Failed password for root from 203.0.113.7",
        "sshd[1]: Failed",
        "x\tsshd: y",
    ] {
        let read = reader.read(words.as_bytes());
        assert_eq!((read.program, read.headed), (None, true), "{words}");
    }
    // Nor does a file's name begin one in a log that has none.
    let read = reader.read(b"x:Mar 30 02:16:17 host sshd[1]: y");
    assert_eq!((read.program, read.file), (None, None));
    reader.begin_file();
    assert!(!reader.read(b"Failed password for x").headed);
}
