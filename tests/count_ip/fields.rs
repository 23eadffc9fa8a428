//! `--distinct`, `--by` and `--forgive` as a user sees them.

use crate::common::Shell;
use crate::count_ip;

/// `7@65 alice` is a failure of alice at 203.0.113.7, 65 s after midnight; `+` marks a success.
fn records(events: &str) -> String {
    let record = |event: &str| {
        let (event, success) = match event.strip_suffix('+') {
            Some(event) => (event, "\tsuccess=yes"),
            None => (event, ""),
        };
        let (when, user) = event.split_once('/').unwrap();
        let (host, second) = when.split_once('@').unwrap();
        let second: u32 = second.parse().unwrap();
        let (minute, second) = (second / 60, second % 60);
        let user = match user {
            "" => String::new(),
            user => format!("\tuser={user}"),
        };
        format!("203.0.113.{host}\tat=2026-03-30T00:{minute:02}:{second:02}Z{user}{success}\n")
    };
    events.split_whitespace().map(record).collect()
}

/// A printed record as HOSTxCOUNT:DISTINCT:USER.
fn report(line: &str) -> String {
    let field = |key: &str| {
        let mut fields = line.split('\t');
        fields
            .find_map(|f| f.strip_prefix(key))
            .unwrap_or("-")
            .to_string()
    };
    let host = line.split('\t').next().unwrap().replace("203.0.113.", "");
    format!(
        "{host}x{}:{}:{}",
        field("count="),
        field("distinct="),
        field("user=")
    )
}

const FORGIVE: &str = "--forgive success=yes";

/// A row: arguments; events; the records.
#[test]
fn thresholds() {
    for (arguments, events, expected) in [
        // The one who tries several names, not the one who tries one name often.
        (
            "--distinct user -n 3 -w 60",
            "7@0/a 7@1/a 7@2/a 8@3/a 7@4/b 8@5/b 7@6/c 7@7/a",
            "7x5:3:c",
        ),
        ("--distinct user -n 2 -w 5", "7@0/a 7@6/b 7@11/c", "7x2:2:c"),
        (
            "--distinct user -n 2 --prefix4 24",
            "7@0/a 8@0/b",
            "0/24x2:2:b",
        ),
        ("--distinct address -n 2", "7@0/a 8@0/a", ""),
        // An event without the field does not count.
        ("--distinct user -n 2", "7@0/a 7@1/ 7@2/b", "7x2:2:b"),
        // A spray on one account: all who took part, then each further one once.
        (
            "--by user --distinct address -n 3 -w 60",
            "1@0/r 2@1/r 2@2/r 9@3/x 3@4/r 4@5/r 3@6/r 4@7/r 5@8/r",
            "1x1:3:r 2x2:3:r 3x1:3:r 4x1:3:r 5x1:3:r",
        ),
        // Until the window is quiet.
        (
            "--by user --distinct address -n 2 -w 10",
            "1@0/r 2@1/r 3@11/r 4@22/r 5@33/r 6@40/r",
            "1x1:2:r 2x1:2:r 3x1:2:r 5x1:2:r 6x1:2:r",
        ),
        (
            "--by user -n 3",
            "1@0/r 1@1/r 2@2/r 1@3/s 3@4/r",
            "1x2:-:r 2x1:-:r 3x1:-:r",
        ),
        // Three mistakes and a success; the success forgives what was before it, once.
        ("-n 4 -w 600", "7@0/a 7@1/a 7@2/a 7@3/a+", ""),
        (
            &format!("-n 4 -w 600 {FORGIVE}"),
            "7@0/a 7@1/a 7@2/a 7@3/a+ 7@4/a 7@5/a 7@6/a",
            "",
        ),
        (
            &format!("-n 4 -w 600 {FORGIVE}"),
            "7@0/a 7@1/a 7@2/a 7@3/a+ 7@4/a 7@5/a 7@6/a 7@7/a+ 7@8/a",
            "7x4:-:a",
        ),
        (
            &format!("-n 4 -w 60 {FORGIVE}"),
            "7@0/a 7@1/a 7@2/a 7@3/a+ 7@4/a 7@70/a 7@71/a 7@72/a 7@73/a+ 7@74/a",
            "",
        ),
        // Not the failures of others, nor those at other addresses, nor those without a user.
        (
            &format!("-n 3 {FORGIVE}"),
            "7@0/b 7@1/c 7@2/a+ 7@3/d",
            "7x3:-:d",
        ),
        (
            &format!("-n 3 {FORGIVE}"),
            "7@0/a 7@1/a 8@2/a+ 7@3/a",
            "7x3:-:a",
        ),
        (
            &format!("-n 3 {FORGIVE}"),
            "7@0/ 7@1/ 7@2/+ 7@3/",
            "7x3:-:-",
        ),
        // A spray does not touch the address at which its victim works.
        (
            &format!("--by user --distinct address -n 3 -w 600 {FORGIVE}"),
            "9@0/r 9@1/r+ 1@2/r 2@3/r 9@4/r 3@5/r 9@6/r 4@7/r",
            "1x1:3:r 2x1:3:r 3x1:3:r 4x1:3:r",
        ),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (output, error, _) = count_ip(&arguments, records(events).as_bytes());
        let reports: Vec<_> = output.lines().map(report).collect();
        assert_eq!(
            reports.join(" "),
            expected,
            "{arguments:?} {events} {error}"
        );
    }
}

