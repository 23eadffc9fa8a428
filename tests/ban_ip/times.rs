//! How long a ban lasts, and what is no new one.

use std::io::Write;
use std::process::Stdio;

use pipeban::time::Time;

use crate::common::{Outcome, Shell, field, in_namespace, lengths, run, wait_until};

/// The moment this number of seconds from now, as records print it.
fn time(seconds: i64) -> String {
    Time::from_secs(Time::now().secs() + seconds).to_string()
}

#[test]
fn a_ban_grows_and_never_shrinks() {
    in_namespace("times::a_ban_grows_and_never_shrinks", || {
        let shell = Shell::new();
        let until = |time: &str| format!("printf '203.0.113.7\\tuntil={time}\\n' | ban-ip");
        for (command, printed) in [
            ("ban-ip --for 1h 203.0.113.7".to_owned(), 1),
            ("ban-ip --for 1h 203.0.113.7/32".into(), 0),
            ("ban-ip --for 10m 203.0.113.7".into(), 0),
            ("ban-ip --for 2h 203.0.113.7".into(), 1),
            (until("2001-01-01T00:00:00Z"), 0),
            (until("2099-01-01T00:00:00Z"), 1),
            (until("2098-01-01T00:00:00Z"), 0),
            (until("never"), 1),
            (until("2099-01-01T00:00:00Z"), 0),
            ("ban-ip 203.0.113.7".into(), 0),
            (
                "ban-ip --for 10m 203.0.113.8 203.0.113.8 203.0.113.8".into(),
                1,
            ),
            ("ban-ip 203.0.113.8".into(), 1),
        ] {
            let outcome = shell.run(&command);
            assert_eq!(outcome.out.lines().count(), printed, "{command}");
            assert_eq!(outcome.status, Some(i32::from(printed == 0)), "{command}");
        }
        let list = shell.run("ban-ip --list");
        assert_eq!(field(&list, "until"), ["never", "never"]);
        assert_eq!(field(&list, "only"), ["-", "-"]);
    });
}

#[test]
fn what_was_banned_for_is_no_news() {
    let shell = Shell::new();
    let begin = Time::now().secs();
    let ban = |at: Option<i64>, more: &str| {
        let at = at.map(|seconds| format!("\tat={}", Time::from_secs(begin + seconds)));
        let record = format!("203.0.113.7{}\tcount=5\n", at.unwrap_or_default());
        // Each ban has run out when the next record comes.
        let end = "sqlite3 $PIPEBAN_STATE 'UPDATE ban SET since = 0, until = 1, ends = 1'";
        let command = format!("ban-ip --backend none {more} && {end}");
        shell.feed(&command, record.as_bytes()).status
    };
    if run("sqlite3", &["--version"]).is_none() {
        return;
    }
    assert_eq!(ban(Some(-1_000), "--for 1h"), Some(0));
    // A log that is read again, though the ban has ended.
    assert_eq!(ban(Some(-1_000), "--for 1h"), Some(1));
    assert_eq!(ban(Some(-1_010), ""), Some(1));
    assert_eq!(ban(Some(-900), "--for 1h"), Some(0));
    // A ban by hand, or one that another host hands on, is meant.
    assert_eq!(ban(None, "--for 1h"), Some(0));
    let theirs = format!("203.0.113.7\tat={}\tuntil={}\n", time(-1_000), time(60));
    let theirs = shell.feed("ban-ip --backend none", theirs.as_bytes());
    assert_eq!(theirs.status, Some(0), "{theirs:?}");
    // A clock that was wrong does not make an address safe.
    assert_eq!(ban(Some(1_000_000), "--for 1h"), Some(0));
    assert_eq!(ban(Some(-800), "--for 1h"), Some(0));
    // Events before a lift by hand are no news, whatever was banned for.
    shell.run("ban-ip --backend none 203.0.113.7; unban-at now 203.0.113.7");
    assert_eq!(ban(Some(-700), "--for 1h"), Some(1));
    assert_eq!(ban(None, "--for 1h"), Some(0));
}

