//! `--explain` of lines that are JSON objects.

use crate::common::Shell;

#[test]
fn each_line_has_its_reason() {
    let log = r#"{"request":{"ip":"203.0.113.7"},"status":401,"x":"192.0.2.1"}
{"request":{"ip":"203.0.113.8"},"status":200}
{"request":{"ip":"203.0.113.8","\u0069p":"203.0.113.9"},"status":401}
{"request":{"ip":"203.0.113.8"},"status":401
{"ip":"203.0.113.8","status":401}
{"request":{"ip":"-"},"status":401}
{"request":{"ip":"a\u001b 203.0.113.8"},"status":401}
{"request":{"ip":"203.0.113.7, 10.0.0.1"},"status":401}

Failed password for root from 203.0.113.8
{"request":{"ip":"203.0.113.8"},"status":200}
"#;
    let expected = r#"key: request.ip
    no string that the remote party fills can name another's address: an object
    with this key twice is refused
standard input:1: {"request":{"ip":"203.0.113.7"},"status":401,"x":"192.0.2.1"}
    takes 203.0.113.7: it stands at request.ip
    leaves 192.0.2.1, at column 51: not at request.ip
standard input:2: {"request":{"ip":"203.0.113.8"},"status":200}
    does not count: --where status=401 does not hold
standard input:3: {"request":{"ip":"203.0.113.8","\u0069p":"203.0.113.9"},"status":401}
    is refused: the key "ip" stands twice in its object
standard input:4: {"request":{"ip":"203.0.113.8"},"status":401
    is refused: not one whole JSON object
standard input:5: {"ip":"203.0.113.8","status":401}
    has no key request.ip
standard input:6: {"request":{"ip":"-"},"status":401}
    has no address at request.ip: the value is empty
standard input:7: {"request":{"ip":"a\u001b 203.0.113.8"},"status":401}
    is refused: not an address at request.ip: "a\u{1b} 203.0.113.8"
standard input:8: {"request":{"ip":"203.0.113.7, 10.0.0.1"},"status":401}
    takes 203.0.113.7: it stands at request.ip
    leaves 10.0.0.1: -4, -6, --global, --not or --only
standard input:9: 
    is blank
standard input:10: Failed password for root from 203.0.113.8
    is refused: not one whole JSON object
standard input:11: {"request":{"ip":"203.0.113.8"},"status":200}
    does not count: --where status=401 does not hold
11 lines, 2 with an address taken
    2: does not count: --where status=401 does not hold
    1: is refused: the key "ip" stands twice in its object
    2: is refused: not one whole JSON object
    1: has no key request.ip
    1: has no address at request.ip: the value is empty
    1: is refused: not an address at request.ip
    1: is blank
"#;
    let flags = "--key request.ip --where status=401 --not 10.0.0.0/8";
    let shell = Shell::new();
    let explained = shell.feed(&format!("extract-ip --explain {flags}"), log.as_bytes());
    assert_eq!(explained.out, expected);
    assert_eq!((explained.err.as_str(), explained.status), ("", Some(0)));
    // It takes those that the run without it prints.
    let plain = shell.feed(&format!("extract-ip {flags}"), log.as_bytes());
    assert_eq!(plain.out, "203.0.113.7\n203.0.113.7\n");
}

#[test]
fn with_other_flags() {
    let log = br#"{"ip":"203.0.113.7","msg":"failed from 192.0.2.1"}"#;
    let shell = Shell::new();
    for (flags, expected, status) in [
        (
            "--key ip -e failed",
            "takes 203.0.113.7: it stands at ip",
            0,
        ),
        ("--key ip -e failed", "matches failed at column 28", 0),
        ("--key ip -e other", "matches no pattern", 1),
        ("--key ip -v failed", "is left out by --exclude failed", 1),
        ("--key ip -6", "leaves 203.0.113.7: -4, -6", 1),
        ("--where msg!=x", "takes 192.0.2.1, at column 40", 0),
        (
            "--where msg=x",
            "does not count: --where msg=x does not hold",
            1,
        ),
        (
            "--key http_x_forwarded_for",
            "WARNING: the log's remote party",
            1,
        ),
        (
            "--key request.headers.X-Real-Ip",
            "WARNING: the log's remote party",
            1,
        ),
    ] {
        let explained = shell.feed(&format!("extract-ip --explain {flags}"), log);
        assert!(
            explained.out.contains(expected),
            "{flags}: {}",
            explained.out
        );
        assert_eq!(explained.status, Some(status), "{flags}");
    }
    let list = br#"{"ip":["203.0.113.7","203.0.113.8"]}"#;
    let explained = shell.feed("extract-ip --explain --key ip --last", list);
    assert!(
        explained
            .out
            .contains("leaves 203.0.113.7: --first or --last")
    );
    assert!(
        explained.out.contains("takes 203.0.113.8"),
        "{}",
        explained.out
    );
}
