//! count-ip as a user runs it: rows of arguments, input and expected output.

#[path = "../common/mod.rs"]
mod common;
mod fields;
mod groups;
mod merge;
mod per;
mod slow;
mod state;
mod terminal;
mod threads;
mod times;

use std::process::Command;

use common::feed;
use times::late_message;

/// Runs count-ip; returns standard output, standard error and the exit status.
fn count_ip(arguments: &[&str], input: &[u8]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_count-ip"));
    let outcome = feed(command.args(arguments).env("TZ", "UTC"), input);
    (outcome.out, outcome.err, outcome.status.unwrap())
}

#[test]
fn totals() {
    let rows: &[(&[&str], &str, &str)] = &[
        (
            &[],
            "203.0.113.7\n198.51.100.2\n203.0.113.7\n2001:db8::1\n",
            "203.0.113.7\tcount=2\n198.51.100.2\tcount=1\n2001:db8::1\tcount=1\n",
        ),
        (
            &["--top", "1"],
            "203.0.113.7\n203.0.113.7\n192.0.2.1\n",
            "203.0.113.7\tcount=2\n",
        ),
        (
            &[],
            "::ffff:203.0.113.7\r\n# no\n\n203.0.113.7 ; SBL1\n203.0.113.7",
            "203.0.113.7\tcount=3\n",
        ),
        (
            &[],
            "203.0.113.7\tat=2026-03-30T02:16:17+09:00\n\
             203.0.113.7\tat=2026-03-29T10:00:00Z\n203.0.113.7\n",
            "203.0.113.7\tcount=3\tfirst=2026-03-29T10:00:00+00:00\t\
             last=2026-03-29T17:16:17+00:00\n",
        ),
    ];
    let more: &[(&[&str], &str, &str)] = &[
        (
            &["--min", "2", "--json"],
            "192.0.2.1\n192.0.2.1\n192.0.2.2\n",
            "{\"address\":\"192.0.2.1\",\"count\":2}\n",
        ),
        (
            &["--plain"],
            "192.0.2.1\n192.0.2.2\n192.0.2.2\n",
            "      2 192.0.2.2\n      1 192.0.2.1\n",
        ),
        (
            &["--merge"],
            "192.0.2.1\tcount=20000000\n192.0.2.1\tcount=5\tfirst=2026-03-30T00:00:00Z\t\
             last=2026-03-30T00:00:04Z\n192.0.2.2\n",
            "192.0.2.1\tcount=20000005\tfirst=2026-03-30T00:00:00+00:00\t\
             last=2026-03-30T00:00:04+00:00\n192.0.2.2\tcount=1\n",
        ),
        (
            &["--merge"],
            "192.0.2.1\tcount=16777216\n192.0.2.2\tcount=16777215\n",
            "192.0.2.1\tcount=16777216\n192.0.2.2\tcount=16777215\n",
        ),
        (
            &["--throttle", "10"],
            "192.0.2.1\n192.0.2.1\n192.0.2.2\n",
            "192.0.2.1\tcount=1\n192.0.2.2\tcount=1\n",
        ),
        (
            &[],
            "192.0.2.0/24\n192.0.2.0\n192.0.2.77/24\n{\"address\":\"192.0.2.0\"}\n",
            "192.0.2.0/24\tcount=2\n192.0.2.0\tcount=2\n",
        ),
    ];
    for (arguments, input, expected) in rows.iter().chain(more) {
        let (output, error, status) = count_ip(arguments, input.as_bytes());
        assert_eq!(
            (output.as_str(), error.as_str()),
            (*expected, ""),
            "{arguments:?} {input}"
        );
        assert_eq!(status, 0);
    }
}

