//! Counts of several runs become one: sums that are too large, fields that do not add up, records of
//! several processes in one pipe.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::count_ip;

#[test]
fn sums_saturate() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.db");
    let state = ["--merge", "--state-file", state.to_str().unwrap()];
    let message = "count-ip: count: 18446744073709551615 stands for that many events or more\n";
    let timed = "\tfirst=2026-03-30T00:00:00Z";
    for (address, more) in [
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
        ("192.0.2.0/24", ""),
        ("192.0.2.1", timed),
    ] {
        let input = format!(
            "{address}\tcount=18446744073709551615{more}\n{address}\tcount=2\n192.0.2.77\n"
        );
        for arguments in [
            &["--merge"][..],
            &["--merge", "-n", "18446744073709551615"],
            &state,
        ] {
            let (output, error, status) = count_ip(arguments, input.as_bytes());
            let begin = format!("{address}\tcount=18446744073709551615");
            assert!(output.starts_with(&begin), "{arguments:?} {input}{output}");
            assert_eq!((error.as_str(), status), (message, 2), "{arguments:?}");
            let _ = std::fs::remove_file(state[2]);
        }
    }
    // From one run to the next.
    for (input, expected) in [
        ("count=9223372036854775807", "count=9223372036854775807"),
        ("count=9223372036854775807", "count=18446744073709551614"),
        ("count=2", "count=18446744073709551615"),
    ] {
        let (output, _, _) = count_ip(&state, format!("192.0.2.1\t{input}\n").as_bytes());
        assert_eq!(output, format!("192.0.2.1\t{expected}\n"));
    }
    let plain = ["--merge", "--plain"];
    let (_, error, status) = count_ip(&plain, b"192.0.2.1\tcount=18446744073709551615\n");
    assert_eq!((error.as_str(), status), (message, 2));
}

/// Said once, and the counts are added up all the same.
#[test]
fn hosts_cannot_be_added_up() {
    let input = b"192.0.2.0/24\tcount=3\thosts=3\n192.0.2.0/24\tcount=4\thosts=2\n";
    let (output, error, status) = count_ip(&["--merge"], input);
    let message = "count-ip: --merge: hosts=, distinct= and the counts of windows cannot be added up; \
                   the sums are of count= only\n";
    assert_eq!(
        (output.as_str(), error.as_str(), status),
        ("192.0.2.0/24\tcount=7\n", message, 0)
    );
    let (_, error, _) = count_ip(&[], input);
    assert_eq!(error, "");
}

/// Totals without the addresses that did not fit are wrong.
#[test]
fn totals_that_let_go_of_addresses_fail() {
    let text = |n: u32| (0..n).map(|i| format!("192.0.2.{i}\n")).collect::<String>();
    let (_, error, status) = count_ip(&["--max-addresses", "10"], text(10).as_bytes());
    assert_eq!((error.as_str(), status), ("", 0));
    let (_, error, status) = count_ip(&["--max-addresses", "10"], text(20).as_bytes());
    assert!(error.contains("times an address was let go"), "{error}");
    assert_eq!(status, 2);
    // A threshold does what it can.
    let arguments = ["--max-addresses", "10", "-n", "1"];
    assert_eq!(count_ip(&arguments, text(20).as_bytes()).2, 0);
}

/// Eight processes print into one pipe, and no record is torn, also not a long one.
#[test]
fn a_shared_pipe() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let long = "x".repeat(3_000);
    let children: Vec<_> = (0..8)
        .map(|process| {
            let mut child = Command::new(env!("CARGO_BIN_EXE_count-ip"))
                .args(["-n", "1"])
                .env("TZ", "UTC")
                .stdin(Stdio::piped())
                .stdout(writer.try_clone().unwrap())
                .spawn()
                .unwrap();
            let mut pipe = child.stdin.take().unwrap();
            let long = long.clone();
            let feeder = std::thread::spawn(move || {
                for i in 0..20_000 {
                    let (c, d) = (i / 250, i % 250);
                    let line = match i % 1_000 {
                        0 => format!("10.{process}.{c}.{d}\tp={process}\tl={long}\n"),
                        _ => format!("10.{process}.{c}.{d}\tp={process}\n"),
                    };
                    pipe.write_all(line.as_bytes()).unwrap();
                }
            });
            (child, feeder)
        })
        .collect();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    for (mut child, feeder) in children {
        feeder.join().unwrap();
        assert!(child.wait().unwrap().success());
    }
    for line in text.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let process = fields[0].split('.').nth(1).unwrap();
        assert_eq!(fields[1], format!("p={process}"), "{line}");
        let (long_field, rest) = match fields.len() {
            6 => (fields[2].len() - 2, &fields[3..]),
            _ => (long.len(), &fields[2..]),
        };
        assert_eq!((long_field, rest.len()), (long.len(), 3), "{line}");
        assert_eq!(rest[2].len(), rest[1].len() - 1, "{line}");
    }
    assert_eq!(text.lines().count(), 8 * 20_000);
}
