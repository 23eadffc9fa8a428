//! Records in the order of time, and records of some time.

use std::io::Write;

use crate::common::{Outcome, Shell};

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("a Vec takes it");
    gzip.finish().expect("a Vec takes it")
}

fn write(shell: &Shell, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(shell.path(name), text).expect("a file of the test's own");
}

/// Runs a script among the files of the test.
fn run(shell: &Shell, script: &str) -> Outcome {
    shell.run(&format!(
        "cd {} && {{ {script}\n}}",
        shell.path("").display()
    ))
}

/// A line of each minute from `first` on, with the number of the minute in the address.
fn minutes(range: std::ops::Range<u32>) -> String {
    let line = |n: u32| {
        let (day, hour, minute) = (1 + n / 1440, n / 60 % 24, n % 60);
        format!(
            "2026-03-{day:02}T{hour:02}:{minute:02}:00Z host x[1]: from 10.0.{}.{}\n",
            n / 256,
            n % 256
        )
    };
    range.map(line).collect()
}

fn addresses(range: std::ops::Range<u32>) -> String {
    range
        .map(|n| format!("10.0.{}.{}\n", n / 256, n % 256))
        .collect()
}

/// The first word of each line.
fn first_words(text: &str) -> String {
    let words = text.lines().filter_map(|line| line.split('\t').next());
    words.flat_map(|word| [word, "\n"]).collect()
}

/// The shell's order has the newest file first.
#[test]
fn rotated_files_are_read_oldest_first() {
    let shell = Shell::new();
    write(&shell, "log", minutes(6000..9000));
    write(&shell, "log.1", minutes(3000..6000));
    write(&shell, "log.2.gz", gzip(&minutes(0..3000)));
    let outcome = run(&shell, "extract-ip --time log log.1 log.2.gz");
    assert_eq!((outcome.err.as_str(), outcome.status), ("", Some(0)));
    assert_eq!(first_words(&outcome.out), addresses(0..9000));
    // Without --time it is the order of the operands.
    let outcome = run(&shell, "extract-ip log log.1 log.2.gz");
    let plain = addresses(6000..9000) + &addresses(3000..6000) + &addresses(0..3000);
    assert_eq!(outcome.out, plain);
    // As JSON, too.
    let outcome = run(
        &shell,
        "extract-ip --json --time log log.1 log.2.gz | tail -n 1",
    );
    assert!(outcome.out.contains("\"10.0.35.39\""), "{}", outcome.out);
    // A burst across a rotation counts.
    let burst = "extract-ip --time log log.1 | count-ip --threshold 1000 --within 17h --prefix4 16";
    assert_eq!(run(&shell, burst).out.lines().count(), 6);
}

/// Files that overlap are merged; the order inside a file stays as it is.
#[test]
fn files_of_one_time_are_merged() {
    let shell = Shell::new();
    let (mut even, mut odd) = (String::new(), String::new());
    for (n, line) in minutes(0..8000).lines().enumerate() {
        let file = if n % 2 == 0 { &mut even } else { &mut odd };
        *file += &format!("{line}\n");
    }
    write(&shell, "even", &even);
    write(&shell, "odd", &odd);
    // It begins in their midst, and is out of order by itself.
    write(
        &shell,
        "late",
        &(minutes(5000..5010) + &minutes(4000..4010)),
    );
    write(&shell, "none", "from 192.0.2.1, without a time\n");
    let outcome = run(&shell, "extract-ip --time none late odd even");
    assert_eq!(
        outcome.err,
        "extract-ip: --time: 1 line has no time stamp; there the record has no at=\n"
    );
    let expected = addresses(0..5000)
        + &(5000..5010)
            .map(|n| addresses(n..n + 1).repeat(2))
            .collect::<String>();
    let out = first_words(&outcome.out);
    assert_eq!(out.lines().count(), 8021);
    assert!(out.starts_with(&addresses(0..5000)));
    let of_late: Vec<_> = out.lines().skip(5000).take(40).collect();
    assert!(
        expected
            .lines()
            .skip(5000)
            .all(|line| of_late.contains(&line)),
        "{of_late:?}"
    );
    assert!(out.contains(&addresses(4000..4010)[..]));
    assert!(out.ends_with("192.0.2.1\n"));
    // Sessions, counts and files that can't be read are as ever.
    let outcome = run(&shell, "extract-ip --time late missing odd");
    assert_eq!(outcome.status, Some(2));
    assert_eq!(first_words(&outcome.out).lines().count(), 4020);
}

