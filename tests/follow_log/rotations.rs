//! Every kind of rotation, live and while nobody follows.

use std::process::Stdio;

use crate::common::wait_until;
use crate::{Follower, follow_log, live, once, shell};

/// Changes of a log, and the lines printed after each, which are single words.
type Steps = &'static [(&'static str, &'static str)];

/// Rotations of `log`. Live, each step is taken when the lines of the one before were printed.
const ROTATIONS: &[(&str, Steps)] = &[
    (
        "rename and create",
        &[
            ("echo a > log", "a"),
            ("mv log log.1; echo b > log", "b"),
            // A writer that was not told yet.
            ("echo c >> log.1; echo d >> log", "c d"),
            ("mv log.1 log.2; mv log log.1; echo e > log", "e"),
        ],
    ),
    (
        "renamed twice at once",
        &[
            ("echo a > log", "a"),
            (
                "echo b >> log; mv log log.1; echo c > log;
                 mv log.1 log.2; mv log log.1; echo d > log",
                "b c d",
            ),
        ],
    ),
    (
        "copied and truncated",
        &[
            ("seq 1 3 > log", "1 2 3"),
            ("cp log log.1; : > log; echo 4 >> log", "4"),
            // Grown past the old position, which was 2.
            (
                "mv log.1 log.2; cp log log.1; : > log; seq 5 9 >> log",
                "5 6 7 8 9",
            ),
        ],
    ),
    (
        "written, copied and truncated at once",
        &[
            ("seq 1 3 > log", "1 2 3"),
            ("echo 4 >> log; cp log log.1; : > log; echo 5 >> log", "4 5"),
            (
                "echo 6 >> log; mv log.1 log.2; cp log log.1; : > log; echo 7 >> log;
                 mv log.2 log.3; mv log.1 log.2; cp log log.1; : > log; echo 8 >> log",
                "6 7 8",
            ),
        ],
    ),
    (
        "deleted and created",
        &[
            ("echo a > log", "a"),
            ("rm log; echo b > log", "b"),
            ("rm log", ""),
            ("echo c > log", "c"),
        ],
    ),
    (
        "a link that moves",
        &[
            ("mkdir d; echo a > d/x-8.log; ln -s d/x-8.log log", "a"),
            ("echo b > d/x-9.log; ln -sfn d/x-9.log log", "b"),
            (
                "echo c > d/x-10.log; echo d > d/x-11.log; ln -sfn d/x-11.log log",
                "c d",
            ),
        ],
    ),
    (
        "half a line",
        &[
            ("printf 'a\\nb' > log", "a"),
            ("printf 'b\\nc' >> log", "bb"),
            ("printf '\\n' >> log", "c"),
        ],
    ),
    (
        "a writer that keeps its offset",
        &[
            ("echo abc > log", "abc"),
            (
                ": > log; printf 'd\\n' | dd of=log bs=1 seek=100000 conv=notrunc 2> dd",
                "d",
            ),
            ("echo e >> log", "e"),
        ],
    ),
];

#[test]
fn rotations_live() {
    for (name, steps) in ROTATIONS {
        let home = tempfile::tempdir().unwrap();
        let follower = Follower::start(home.path(), &["--from", "start", "log"]);
        let mut expected = String::new();
        for (script, words) in *steps {
            shell(home.path(), script);
            words
                .split_whitespace()
                .for_each(|w| expected += &format!("{w}\n"));
            wait_until(&format!("{name}: {script}: {expected:?}"), || {
                follower.printed().len() >= expected.len()
            });
            assert_eq!(follower.printed(), expected, "{name}: {script}");
        }
    }
}

#[test]
fn rotations_between_runs() {
    for (name, steps) in ROTATIONS {
        // The directories beside the log's are looked into; so they must be this test's own.
        let home = tempfile::tempdir().unwrap();
        let logs = home.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        for (script, words) in *steps {
            shell(&logs, script);
            let (mut got, _, _) = once(&logs, &["--from", "resume", "log"]);
            got = got.replace('\n', " ");
            // Rotated files are read before the log itself.
            assert_eq!(got.trim_end(), *words, "{name}: {script}");
        }
    }
}

