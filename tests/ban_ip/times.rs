//! How long a ban lasts, and what is no new one.

use crate::common::{Shell, field, in_namespace, lengths, run};

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
    let ban = |at: &str, more: &str| {
        let record = format!("203.0.113.7{at}\tcount=5\n");
        // Each ban has run out when the next record comes.
        let end = "sqlite3 $PIPEBAN_STATE 'UPDATE ban SET since = 0, until = 1, ends = 1'";
        let command = format!("ban-ip --backend none {more} && {end}");
        shell.feed(&command, record.as_bytes()).status
    };
    if run("sqlite3", &["--version"]).is_none() {
        return;
    }
    assert_eq!(ban("\tat=2026-03-30T02:16:17Z", "--for 1h"), Some(0));
    // A log that is read again, though the ban has ended.
    assert_eq!(ban("\tat=2026-03-30T02:16:17Z", "--for 1h"), Some(1));
    assert_eq!(ban("\tat=2026-03-30T02:16:16Z", ""), Some(1));
    assert_eq!(ban("\tat=2026-03-30T02:16:18Z", "--for 1h"), Some(0));
    // A ban by hand, or one that another host hands on, is meant.
    assert_eq!(ban("", "--for 1h"), Some(0));
    let theirs = "\tat=2026-03-30T02:16:17Z\tuntil=2126-03-30T03:16:17Z";
    assert_eq!(ban(theirs, ""), Some(0));
    // A clock that was wrong does not make an address safe.
    assert_eq!(ban("\tat=2126-03-30T02:16:18Z", "--for 1h"), Some(0));
    assert_eq!(ban("\tat=2026-03-30T02:16:19Z", "--for 1h"), Some(0));
    // Events before a lift by hand are no news, whatever was banned for.
    shell.run("ban-ip --backend none 203.0.113.7; unban-at now 203.0.113.7");
    assert_eq!(ban("\tat=2026-03-30T02:16:20Z", "--for 1h"), Some(1));
    assert_eq!(ban("", "--for 1h"), Some(0));
}

#[test]
fn longer_each_time() {
    in_namespace("times::longer_each_time", || {
        let shell = Shell::new();
        let ban = "ban-ip --for 1h --escalate 3 --max 1d 203.0.113.7";
        for hours in [1, 3, 9, 24, 24] {
            assert_eq!(lengths(&shell.run(ban)), [hours * 60]);
            // A ban in force is no earlier one; a moment later it may become a moment longer.
            let again = lengths(&shell.run(ban));
            assert!(again.iter().all(|l| *l == hours * 60), "{again:?}");
            assert_eq!(shell.run("unban-at now 203.0.113.7").status, Some(0));
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