/// An adversary with one valid account gains nothing for other names, and for his own one window's
/// number of tries more: 2 * 4 failures in ten minutes at a threshold of 5, in place of 4.
#[test]
fn an_adversary_with_an_account() {
    let mut random = fastrand::Rng::with_seed(1);
    let rule = ["-n", "5", "-w", "600", "--forgive", "success=yes"];
    for _ in 0..20 {
        // A success of his own after each try for other names: the record comes as without.
        let mut events = String::new();
        for second in 0..5 {
            events += &format!(
                "7@{}/victim{} 7@{}/own+ ",
                2 * second,
                random.u8(..3),
                2 * second + 1
            );
        }
        let (output, _, _) = count_ip(&rule, records(&events).as_bytes());
        assert_eq!(output.lines().count(), 1, "{events}");
    }
    let tries = |number: usize| {
        let own = (0..number).map(|i| format!("7@{}/own 7@{}/own+ ", 8 * i, 8 * i + 1));
        let (output, _, _) = count_ip(&rule, records(&own.collect::<String>()).as_bytes());
        output.lines().count()
    };
    // The first success forgives one failure; later ones forgive nothing in this window.
    assert_eq!((tries(5), tries(6)), (0, 1));
    let best = "7@0/own 7@1/own 7@2/own 7@3/own 7@4/own+ 7@5/own 7@6/own 7@7/own 7@8/own";
    let (output, _, _) = count_ip(&rule, records(best).as_bytes());
    assert_eq!(output, "");
    let (output, _, _) = count_ip(&rule, records(&format!("{best} 7@9/own")).as_bytes());
    assert_eq!(output.lines().count(), 1);
}

#[test]
fn messages() {
    let without = "count-ip: input: records without user=, which do not count: 2\n";
    let passed = "count-ip: input: records with success=yes are no failures: \
                  they do not count (see --forgive)\n";
    let nobody = "count-ip: input: a success without user= forgives nothing \
                  (extract-ip --with user)\n";
    for (arguments, events, expected) in [
        ("--distinct user -n 9", "7@0/ 8@1/ 7@2/a", without),
        ("--by user -n 9", "7@0/ 8@1/ 7@2/a", without),
        ("--by user", "7@0/ 8@1/ 7@2/a", without),
        ("-n 9", "7@0/a+ 7@1/a+ 7@2/a", passed),
        ("-n 9 -w 60", "7@0/a+ 7@1/a+ 7@2/a", passed),
        ("-n 9 --forgive rule=x", "7@0/a+ 7@1/a+ 7@2/a", passed),
        ("-n 9 --forgive success=yes", "7@0/a+ 7@1/a+ 7@2/a", ""),
        ("-n 9 --forgive success=yes", "7@0/+ 7@1/+ 7@2/", nobody),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (_, error, status) = count_ip(&arguments, records(events).as_bytes());
        assert_eq!(error, expected, "{arguments:?}");
        assert_ne!(status, 2);
    }
    for arguments in [
        "--distinct user",
        "--forgive success=yes",
        "--by user --prefix4 24",
        "--distinct user --hosts 3 --prefix4 24",
        "--distinct user -n 3 --prefix4 24,16",
        "--by a=b",
        "--forgive success -n 3",
        "--distinct user --merge -n 3",
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (output, error, status) = count_ip(&arguments, b"");
        assert_eq!((output.as_str(), status), ("", 2), "{arguments:?}");
        assert!(error.starts_with("count-ip: usage: "), "{error}");
    }
}

/// The network itself is the record, and begins again at 0.
#[test]
fn by_net() {
    let mut input = String::new();
    for i in 0..7 {
        input += &format!("203.0.113.{i}\tnet=203.0.112.0/22\n198.51.100.{i}\tnet=odd\n");
    }
    let (output, error, _) = count_ip(&["--by", "net", "-n", "3"], input.as_bytes());
    let begin = "203.0.112.0/22\tnet=203.0.112.0/22\tcount=3\t";
    assert!(
        output.lines().all(|line| line.starts_with(begin)),
        "{output}"
    );
    assert_eq!(output.lines().count(), 2);
    assert!(
        error.ends_with("records without net=, which do not count: 7\n"),
        "{error}"
    );
}