#[test]
fn names_that_come_later() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--from", "start", "--prefix", "late/a.log", "v*/*.log"];
    let follower = Follower::start(home.path(), &arguments);
    let mut expected = String::new();
    for (script, lines) in [
        ("mkdir late; echo a > late/a.log", "late/a.log\ta\n"),
        (
            "mkdir v1; echo b > v1/x.log; echo no > v1/x.txt",
            "v1/x.log\tb\n",
        ),
        ("mkdir t; echo c > t/y.log; mv t v2", "v2/y.log\tc\n"),
        // The directory is moved and made anew; the old file is still written to.
        (
            "mv late old; mkdir late; echo d > late/a.log",
            "late/a.log\td\n",
        ),
        ("echo e >> old/a.log", "late/a.log\te\n"),
        // Old logs that a pattern happens to match are known by name and identity.
        ("mv v1/x.log v1/x.1.log; echo f > v1/x.log", "v1/x.log\tf\n"),
        (
            "cp v1/x.log v1/x.2.log; : > v1/x.log; echo g >> v1/x.log",
            "v1/x.log\tg\n",
        ),
    ] {
        shell(home.path(), script);
        expected += lines;
        wait_until(&format!("{script}: {expected:?}"), || {
            follower.printed().len() >= expected.len()
        });
        assert_eq!(follower.printed(), expected, "{script}");
    }
}

#[test]
fn where_to_begin() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| once(home.path(), arguments);
    shell(
        home.path(),
        "printf 'a\\nb\\nhalf' > log; echo old > log.1; touch -d yesterday log.1",
    );
    let out = |text: &str| (text.into(), String::new(), Some(i32::from(text.is_empty())));
    let (nothing, told, status) = run(&["log"]);
    assert_eq!((nothing.as_str(), status), ("", Some(1)));
    let begins = "follow-log: --once: it begins at the end, so nothing is read: ";
    assert!(told.starts_with(begins), "{told}");
    assert_eq!(run(&["--from", "end", "log"]), out(""));
    assert_eq!(run(&["--from", "resume", "log"]), out(""));
    assert_eq!(run(&["--from", "start", "log"]), out("a\nb\n"));
    assert_eq!(run(&["--from", "start", "lo*"]), out("old\na\nb\n"));
    shell(home.path(), "printf ' whole\\n' >> log");
    assert_eq!(run(&["--from", "resume", "log"]), out("half whole\n"));
    assert_eq!(run(&["--from", "resume", "log"]), out(""));
    // A follower with a state of its own has not read anything yet.
    let own = ["--from", "resume", "--state-file", "own.db", "log"];
    assert_eq!(run(&own), out("a\nb\nhalf whole\n"));
    let missing = "follow-log: missing: No such file or directory\n";
    assert_eq!(run(&["missing"]), (String::new(), missing.into(), Some(2)));
}

#[test]
fn long_lines_and_odd_bytes() {
    let home = tempfile::tempdir().unwrap();
    let long = vec![b'x'; 3 << 20];
    let text = [b"a\0\xff\r\n", &long[..], b"\nb\n"].concat();
    std::fs::write(home.path().join("log"), &text).unwrap();
    let mut command = follow_log(home.path(), &["--once", "--from", "start", "log"]);
    let output = command.output().unwrap();
    let expected = [b"a\0\xff\r\n", &long[..1 << 20], b"\nb\n"].concat();
    assert!(output.stdout == expected);
    assert_eq!(output.status.code(), Some(2));
    let error = "follow-log: log: a line longer than 1 MiB was cut there\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), error);
}

#[test]
fn a_signal_keeps_the_position_and_a_gone_reader_ends_it() {
    let home = tempfile::tempdir().unwrap();
    shell(home.path(), "echo a > log");
    let mut follower = Follower::start(home.path(), &["--from", "start", "log"]);
    wait_until("a", || follower.printed() == "a\n");
    let pid = follower.child.id().to_string();
    shell(home.path(), &format!("kill {pid}"));
    // It dies of the signal itself, so that a shell sees why.
    assert_eq!(follower.child.wait().unwrap().code(), None);
    shell(home.path(), "echo b >> log");
    assert_eq!(once(home.path(), &["--from", "resume", "log"]).0, "b\n");

    let mut child = follow_log(home.path(), &["log"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // Nothing is written to the log: the end of the reader alone ends it.
    child.wait().unwrap();
}

#[test]
fn replay_by_time_stamps() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        once(
            home.path(),
            &[&["--from", "resume", "log"], arguments].concat(),
        )
    };
    let line = |time: &str| format!("2026-03-30T{time}+09:00 x\n");
    let write = |name: &str, times: &[&str]| {
        let text: String = times.iter().map(|t| line(t)).collect();
        std::fs::write(home.path().join(name), text).unwrap();
    };
    let out = |times: &[&str]| {
        let text: String = times.iter().map(|t| line(t)).collect();
        (text, String::new(), Some(i32::from(times.is_empty())))
    };
    let (a, b, c) = ("02:00:00", "02:10:00", "02:19:00");
    write("log", &[a, b, c]);
    assert_eq!(run(&[]), out(&[a, b, c]));
    assert_eq!(run(&["--replay", "5m"]), out(&[c]));
    assert_eq!(run(&["--replay", "9m"]), out(&[b, c]));
    // The position is where it was.
    assert_eq!(run(&[]), out(&[]));
    let (d, e, f) = ("02:20:00", "02:21:00", "02:22:00");
    shell(
        home.path(),
        "mv log log.1; gzip log.1; mv log.1.gz log.2.gz",
    );
    write("log.1", &[d]);
    write("log", &[e]);
    assert_eq!(run(&["--replay", "10m"]), out(&[b, c, d, e]));
    shell(
        home.path(),
        &format!("echo '{}' >> log", line(f).trim_end()),
    );
    assert_eq!(run(&["--replay", "11m"]), out(&[b, c, d, e, f]));
    assert_eq!(run(&["--replay", "3m"]), out(&[c, d, e, f]));
    write("plain", &[]);
    shell(home.path(), "rm log*; echo plain > log");
    assert_eq!(run(&[]).0, "plain\n");
    let (text, error, _) = run(&["--replay", "3m"]);
    assert_eq!(text, "");
    assert!(error.contains("no time stamp"), "{error}");
    // Our own records tell their time.
    let records = "203.0.113.1\tat=2026-03-30T02:00:00+09:00\n\
                   203.0.113.2\tsince=2026-03-30T02:10:00+09:00\tuntil=never\n\
                   {\"address\": \"203.0.113.3\", \"at\": \"2026-03-30T02:11:00+09:00\"}\n";
    shell(home.path(), "rm log");
    std::fs::write(home.path().join("log"), records).unwrap();
    assert_eq!(run(&[]).0, records);
    let last: String = records.split_inclusive('\n').skip(1).collect();
    assert_eq!(run(&["--replay", "3m"]).0, last);
    let wrong = once(home.path(), &["--replay", "3m", "log"]);
    assert_eq!(wrong.2, Some(2));
}

#[test]
fn without_a_position_replay_begins_this_long_ago() {
    let home = tempfile::tempdir().unwrap();
    let line = |ago: &str| format!("date -d '-{ago}' '+%FT%T%:z {ago}'");
    shell(
        home.path(),
        &format!(
            "({}; {}) > log.1; ({}; {}) > log",
            line("9 days"),
            line("10 minutes"),
            line("3 minutes"),
            line("1 second")
        ),
    );
    let run = |arguments: &[&str]| {
        let (out, error, _) = once(home.path(), &[&["--from", "resume"], arguments].concat());
        let last = |line: &str| line.split_once(' ').unwrap().1.to_string();
        let words: Vec<_> = out.lines().map(last).collect();
        (words.join(", "), error)
    };
    let new = |state: &str, replay: &str| run(&["--state-file", state, "--replay", replay, "log"]);
    let none = String::new();
    assert_eq!(new("a", "2m"), ("1 second".into(), none.clone()));
    assert_eq!(new("b", "5m"), ("3 minutes, 1 second".into(), none.clone()));
    let three = "10 minutes, 3 minutes, 1 second";
    assert_eq!(new("c", "11m"), (three.into(), none.clone()));
    // From there on it goes as from any position.
    shell(home.path(), &format!("{} >> log", line("2 days")));
    assert_eq!(run(&["--state-file", "a", "log"]), ("2 days".into(), none));
}

#[test]
fn rotated_into_another_directory() {
    let home = tempfile::tempdir().unwrap();
    let d = home.path().join("logs");
    std::fs::create_dir(&d).unwrap();
    for old in ["old", "../archive"] {
        shell(&d, &format!("mkdir -p {old}; rm -f log db"));
        let run = || once(&d, &["--from", "resume", "--state-file", "db", "log"]);
        shell(&d, "echo a > log");
        assert_eq!(run().0, "a\n");
        let script = format!(
            "echo b >> log; mv log {old}/log.1; echo c > log
             mv {old}/log.1 {old}/log.2; mv log {old}/log.1; echo d > log"
        );
        shell(&d, &script);
        assert_eq!(run(), ("b\nc\nd\n".into(), String::new(), Some(0)), "{old}");
    }
    // Before it starts, which would read the last one.
    shell(&d, "rm log");
    let steps = [
        ("echo a > log", "a\n"),
        (
            "echo b >> log; mv log old/log.1; echo c > log
             mv old/log.1 old/log.2; mv log old/log.1; echo d > log",
            "b\nc\nd\n",
        ),
    ];
    live("olddir", &d, &["--from", "start", "log"], &steps);
}

#[test]
fn logs_of_other_directories() {
    let home = tempfile::tempdir().unwrap();
    let web = home.path().join("web");
    std::fs::create_dir(&web).unwrap();
    let run = || once(&web, &["--from", "resume", "log"]);
    let gone =
        "follow-log: log: the file that was read last is gone; its last lines may be missing\n";
    // Another program's log may begin with the same few bytes.
    shell(
        home.path(),
        "mkdir mail; printf 'a\\nx\\n' > mail/log.1; echo y > mail/log",
    );
    shell(&web, "echo a > log");
    assert_eq!(run().0, "a\n");
    shell(&web, "echo b > new; mv new log");
    assert_eq!(run(), ("b\n".into(), gone.into(), Some(0)));
    // A copy into another directory is known by its text, where that is long enough.
    let line = "Nov 29 21:05:09 web sshd[7]: Failed password for root from 203.0.113.7 port 9 ssh2";
    shell(&web, &format!("echo '{line}' > new; mv new log"));
    assert_eq!(run().0.lines().last(), Some(line));
    shell(
        &web,
        "echo c >> log; cp log ../mail/log.1; rm ../mail/log; echo d > new; mv new log",
    );
    assert_eq!(run(), ("c\nd\n".into(), String::new(), Some(0)));
    // Another user's copy is not believed, whose last lines may be that user's own.
    if nix::unistd::geteuid().is_root() {
        shell(&web, &format!("echo '{line}' > new; mv new log"));
        assert_eq!(run().0.lines().last(), Some(line));
        let forge = "cp log ../mail/log.1; echo forged >> ../mail/log.1; chown 65534 ../mail/log.1";
        shell(&web, &format!("{forge}; echo e > new; mv new log"));
        assert_eq!(run(), ("e\n".into(), gone.into(), Some(0)));
    }
}