#[test]
fn the_length_counts_from_the_event() {
    let shell = Shell::new();
    let ban = |flags: &str, input: &str| shell.feed(&format!("ban-ip {flags}"), input.as_bytes());
    let until = |outcome: &Outcome| {
        let until = Time::parse(field(outcome, "until")[0].as_bytes());
        until.unwrap().secs()
    };
    let begin = Time::now().secs();
    let (ago, ahead) = (time(-1_800), time(100_000));
    let half = format!("203.0.113.7\tat={ago}\n");
    for flags in ["-n --for 1h", "--backend none --for 1h", "-n --max 1h"] {
        let outcome = ban(flags, &half);
        let ago = Time::parse(ago.as_bytes()).unwrap();
        assert_eq!(until(&outcome), ago.secs() + 3_600, "{flags}: {outcome:?}");
    }
    // A stamp ahead of the clock counts as now, and an end that a record names decides alone.
    for (number, (flags, input)) in [
        ("--for 1h", format!("at={ahead}")),
        (
            "--for 1h",
            "first=2001-01-01T00:00:00Z\tlast=2001-01-01T00:00:00Z".into(),
        ),
        ("", format!("at={}\tuntil={}", time(-100_000), time(3_600))),
        ("--max 1h", format!("at={}\tuntil={ahead}", time(-100_000))),
    ]
    .into_iter()
    .enumerate()
    {
        let record = format!("198.51.100.{number}\t{input}\n");
        for dry in ["--backend none", "-n"] {
            if dry == "-n" && !flags.starts_with("--for") {
                // It plays history: what was made then.
                continue;
            }
            let state = shell.path(&number.to_string()).display().to_string();
            let outcome = ban(&format!("{dry} --state-file {state} {flags}"), &record);
            let until = until(&outcome) - 3_600;
            let now = Time::now().secs();
            assert!(
                (begin..=now).contains(&until),
                "{flags} {input}: {outcome:?}"
            );
        }
    }
}

#[test]
fn a_ban_that_would_be_over_is_told() {
    let shell = Shell::new();
    let ban = |flags: &str, input: &str| {
        shell.feed(&format!("ban-ip --backend none {flags}"), input.as_bytes())
    };
    let seconds = Time::now().secs() - 7_000;
    let latest = Time::from_secs(seconds).to_string();
    let old = (0..3).map(|n| format!("203.0.113.{n}\tat={}\n", time(-7_200 - n)));
    let old = old.collect::<String>() + &format!("203.0.113.3\tat={latest}\n");
    // The shell prints times of Tokyo.
    let offset = chrono::FixedOffset::east_opt(9 * 3_600).unwrap();
    let told = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    let told = told.with_timezone(&offset).to_rfc3339();
    let moment = told;
    let told = format!(
        "ban-ip: 4 bans would be over by now: last at={moment}; a wrong zone? \
         `cut -f1` bans from now\n"
    );
    let all = ban("--for 1h", &old);
    assert_eq!((all.status, all.out.as_str()), (Some(1), ""), "{all:?}");
    assert_eq!(all.err, told);
    let list = shell.run("ban-ip --list --backend none");
    assert_eq!(list.status, Some(1), "{list:?}");
    // Old ones do not hold up the others; what would still last is banned.
    let news = format!("{old}203.0.113.9\tat={}\n203.0.113.10\n", time(-10));
    let some = ban("--for 1h", &news);
    assert_eq!(some.addresses(), ["203.0.113.10", "203.0.113.9"]);
    assert_eq!((some.status, some.err), (Some(0), told));
    let longer = ban("--for 2h", &old);
    assert_eq!(longer.addresses(), ["203.0.113.3"]);
    assert!(longer.err.starts_with("ban-ip: 3 bans would"), "{longer:?}");
    // An event that was banned for is no news.
    let again = ban("--for 1h", &format!("203.0.113.3\tat={latest}\n"));
    assert_eq!((again.status, again.err), (Some(1), String::new()));
    // As is said: without the times they are banned from now.
    let cut = shell.feed("cut -f1 | ban-ip --backend none --for 1h", old.as_bytes());
    assert_eq!(cut.out.lines().count(), 4, "{cut:?}");
    // A past end that a record names is no sign of a wrong zone.
    let ended = format!(
        "203.0.113.250\tat={latest}\tuntil={latest}\n203.0.113.251\tuntil={}\n",
        time(-9_000)
    );
    let ended = ban("", &ended);
    let told = format!(
        "ban-ip: 2 bans would be over by now: last until={moment}; `cut -f1` bans from now\n"
    );
    assert_eq!((ended.status, ended.err), (Some(1), told));
}