/// Evidence is of the address that is printed, at most as many lines as the threshold.
#[test]
fn evidence() {
    let input = "192.0.2.1\tuser=r\tline=a\n192.0.2.2\tuser=r\tline=b\n192.0.2.3\tuser=r\tline=c\n\
                 192.0.2.4\tuser=r\tline=d\n";
    let rule = [
        "--by",
        "user",
        "--distinct",
        "address",
        "-n",
        "3",
        "--evidence",
    ];
    let (output, _, _) = count_ip(&rule, input.as_bytes());
    let lines: Vec<_> = output
        .lines()
        .map(|l| l.rsplit('\t').next().unwrap())
        .collect();
    assert_eq!(lines, ["line=a", "line=b", "line=c", "line=d"], "{output}");
    let (output, _, _) = count_ip(
        &["--distinct", "path", "-n", "2", "--evidence"],
        b"192.0.2.1\tpath=/1\tline=a\n192.0.2.1\tpath=/1\tline=b\n192.0.2.1\tpath=/2\tline=c\n",
    );
    assert!(output.ends_with("\tline=b\tline=c\n"), "{output}");
}

#[test]
fn totals_by_a_field() {
    let input = "192.0.2.1\tuser=root\n192.0.2.2\tuser=root\n192.0.2.1\tuser=root\n\
                 192.0.2.1\tuser=a\\tb\n{\"address\":\"192.0.2.9\",\"user\":\"a\\tb\"}\n\
                 2001:db8::1\tuser=192.0.2.1\tat=2026-03-30T00:00:00Z\n";
    let time = "2026-03-30T00:00:00+00:00";
    let own = format!("user=192.0.2.1\tcount=1\taddresses=1\tfirst={time}\tlast={time}\n");
    let root = "user=root\tcount=3\taddresses=2\n";
    let odd = "user=a\\tb\tcount=2\taddresses=2\n";
    let json = "{\"addresses\":2,\"count\":3,\"user\":\"root\"}\n";
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.db");
    let state = state.to_str().unwrap();
    for (arguments, expected) in [
        (&["--by", "user"][..], format!("{root}{odd}{own}")),
        (&["--by", "user", "--top", "1"], root.into()),
        (&["--by", "user", "--min", "2"], format!("{root}{odd}")),
        (&["--by", "user", "--min", "3", "--json"], json.into()),
        (
            &["--by", "user", "--plain", "--top", "1"],
            "      3 user=root\n".into(),
        ),
        (
            &["--by", "user", "--top", "2", "--state-file", state],
            format!("{root}{odd}"),
        ),
        (
            &["--by", "user", "--top", "1", "--state-file", state],
            root.replace("count=3", "count=6"),
        ),
    ] {
        let (output, error, status) = count_ip(arguments, input.as_bytes());
        assert_eq!(
            (output, error.as_str(), status),
            (expected, "", 0),
            "{arguments:?}"
        );
    }
    // No tool takes such a total for a record.
    let (output, error, _) = count_ip(&[], root.as_bytes());
    assert_eq!((output.as_str(), error.lines().count()), ("", 1));
    let merged = "192.0.2.1\tuser=root\tcount=40\n192.0.2.2\tuser=root\tcount=2\n";
    let (output, _, _) = count_ip(&["--by", "user", "--merge"], merged.as_bytes());
    assert_eq!(output, "user=root\tcount=42\taddresses=2\n");
}

/// A million names of one attacker, and one of each of many: the memory is bounded, an attacker
/// who goes on is found.
#[test]
fn hostile_names_are_bounded() {
    let mut text = String::new();
    for i in 0..200_000 {
        text += &format!("192.0.2.1\tuser=name-of-a-user-that-never-was-{i}\n");
        if i % 2_000 == 0 {
            text += &format!("198.51.100.7\tuser=u{i}\n");
        }
    }
    let rule = ["--distinct", "user", "-n", "50", "--max-addresses", "100"];
    let (output, error, _) = count_ip(&rule, text.as_bytes());
    let of = |address: &str| {
        output
            .lines()
            .filter(|line| line.starts_with(address))
            .count()
    };
    assert_eq!(
        (of("192.0.2.1\t"), of("198.51.100.7\t"), error.as_str()),
        (4_000, 2, "")
    );
    let rule = ["--by", "user", "-n", "3", "--max-addresses", "1000"];
    let mut text = String::new();
    for i in 0..100_000 {
        text += &format!("192.0.2.1\tuser={i}\n");
        if i % 400 == 0 {
            text += "192.0.2.1\tuser=root\n";
        }
    }
    let (output, error, _) = count_ip(&rule, text.as_bytes());
    assert!(
        output.starts_with("192.0.2.1\tuser=root\tcount=3\t"),
        "{output}"
    );
    assert!(error.starts_with("count-ip: memory: 1000 "), "{error}");
}

/// Values fill the memory and no more: nothing is held twice while it is sorted and printed.
#[test]
fn values_without_end() {
    let shell = Shell::new();
    let record = |n: u32| format!("203.0.113.{}\tuser=u{}\n", n % 250, n * 997);
    let records: String = (0..1_000_000).map(record).collect();
    let bounded = shell.feed("ulimit -v 270000; count-ip --by user", records.as_bytes());
    let told = "times an address was let go, and its count with it";
    assert!(bounded.err.contains(told), "{}", bounded.err);
    assert_eq!(bounded.status, Some(2));
    assert!(bounded.out.lines().count() > 500_000);
}
