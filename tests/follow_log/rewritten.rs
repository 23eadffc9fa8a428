//! Logs rewritten in place: nothing in them is new but the lines behind the last one printed.

use crate::{live, once, shell};

/// Makes a log of 3,000 lines, some 120 KiB.
const LOG: &str = "seq -f '2026-03-30T02:16:17+09:00 host app: line %05g' 3000 > log";

fn lines() -> String {
    let line = |n| format!("2026-03-30T02:16:17+09:00 host app: line {n:05}\n");
    (1..=3000).map(line).collect()
}

/// Ways to rewrite it. None prints anything.
const WAYS: &[(&str, &str)] = &[
    ("deleted lines, new file", "sed -i '5,100d' log"),
    (
        "edited lines, new file",
        "sed -i 's/line 000/LINE 000/' log",
    ),
    (
        "copied into",
        "sed 100d log > t; dd if=t of=log bs=1M 2> dd; rm t",
    ),
    (
        "shortened and copied into",
        "tail -n 1000 log > t; dd if=t of=log bs=1M 2> dd; rm t",
    ),
    ("shortened, new file", "tail -n 1000 log > t; mv t log"),
    (
        "an editor's save",
        "mv log log~; sed 1d log~ > log; sync log; rm log~",
    ),
    // In one write: a writer that is held up for a second looks like a log that was emptied.
    (
        "an editor's save in place",
        "cp log log~; sed 1d log~ > t; dd if=t of=log bs=1M 2> dd; rm log~ t",
    ),
    (
        "the same again",
        "cp -p log t; dd if=t of=log bs=1M 2> dd; rm t",
    ),
];

#[test]
fn nothing_is_printed_twice_live() {
    let printed = lines();
    for (name, way) in WAYS {
        let home = tempfile::tempdir().unwrap();
        let steps = [
            (LOG, printed.as_str()),
            (way, ""),
            ("echo new >> log", "new\n"),
        ];
        live(name, home.path(), &["--from", "start", "log"], &steps);
    }
}

#[test]
fn nothing_is_printed_twice_between_runs() {
    for (name, way) in WAYS {
        let home = tempfile::tempdir().unwrap();
        // Rotated files are searched in the directories beside, too: not in those of other tests.
        let home = &home.path().join("d");
        std::fs::create_dir(home).unwrap();
        shell(home, LOG);
        let resume = || once(home, &["--from", "resume", "log"]);
        assert_eq!(resume().0.lines().count(), 3000);
        shell(home, way);
        let (out, error, _) = resume();
        assert_eq!((out.as_str(), error.as_str()), ("", ""), "{name}");
        shell(home, "echo new >> log");
        assert_eq!(resume().0, "new\n", "{name}");
    }
}

#[test]
fn an_edited_last_line_is_printed_as_it_is_now() {
    let printed = lines();
    let edited = "2026-03-30T02:16:17+09:00 host app: LINE 03000\n";
    let steps = [
        (LOG, printed.as_str()),
        ("sed -i '$s/line/LINE/' log", edited),
    ];
    let home = tempfile::tempdir().unwrap();
    live("edited", home.path(), &["--from", "start", "log"], &steps);
}

#[test]
fn a_new_log_is_not_taken_for_a_rewritten_one() {
    let printed = lines();
    let steps = [
        (LOG, printed.as_str()),
        ("echo a >> log", "a\n"),
        ("rm log; echo b > log", "b\n"),
        (": > log; echo c >> log", "c\n"),
        ("mv log elsewhere; seq 7 9 > log", "7\n8\n9\n"),
    ];
    let home = tempfile::tempdir().unwrap();
    live("new logs", home.path(), &["--from", "start", "log"], &steps);
}