#[test]
fn since_and_until() {
    let shell = Shell::new();
    write(&shell, "log", minutes(0..30_000));
    for (flags, range) in [
        ("--since 2026-03-05T00:00:00Z", 5760..30_000),
        ("--until 2026-03-05T00:00:00Z", 0..5761),
        (
            "--since 2026-03-05T00:00:00Z --until 2026-03-05T01:00:00Z",
            5760..5821,
        ),
        ("--since 2026-03-21T20:00:00Z", 30_000..30_000),
    ] {
        let expected = addresses(range);
        for input in ["log", "< log", "- < log"] {
            let outcome = run(&shell, &format!("extract-ip {flags} {input}"));
            assert_eq!(outcome.out, expected, "{flags} {input}");
            assert_eq!(
                outcome.status,
                Some(i32::from(expected.is_empty())),
                "{flags} {input}"
            );
        }
        let outcome = run(&shell, &format!("extract-ip --time {flags} log | cut -f 1"));
        assert_eq!(outcome.out, expected, "{flags}");
    }
    // A line that begins as compressed data does is text where it is entered.
    let text = minutes(0..3000) + &"BZh91AY from 192.0.2.7\n".repeat(10_000) + &minutes(3000..6000);
    write(&shell, "odd", &text);
    let outcome = run(&shell, "extract-ip --since 2026-03-03T03:00:00Z odd");
    assert_eq!(outcome.out, addresses(3060..6000));
    // A line without a time is of no time.
    write(
        &shell,
        "timeless",
        "from 192.0.2.1\n2026-03-05T00:00:00Z from 192.0.2.2\n",
    );
    let outcome = run(&shell, "extract-ip --since 2026-03-01T00:00:00Z timeless");
    assert_eq!(outcome.out, "192.0.2.2\n");
    let note = "extract-ip: --since, --until: 1 line has no time stamp, and was left out\n";
    assert_eq!(outcome.err, note);
    // Live it is of the present.
    let outcome = run(&shell, "cat timeless | extract-ip --since 1h");
    assert_eq!(outcome.out, "192.0.2.1\n");
    for (flags, what) in [
        ("--since soon", "--since: not a time such as"),
        ("--until 25:00", "--until: not a time such as"),
        ("--since 1h --until 2h", "is before --since"),
    ] {
        let outcome = run(&shell, &format!("extract-ip {flags} log"));
        assert_eq!(
            (outcome.out.as_str(), outcome.status),
            ("", Some(2)),
            "{flags}"
        );
        assert!(outcome.err.contains(what), "{}", outcome.err);
    }
}

/// `--time` reads the date that the filter's own pattern has found, in the form that it says; and
/// `<F-NOFAIL>` is no failure, also where no connection is named.
#[test]
fn the_filters_own_date() {
    let shell = Shell::new();
    for (pattern, stamp, expected) in [
        (
            r"^%%d~%%m~%%Y at %%Hh%%M:%%S",
            "04~03~2026 at 02h16:17",
            "2026-03-04T11:16:17+09:00",
        ),
        // The general reader would take the month for the first number.
        (
            r"%%d/%%m/%%Y %%H:%%M:%%S",
            "04/03/2026 02:16:17",
            "2026-03-04T11:16:17+09:00",
        ),
        (
            r"{^LN-BEG}%%ExY\.%%m\.%%d=%%H:%%M:%%S",
            "2026.03.04=02:16:17",
            "2026-03-04T11:16:17+09:00",
        ),
        (
            r"^\[%%Y-%%m-%%d (?:at )?%%H:%%M:%%S\]",
            "[2026-03-04 02:16:17]",
            "2026-03-04T11:16:17+09:00",
        ),
        ("{^LN-BEG}EPOCH", "1772590577", "2026-03-04T11:16:17+09:00"),
        ("", "2026-03-04 02:16:17", "2026-03-04T11:16:17+09:00"),
    ] {
        let filter = format!(
            r"
[Definition]
failregex = ^\s*<F-NOFAIL>success</F-NOFAIL> of \S+ from <HOST>$
            ^\s*failure of <F-USER>\S+</F-USER> from <HOST>$
datepattern = {pattern}
"
        );
        write(&shell, "own.conf", filter);
        let log = format!(
            "{stamp} failure of bob from 203.0.113.7\n{stamp} success of bob from 203.0.113.8\n"
        );
        write(&shell, "log", log);
        let outcome = run(
            &shell,
            "extract-ip --filter ./own.conf --time --timezone UTC --with user log",
        );
        let found = format!("203.0.113.7\tat={expected}\trule=own/2\tuser=bob\n");
        assert_eq!(
            (outcome.out, outcome.err.as_str()),
            (found, ""),
            "{pattern}"
        );
    }
}