#[test]
fn bans_that_would_be_over_are_told_while_the_input_goes_on() {
    in_namespace(
        "bans_that_would_be_over_are_told_while_the_input_goes_on",
        || {
            let shell = Shell::new();
            // Without a ledger too.
            std::fs::create_dir(shell.path("state.db")).unwrap();
            let error = std::fs::File::create(shell.path("err")).unwrap();
            let mut child = shell
                .command("sh")
                .args(["-c", "exec ban-ip --for 1h --port 22,80"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(error)
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            writeln!(stdin, "203.0.113.7\tat={}", time(-7_200)).unwrap();
            wait_until("told", || {
                let text = std::fs::read_to_string(shell.path("err")).unwrap();
                text.contains("ban-ip: 1 ban would be over by now: last at=")
            });
            drop(stdin);
            assert_eq!(child.wait().unwrap().code(), Some(2), "there is no ledger");
        },
    );
}

#[test]
fn longer_each_time() {
    in_namespace("times::longer_each_time", || {
        let shell = Shell::new();
        let ban = "ban-ip --for 1h --escalate 3 --max 1d --port 22,80 203.0.113.7";
        for hours in [1, 3, 9, 24, 24] {
            assert_eq!(lengths(&shell.run(ban)), [hours * 60]);
            // A ban in force is no earlier one; a moment later it may become a moment longer.
            let again = lengths(&shell.run(ban));
            assert!(again.iter().all(|l| *l == hours * 60), "{again:?}");
            // One that was lifted by hand was a mistake.
            assert_eq!(shell.run("unban-at now 203.0.113.7").status, Some(0));
            assert_eq!(lengths(&shell.run(ban)), [hours * 60]);
            let ended = "sqlite3 $PIPEBAN_STATE \
                 'UPDATE ban SET since = since - 864000000000, until = 1, ends = 1'";
            assert_eq!(shell.run(ended).status, Some(0));
        }
        let other = shell.run("ban-ip --for 1h --escalate 3 203.0.113.8");
        assert_eq!(lengths(&other), [60]);
        for usage in [
            "ban-ip --escalate 2 203.0.113.7",
            "ban-ip --for 1h --escalate 0.5 203.0.113.7",
            "ban-ip --for 1h --escalate nan 203.0.113.7",
        ] {
            assert_eq!(shell.run(usage).status, Some(2), "{usage}");
        }
    });
}

#[test]
fn a_dry_run_plays_history() {
    let shell = Shell::new();
    let at = |time: &str| format!("203.0.113.7\tat=2026-03-30T{time}:00+09:00\n");
    let input = [
        "00:00", "00:30", "01:00", "01:15", "02:30", "04:00", "09:00",
    ]
    .map(at)
    .concat();
    for (flags, expected) in [
        // Since and until, as time of day.
        (
            "--for 1h",
            vec![
                "00:00-01:00",
                "00:00-01:30",
                "00:00-02:00",
                "00:00-02:15",
                "02:30-03:30",
                "04:00-05:00",
                "09:00-10:00",
            ],
        ),
        (
            "--for 1h --escalate 2",
            vec![
                "00:00-01:00",
                "00:00-01:30",
                "00:00-02:00",
                "00:00-02:15",
                "02:30-04:30",
                "02:30-06:00",
                "09:00-13:00",
            ],
        ),
        ("", vec!["00:00-never"]),
    ] {
        let outcome = shell.feed(&format!("ban-ip -n {flags}"), input.as_bytes());
        let hour = |text: &str| text.get(11..16).unwrap_or(text).to_owned();
        let seen: Vec<String> = field(&outcome, "since")
            .iter()
            .zip(field(&outcome, "until"))
            .map(|(since, until)| format!("{}-{}", hour(since), hour(until)))
            .collect();
        assert_eq!(seen, expected, "{flags}");
    }
    assert!(!shell.path("state.db").exists(), "nothing is touched");
    let bad = shell.feed("ban-ip -n", b"203.0.113.7\tat=yesterday\n");
    assert_eq!(
        bad.err,
        "ban-ip: standard input:1: not a time: at=yesterday\n"
    );
}