/// A row: arguments; events as HOST@SECOND; the output as HOSTxCOUNT:FIRST-LAST, and `late:N` where
/// events came too late.
#[test]
fn windows() {
    for (arguments, events, expected) in [
        ("-n 2", "7@0 8@0 7@9 7@10 7@11", "7x2:0-9 7x2:10-11"),
        ("-n 1", "7@0 7@0", "7x1:0-0 7x1:0-0"),
        // The window slides: it also sees events that a fixed raster would divide.
        ("-n 3 -w 10", "7@0 7@8 7@12 7@14", "7x3:8-14"),
        // Exactly as far apart as allowed; and a second more.
        ("-n 3 -w 10", "7@0 7@8 7@10", "7x3:0-10"),
        ("-n 3 -w 10", "7@0 7@8 7@11", ""),
        ("-n 2 -w 0", "7@5 7@6 7@6", "7x2:6-6"),
        // After a record is printed, its events no longer count.
        ("-n 3 -w 10", "7@0 7@1 7@2 7@3 7@4", "7x3:0-2"),
        ("-n 3 -w 10", "7@0 7@1 7@2 7@3 7@4 7@5", "7x3:0-2 7x3:3-5"),
        // Out of order: counted where it belongs, in the window that ends at the newest.
        ("-n 3 -w 10", "7@9 7@3 7@5", "7x3:3-9"),
        ("-n 3 -w 10", "7@20 7@10 7@15", "7x3:10-20"),
        ("-n 3 -w 10", "7@20 7@9 7@15", "late:1"),
        ("-n 3 -w 10", "7@20 7@9 7@15 7@16", "7x3:15-20 late:1"),
        ("-n 20 -w 10", "7@20 7@9 7@8 8@9 7@20", "late:2"),
        ("-n 3 -w 10 --evidence", "7@20 7@9 7@15", "late:1"),
        (
            "-n 3 -w 10 --state-file {state}",
            "7@20 7@9 7@15 7@16",
            "7x3:15-20 late:1",
        ),
        ("-n 3 -w 10 --prefix4 32,24", "7@20 7@9 8@9 7@15", "late:1"),
        ("-n 4 -w 10", "7@4 7@4 7@4 7@4", "7x4:4-4"),
        // At most once in the time of the throttle.
        ("-n 2 --throttle 10", "7@0 7@5 8@5 7@9 7@10", "7x2:0-10"),
        ("-n 2 --throttle 10", "7@20 7@12 7@10", "7x2:10-20"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state.db");
        let arguments = arguments.replace("{state}", state.to_str().unwrap());
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (output, error, status) = count_ip(&arguments, records(events).as_bytes());
        let mut reports: Vec<_> = output.lines().map(report).collect();
        let late = expected
            .split(' ')
            .find_map(|word| word.strip_prefix("late:"));
        reports.extend(late.map(|late| format!("late:{late}")));
        assert_eq!(reports.join(" "), expected, "{arguments:?} {events}");
        match late {
            // This run is live: they are told when they begin, and at the end.
            Some(late) => assert!(
                error.ends_with(&late_message(late)) && status == 2,
                "{error}"
            ),
            None => assert_eq!(error, "", "{arguments:?} {events}"),
        }
    }
}

/// A row: arguments; events as ADDRESS@SECOND; the output as NETWORK COUNT HOSTS.
#[test]
fn networks() {
    for (arguments, events, expected) in [
        (
            "--prefix4 24 -n 3",
            "1.1@0 1.2@0 2.1@0 1.3@0",
            "203.0.1.0/24 3 -",
        ),
        (
            "--prefix4 24 --hosts 3",
            "1.1@0 1.2@0 1.1@0 2.1@0 1.3@0",
            "203.0.1.0/24 4 3",
        ),
        // Distinct hosts within the window only.
        (
            "--prefix4 24 --hosts 3 -w 10",
            "1.1@0 1.2@5 1.3@11 1.4@12",
            "203.0.1.0/24 3 3",
        ),
        (
            "--prefix4 24 --hosts 3 -w 10",
            "1.1@0 1.2@5 1.1@8 1.3@11",
            "203.0.1.0/24 4 3",
        ),
        // Whichever comes first.
        (
            "--prefix4 24 --hosts 2 -n 3",
            "1.1@0 1.1@0 1.1@0 1.1@0 1.2@0",
            "203.0.1.0/24 3 1; 203.0.1.0/24 2 2",
        ),
        // The smallest network that reaches it is printed; its events do not count for the wider
        // one.
        (
            "--prefix4 24,16 --hosts 3",
            "1.1@0 1.2@0 1.3@0 2.1@0 3.1@0 4.1@0",
            "203.0.1.0/24 3 3; 203.0.0.0/16 3 3",
        ),
        (
            "--prefix4 32,24 -n 2 -w 10",
            "1.1@0 1.1@1 1.2@2 1.3@3",
            "203.0.1.1 2 -; 203.0.1.0/24 2 -",
        ),
        // A network inside the wider one is not printed until the window has passed.
        (
            "--prefix4 24,16 --hosts 2 -w 10",
            "1.1@0 2.1@0 1.2@1 1.3@2",
            "203.0.0.0/16 2 2; 203.0.0.0/16 2 2",
        ),
        (
            "--prefix4 24,16 --hosts 2 -w 10",
            "1.1@0 2.1@0 1.2@20 1.3@21",
            "203.0.0.0/16 2 2; 203.0.1.0/24 2 2",
        ),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let input = records(events).replace("203.0.113.", "203.0.");
        let (output, error, _) = count_ip(&arguments, input.as_bytes());
        let report = |line: &str| {
            let field = |key: &str| {
                line.split('\t')
                    .find_map(|field| field.strip_prefix(key))
                    .unwrap_or("-")
            };
            [
                line.split('\t').next().unwrap(),
                field("count="),
                field("hosts="),
            ]
            .join(" ")
        };
        let reports: Vec<_> = output.lines().map(report).collect();
        assert_eq!(
            (reports.join("; ").as_str(), error.as_str()),
            (expected, ""),
            "{arguments:?} {events}"
        );
    }
    let ipv6 = "2001:db8:0:1::1\n2001:db8:0:2::1\n2001:db8:0:1::2\n2001:db8:0:1:8000::\n";
    let (output, _, _) = count_ip(&["--prefix6", "64,56,48", "--hosts", "3"], ipv6.as_bytes());
    assert!(
        output.starts_with("2001:db8::/56\tcount=3\thosts=3\t"),
        "{output}"
    );
    let (output, _, _) = count_ip(&["--prefix6", "64", "--plain"], ipv6.as_bytes());
    assert_eq!(
        output,
        "      3 2001:db8:0:1::/64\n      1 2001:db8:0:2::/64\n"
    );
}

/// `7@65` is 203.0.113.7 at 65 s after the hour.
fn records(events: &str) -> String {
    let record = |event: &str| {
        let (host, second) = event.split_once('@').unwrap();
        let second: u32 = second.parse().unwrap();
        let (minute, second) = (second / 60, second % 60);
        format!("203.0.113.{host}\tat=2026-03-30T02:{minute:02}:{second:02}Z\n")
    };
    events.split_whitespace().map(record).collect()
}

/// The reverse of [`records`], for a printed record.
fn report(line: &str) -> String {
    let mut fields = line.split('\t');
    let host = fields.next().unwrap().strip_prefix("203.0.113.").unwrap();
    let fields: std::collections::HashMap<_, _> =
        fields.map(|f| f.split_once('=').unwrap()).collect();
    let second = |key: &str| {
        let (_, time) = fields[key].split_once("T02:").unwrap();
        let number = |text: &str| text.parse::<u32>().unwrap();
        number(&time[..2]) * 60 + number(&time[3..5])
    };
    let (first, last) = (second("first"), second("last"));
    format!("{host}x{}:{first}-{last}", fields["count"])
}

#[test]
fn the_deciding_record_passes_its_fields() {
    let input =
        "203.0.113.7\trule=a\n203.0.113.7\tat=2026-03-30T02:16:17Z\trule=b\tcount=9\tx=\\t\n";
    let (output, _, status) = count_ip(&["-n", "2"], input.as_bytes());
    let begin = "203.0.113.7\tat=2026-03-30T02:16:17Z\trule=b\tx=\\t\tcount=2\t\
                 first=2026-03-30T02:16:17+00:00\tlast=2";
    assert!(output.starts_with(begin), "{output}");
    assert_eq!((output.lines().count(), status), (1, 0));
}

#[test]
fn evidence() {
    let input =
        "203.0.113.7\tline=a\n203.0.113.7\tline=b\tline=c\n203.0.113.7\n203.0.113.7\tline=d\\t\n";
    let lines = |arguments: &[&str]| {
        let (output, _, _) = count_ip(arguments, input.as_bytes());
        let fields: Vec<_> = output
            .trim_end()
            .split('\t')
            .filter(|f| f.starts_with("line="))
            .map(str::to_string)
            .collect();
        fields.join(" ")
    };
    // The latest lines, at most as many as the threshold; without the flag, those of the deciding
    // record.
    assert_eq!(
        lines(&["-n", "4", "--evidence"]),
        "line=a line=b line=c line=d\\t"
    );
    assert_eq!(lines(&["-n", "3", "--evidence"]), "line=a line=b line=c");
    assert_eq!(lines(&["-n", "4"]), "line=d\\t");
    // A bare address may decide.
    let bare = "203.0.113.7\tline=a\n203.0.113.7\n198.51.100.200\n198.51.100.201\n\
                198.51.100.202\n198.51.100.203\n";
    let (output, _, _) = count_ip(&["-n", "2", "--evidence"], bare.as_bytes());
    assert!(output.ends_with("\tline=a\n"), "{output}");
}

#[test]
fn statuses_and_messages() {
    for (arguments, input, message, status) in [
        (&["-n", "3"][..], "203.0.113.7\n", "", 1),
        (&[], "# nothing\n", "", 1),
        (
            &[],
            "foo\n203.0.113.7\n",
            "count-ip: standard input:1: not an address: \"foo\"\n",
            2,
        ),
        (
            &["-n", "1"],
            "203.0.113.7\tat=yesterday\n",
            "count-ip: standard input:1: at= is no RFC 3339 time with an offset\n",
            2,
        ),
        (
            &["/nonexistent"],
            "",
            "count-ip: /nonexistent: No such file or directory\n",
            2,
        ),
    ] {
        let (_, error, got) = count_ip(arguments, input.as_bytes());
        assert_eq!(
            (error.as_str(), got),
            (message, status),
            "{arguments:?} {input}"
        );
    }
    for arguments in [
        "-n 0",
        "-w 10",
        "-w x -n 3",
        "-n 2 --top 3",
        "-n 2 --plain",
        "-n 2 --min 3",
        "-n 2 -w 3 --merge",
        "--hosts 3",
        "--evidence",
        "--prefix4 24,16",
        "--prefix4 33 -n 2",
        "--plain --json",
        "--max-addresses 0",
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (output, error, status) = count_ip(&arguments, b"");
        assert_eq!(
            (output.as_str(), status, error.lines().count()),
            ("", 2, 1),
            "{arguments:?}: {error}"
        );
        assert!(error.contains("--"), "{error}");
    }
}

#[test]
fn remembered_between_runs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let file = file.to_str().unwrap();
    let one_event = |arguments: &[&str], host: &str| {
        let arguments = [arguments, &["--state-file", file]].concat();
        let (output, error, status) = count_ip(&arguments, host.as_bytes());
        assert_eq!(error, "");
        (output.trim().split('\t').nth(1).map(str::to_string), status)
    };
    // As swatch does it: a process for each event, no newline.
    for round in 0..3 {
        for event in 1..5 {
            assert_eq!(
                one_event(&["-n", "5"], "203.0.113.7"),
                (None, 1),
                "{round} {event}"
            );
            assert_eq!(
                one_event(&["-n", "5", "-w", "1h"], "203.0.113.7"),
                (None, 1)
            );
        }
        assert_eq!(
            one_event(&["-n", "5"], "203.0.113.7"),
            (Some("count=5".into()), 0)
        );
        assert_eq!(
            one_event(&["-n", "5", "-w", "1h"], "203.0.113.7"),
            (Some("count=5".into()), 0)
        );
    }
    assert_eq!(
        one_event(&["--top", "1"], "192.0.2.1"),
        (Some("count=1".into()), 0)
    );
    assert_eq!(
        one_event(&["--top", "1"], "192.0.2.1"),
        (Some("count=2".into()), 0)
    );
}
