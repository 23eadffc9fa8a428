//! Lines that are JSON objects: `--key` and `--where`.

use crate::common::{Outcome, Shell};

fn run(flags: &str, log: &str) -> Outcome {
    Shell::new().feed(&format!("extract-ip {flags}"), log.as_bytes())
}

/// Flags, log, output, status; a record's fields behind a blank.
fn check(rows: &[(&str, &str, &str, i32)]) {
    for (flags, log, expected, status) in rows {
        let shell = Shell::new();
        let outcome = shell.feed(&format!("extract-ip {flags}"), log.as_bytes());
        let out = outcome.out.replace('\t', " ");
        let out = out.lines().collect::<Vec<_>>().join("|");
        assert_eq!(
            (out.as_str(), outcome.status),
            (*expected, Some(*status)),
            "{flags}: {log}: {}",
            outcome.err
        );
    }
}

#[test]
fn the_key_names_the_address() {
    let log = r#"{"remote_addr":"203.0.113.7","request":{"remote_ip":"203.0.113.8","a.b":"203.0.113.9"},"x":"192.0.2.1"}"#;
    check(&[
        ("--key remote_addr", log, "203.0.113.7", 0),
        ("--key request.remote_ip", log, "203.0.113.8", 0),
        (r"--key 'request.a\.b'", log, "203.0.113.9", 0),
        ("--key request.a.b", log, "", 1),
        ("--key remote_ip", log, "", 1),
        ("--key request", log, "", 2),
        ("--key remote_addr --not 203.0.113.0/24", log, "", 1),
        ("--key remote_addr -e 192.0.2.1", log, "203.0.113.7", 0),
        ("--key remote_addr -v 192.0.2.1", log, "", 1),
    ]);
    for (value, expected, status) in [
        (r#""203.0.113.7:50412""#, "203.0.113.7", 0),
        (r#""[2001:DB8::7]:50412""#, "2001:db8::7", 0),
        (r#""[2001:db8::7]""#, "2001:db8::7", 0),
        (r#""::ffff:203.0.113.7""#, "203.0.113.7", 0),
        (r#""fe80::1%eth0""#, "fe80::1", 0),
        (r#""192.0.2.0/24""#, "192.0.2.0/24", 0),
        (r#""\u0032\x303.0.113.7""#, "203.0.113.7", 0),
        (
            r#""203.0.113.7, 198.51.100.9""#,
            "203.0.113.7|198.51.100.9",
            0,
        ),
        (
            r#"["203.0.113.7","198.51.100.9:1"]"#,
            "203.0.113.7|198.51.100.9",
            0,
        ),
        (r#""""#, "", 1),
        (r#""-""#, "", 1),
        ("null", "", 1),
        ("[]", "", 1),
        (r#""unix:""#, "", 2),
        (r#""203.0.113.7 x""#, "", 2),
        (r#""x 203.0.113.7""#, "", 2),
        (r#""203.0.113.7, x""#, "", 2),
        (r#"{"ip":"203.0.113.7"}"#, "", 2),
        ("3405803783", "", 2),
    ] {
        check(&[("--key a", &format!(r#"{{"a":{value}}}"#), expected, status)]);
    }
    let list = r#"{"a":["203.0.113.7","10.0.0.1","2001:db8::1"]}"#;
    check(&[
        ("--key a --first", list, "203.0.113.7", 0),
        ("--key a --last", list, "2001:db8::1", 0),
        ("--key a --last -4", list, "10.0.0.1", 0),
    ]);
}

#[test]
fn conditions_choose_the_objects() {
    let log = "\
{\"ip\":\"203.0.113.1\",\"status\":401,\"user\":\"a\"}
{\"ip\":\"203.0.113.2\",\"status\":\"403\",\"user\":\"b\"}
{\"ip\":\"203.0.113.3\",\"status\":200,\"user\":\"\\u0061\"}
{\"ip\":\"203.0.113.4\"}
";
    check(&[
        ("--key ip --where status=401", log, "203.0.113.1", 0),
        (
            "--key ip --where status=401,403",
            log,
            "203.0.113.1|203.0.113.2",
            0,
        ),
        (
            "--key ip --where status!=200",
            log,
            "203.0.113.1|203.0.113.2|203.0.113.4",
            0,
        ),
        ("--key ip --where user=a", log, "203.0.113.1|203.0.113.3", 0),
        (
            "--key ip --where user=a --where status!=401",
            log,
            "203.0.113.3",
            0,
        ),
        ("--key ip --where status=4", log, "", 1),
        ("--where status=403", log, "203.0.113.2", 0),
    ]);
    for flags in [
        "--where status",
        "--where =1",
        "--key a..b",
        r"--key 'a\x'",
        "--key ip --field 1",
        "--key ip --preset sshd",
        "--key ip -e 'from <IP>'",
        "--key ip --with '@x'",
        "--key ip --with port",
    ] {
        let outcome = run(flags, log);
        assert_eq!(
            (outcome.status, outcome.out.as_str()),
            (Some(2), ""),
            "{flags}"
        );
    }
}

/// Such a line is told, and the others are read on.
#[test]
fn a_line_that_is_not_one_object_is_refused() {
    let log = "\
{\"ip\":\"203.0.113.1\"}
{\"ip\":\"198.51.100.66\"} x
{\"ip\":\"198.51.100.66\"
[{\"ip\":\"198.51.100.66\"}]
198.51.100.66
Mar 30 02:16:17 host other: {\"ip\":\"198.51.100.66\"}

{\"ip\":\"198.51.100.66\",\"ip\":\"203.0.113.9\"}
{\"i\\u0070\":\"198.51.100.66\",\"ip\":\"203.0.113.9\"}
{\"ip\":\"203.0.113.2\",\"x\":1,\"x\":2}
";
    let outcome = run("--key ip", log);
    assert_eq!(outcome.out, "203.0.113.1\n203.0.113.2\n");
    assert_eq!(outcome.status, Some(2));
    let told: Vec<_> = outcome.err.lines().collect();
    assert_eq!(told.len(), 7, "{told:#?}");
    assert_eq!(
        told[0],
        "extract-ip: standard input:2: not one whole JSON object"
    );
    assert_eq!(
        told[6],
        "extract-ip: standard input:9: the key \"ip\" stands twice in its object"
    );
}

#[test]
fn in_carriers() {
    let inner = r#"{"ts":1774836977.25,"ip":"203.0.113.7","status":401}"#;
    let escaped = inner.replace('"', "\\\"");
    let docker =
        format!(r#"{{"log":"{escaped}\n","stream":"stdout","time":"2026-03-30T02:16:18Z"}}"#);
    let journal = format!(
        r#"{{"__REALTIME_TIMESTAMP":"1774836979000000","SYSLOG_IDENTIFIER":"caddy","MESSAGE":"{escaped}"}}"#
    );
    let forged = journal
        .replace("caddy", "other")
        .replace(r#"{\"ts"#, r#"{\"SYSLOG_IDENTIFIER\":\"caddy\",\"ts"#);
    let flags = "--key ip --where status=401 --time --timezone UTC";
    for (line, second) in [
        (inner.to_string(), "17.250"),
        (format!("/var/log/x.json\t{inner}"), "17.250"),
        (format!("x.json:{inner}"), "17.250"),
        (format!("x.json:17:{docker}"), "18"),
        (format!("app-1  | {inner}"), "17.250"),
        (format!("2026-03-30T02:16:20Z stdout F {inner}"), "20"),
        (docker.clone(), "18"),
        (journal.clone(), "19"),
    ] {
        let expected = format!("203.0.113.7 at=2026-03-30T11:16:{second}+09:00");
        check(&[(flags, &line, &expected, 0)]);
        check(&[(
            "--key ip",
            &format!("{inner}\n{line}\n"),
            "203.0.113.7|203.0.113.7",
            0,
        )]);
    }
    // The carrier's keys are its own writer's.
    let by_program = "--key ip --where SYSLOG_IDENTIFIER=caddy";
    check(&[
        (by_program, &journal, "203.0.113.7", 0),
        (by_program, &forged, "", 1),
    ]);
    let words = r#"{"__CURSOR":"x","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"from 203.0.113.8"}"#;
    check(&[
        ("--where SYSLOG_IDENTIFIER=sshd", words, "203.0.113.8", 0),
        ("--key ip", words, "", 1),
    ]);
    // The rest of a line that a container's runtime has cut begins where its client wants.
    let cut = format!(
        r#"{{"log":"{}","time":"2026-03-30T02:16:18Z"}}"#,
        "x".repeat(2000)
    );
    check(&[("--key ip", &format!("{cut}\n{docker}\n"), "", 1)]);
}

#[test]
fn times_and_fields() {
    let flags = "--key a --time --timezone UTC";
    for (member, expected) in [
        (r#""time":"2026-03-30T02:16:17Z""#, "17"),
        (r#""ts":1774836977"#, "17"),
        (r#""ts":1774836977.5"#, "17.500"),
        (r#""ts":1774836977500"#, "17.500"),
        (r#""timestamp":1774836977500000"#, "17.500"),
        (r#""@timestamp":"1774836977500000000""#, "17.500"),
        (r#""__REALTIME_TIMESTAMP":"1774836977500000""#, "17.500"),
        (r#""time_local":"30/Mar/2026:02:16:17 +0000""#, "17"),
        (r#""time":"[30/Mar/2026:02:16:17 +0000]""#, "17"),
        (r#""time":"2026\/03\/30 02:16:17""#, "17"),
        (r#""t":{"$date":"2026-03-30T02:16:17Z"}"#, "17"),
    ] {
        let log = format!(r#"{{"a":"203.0.113.7",{member},"x":"2020-01-01T00:00:00Z"}}"#);
        let expected = format!("203.0.113.7 at=2026-03-30T11:16:{expected}+09:00");
        check(&[(flags, &log, &expected, 0)]);
    }
    check(&[
        (
            "--key a --timezone UTC --since 2026-03-30T02:16:17Z",
            "{\"ts\":1774836976,\"a\":\"203.0.113.1\"}\n{\"ts\":1774836978,\"a\":\"203.0.113.2\"}\n",
            "203.0.113.2 at=2026-03-30T11:16:18+09:00",
            0,
        ),
        (
            "--key a --with user,request.uri,n,none --with file",
            r#"/x/log:{"a":"203.0.113.7","user":"a\tb","request":{"uri":"\/"},"n":[1, 2],"file":"y"}"#,
            r"203.0.113.7 user=a\tb request.uri=/ n=[1, 2] file=/x/log",
            0,
        ),
    ]);
}

/// The text of a string as different writers escape it.
fn escaped(text: &[u8], way: usize) -> Vec<u8> {
    let byte = |b: &u8| match (*b, way) {
        (b'"', 0 | 1) => b"\\\"".to_vec(),
        (b'\\', 0 | 1) => b"\\\\".to_vec(),
        (b'\n', 0) => b"\\n".to_vec(),
        (b, 0) if b < 32 => format!("\\u{b:04x}").into_bytes(),
        // Apache, then nginx.
        (b'\n', 1) => b"\\n".to_vec(),
        (b, 1) if !(32..127).contains(&b) => format!("\\x{b:02x}").into_bytes(),
        (b, 2) if !(32..127).contains(&b) || b"\"\\".contains(&b) => {
            format!("\\x{b:02X}").into_bytes()
        }
        (b, _) => vec![b],
    };
    text.iter().flat_map(byte).collect()
}

/// A remote party fills every string with anything, as the writer escapes it, and never moves the
/// key.
#[test]
fn hostile_strings() {
    let parts: [&[u8]; 24] = [
        b"\"",
        b"\\",
        b"\\\"",
        b"\n",
        b"\r\n",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\",\"",
        b"\"request\":{\"ip\":\"198.51.100.66\"}",
        b"\"ip\":\"198.51.100.66\"",
        b"198.51.100.66",
        b"\"}\n{\"request\":{\"ip\":\"198.51.100.66\"},\"status\":401}\n{\"x\":\"",
        b"\\u0022",
        b"\\x22",
        b"\\",
        b"\0",
        b"\xff\xfe",
        b"\xe2\x80\xa8",
        b"\"status\":401",
        b"\x1b[0m",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let mut log = Vec::new();
    let mut expected = String::new();
    for number in 0..100_000u32 {
        let way = random.usize(..3);
        let mut text = |most: usize| {
            let length = random.usize(..most);
            let text: Vec<u8> = (0..length)
                .flat_map(|_| parts[random.usize(..parts.len())])
                .copied()
                .collect();
            escaped(&text, way)
        };
        let address = format!("203.0.{}.{}", number / 256 % 256, number % 256);
        let fails = number % 3 != 0;
        let (user, path, header, agent) = (text(6), text(6), text(3), text(12));
        for part in [
            &b"{\"user\":\""[..],
            &user,
            b"\",\"request\":{\"path\":\"",
            &path,
            b"\",\"ip\":\"",
            address.as_bytes(),
            b"\",\"headers\":{\"",
            &header,
            b"\":[\"",
            &agent,
            b"\"]}},\"agent\":\"",
            &agent,
            b"\",\"status\":",
            if fails { b"401" } else { b"200" },
            b"}\n",
        ] {
            log.extend_from_slice(part);
        }
        if fails {
            expected += &address;
            expected.push('\n');
        }
    }
    let shell = Shell::new();
    let plain = shell.feed("extract-ip --key request.ip --where status=401", &log);
    assert_eq!(plain.err, "");
    assert!(
        plain.out == expected,
        "other addresses than those of the clients"
    );
    // The same in a container's log.
    let mut carried = Vec::new();
    for line in log.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        carried.extend_from_slice(b"{\"log\":\"");
        carried.extend(escaped(line, 0));
        carried
            .extend_from_slice(b"\\n\",\"stream\":\"stdout\",\"time\":\"2026-03-30T02:16:17Z\"}\n");
    }
    let docker = shell.feed("extract-ip --key request.ip --where status=401", &carried);
    assert_eq!(docker.err, "");
    assert!(
        docker.out == expected,
        "other addresses in a container's log"
    );
}

/// Presets read objects wherever their service writes them, and nowhere else.
#[test]
fn presets_read_objects() {
    let object = |ip: &str| {
        format!(
            r#"{{"level":"info","ts":1774836977.5,"logger":"http.log.access","msg":"handled request","request":{{"remote_ip":"{ip}","uri":"/x","headers":{{"Authorization":["REDACTED"]}}}},"user_id":"","status":401}}"#
        )
    };
    let line = object("203.0.113.7");
    let escaped = line.replace('"', "\\\"");
    let docker =
        format!(r#"{{"log":"{escaped}\n","stream":"stderr","time":"2026-03-30T02:16:18Z"}}"#);
    let journal = format!(
        r#"{{"__REALTIME_TIMESTAMP":"1774836979000000","SYSLOG_IDENTIFIER":"caddy","MESSAGE":"{escaped}"}}"#
    );
    let found = "203.0.113.7 rule=caddy/login path=/x";
    let flags = "--preset caddy --with path";
    let head = |program: &str| format!("Mar 30 02:16:17 host {program}[7]: {line}");
    check(&[
        (flags, &line, found, 0),
        (flags, &head("caddy"), found, 0),
        (flags, &head("other"), "", 1),
        (flags, &docker, found, 0),
        (flags, &journal, found, 0),
        (flags, &journal.replace("caddy", "other"), "", 1),
        (
            flags,
            &line.replace(r#"{"level""#, r#"{"ms\u0067":"x","level""#),
            "",
            1,
        ),
        (flags, &format!("{line} x"), "", 1),
        ("--preset all", &line, "203.0.113.7 rule=caddy/login", 0),
        (
            "--preset caddy --where status=401",
            &line,
            "203.0.113.7 rule=caddy/login",
            0,
        ),
        ("--preset caddy --where status=403", &line, "", 1),
    ]);
    // Behind a raw newline in a log with heads, an object may be a remote party's.
    let forged = format!("Mar 30 02:16:17 host other[7]: x\n{line}\n");
    check(&[("--preset all", &forged, "", 1)]);
    // Text is no object, nor an object text.
    let sshd = "Failed password for root from 198.51.100.66 port 22 ssh2";
    for text in [
        format!(r#"{{"msg":"{sshd}","time":"2026-03-30T02:16:17Z"}}"#),
        format!(r#"{{"time":"2026-03-30T02:16:17Z","remote_addr":"{sshd}","status":401}}"#),
        format!("2026/03/30 02:16:17 [error] {}", object("198.51.100.66")),
        format!("198.51.100.66 - x {} 401 1", object("198.51.100.66")),
    ] {
        check(&[
            ("--preset all", &text, "", 1),
            ("-p sshd,nginx,caddy,apache", &text, "", 1),
        ]);
    }
}

/// A line that was cut counts as one, also where no whole word of it is left.
#[test]
fn lines_behind_one_that_was_cut() {
    let log = format!("{{\"a\":\"192.0.2.7\"}}\n{}\nfoo\n", "x".repeat(2 << 20));
    let outcome = run("--key a", &log);
    let told = "extract-ip: standard input:3: not one whole JSON object";
    assert_eq!(outcome.err.lines().nth(1), Some(told));
}
