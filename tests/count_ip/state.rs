//! Many processes on one state file: no event is lost, and no crossing is printed twice.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::count_ip;

const THRESHOLD: u64 = 10;
const ADDRESSES: u64 = 7;

fn spawn(file: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_count-ip"))
        .args(arguments)
        .arg("--state-file")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes events in pieces, as a log grows: a process counts them in many transactions.
fn feed(child: &mut Child, events: u64, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pipe = child.stdin.take().unwrap();
    let mut left = events;
    while left > 0 {
        let piece = left.min(1 + random.u64(..40));
        let lines: String = (0..piece)
            .map(|_| format!("203.0.113.{}\n", random.u64(..ADDRESSES)))
            .collect();
        pipe.write_all(lines.as_bytes()).unwrap();
        left -= piece;
        std::thread::sleep(Duration::from_micros(random.u64(..500)));
    }
}

/// The number of events in the records that a process prints.
fn printed(child: &mut Child) -> u64 {
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .inspect(|line| assert!(line.contains("\tcount=10\t"), "{line}"))
        .count() as u64
        * THRESHOLD
}

/// The count and the detail of each address that the state file holds by this rule.
fn hits(file: &Path, scope: &str) -> Vec<(u64, String)> {
    let read = || {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(Duration::from_secs(60))?;
        let mut rows = db.prepare("SELECT count, detail FROM hit WHERE scope = ?")?;
        let rows = rows.query_map([scope], |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
        })?;
        rows.collect::<rusqlite::Result<_>>()
    };
    // Before its first writer the file, or its table, is not there.
    read().unwrap_or_default()
}

/// The number of events that the state file holds by this rule.
fn remaining(file: &Path, scope: &str) -> u64 {
    hits(file, scope).iter().map(|(count, _)| count).sum()
}

/// Runs processes at once; returns the number of events printed or in the state afterwards.
fn run(arguments: &[&str], scope: &str, processes: u64, events: u64) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let file = &directory.path().join("state.db");
    let counted = std::thread::scope(|threads| {
        let one = |i: u64| {
            move || {
                let mut child = spawn(file, arguments);
                feed(&mut child, events, i + 1);
                let printed = printed(&mut child);
                assert!(child.wait().unwrap().code().is_some_and(|code| code < 2));
                printed
            }
        };
        let all: Vec<_> = (0..processes).map(|i| threads.spawn(one(i))).collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<u64>()
    });
    counted + remaining(file, scope)
}

const RULE: [&str; 2] = ["--threshold", "10"];
const WINDOW: [&str; 4] = ["--threshold", "10", "--within", "1h"];

#[test]
fn no_event_is_lost_or_counted_twice() {
    assert_eq!(run(&RULE, "threshold 10", 64, 1000), 64_000);
    assert_eq!(run(&WINDOW, "threshold 10, within 1h", 64, 1000), 64_000);
}

/// Kills processes at work and looks for missing events. Each event has a name in its line, and is
/// afterwards in one printed record, in the state file, or missing. Events that a killed process
/// was given may be missing. Events of other processes may be missing only with the records that
/// a killed process had counted and not yet printed. Such records come from one transaction, in
/// which no other process counts: so of each address they hold fewer events of others than the
/// threshold.
fn kill_some(processes: u64, events: u64, killed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let file = &directory.path().join("state.db");
    let arguments = ["--threshold", "10", "--evidence"];
    let start = &Barrier::new(processes as usize);
    let one = |i: u64| {
        move || {
            let mut child = spawn(file, &arguments);
            // All are to be at work when the first is killed.
            start.wait();
            std::thread::sleep(Duration::from_millis(200));
            let mut random = fastrand::Rng::with_seed(i + 1);
            let mut pipe = child.stdin.take().unwrap();
            let id = nix::unistd::Pid::from_raw(child.id() as i32);
            let mut output = child.stdout.take().unwrap();
            let reader = std::thread::spawn(move || {
                let mut text = String::new();
                output.read_to_string(&mut text).unwrap();
                text
            });
            let moment = (i < killed).then(|| random.u64(..events));
            let mut given = 0;
            for event in 0..events {
                if moment == Some(event) {
                    // Still at work on what it was given, or idle.
                    let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL);
                    break;
                }
                let host = random.u64(..ADDRESSES);
                let line = format!("203.0.113.{host}\tline={i}-{event};\n");
                pipe.write_all(line.as_bytes()).unwrap();
                given += 1;
                if random.u64(..20) == 0 {
                    std::thread::sleep(Duration::from_micros(random.u64(..4000)));
                }
            }
            drop(pipe);
            let text = reader.join().unwrap();
            assert_eq!(child.wait().unwrap().success(), i >= killed);
            // A killed process may leave half a line.
            let end = text.rfind('\n').map_or(0, |end| end + 1);
            (given, text[..end].to_string())
        }
    };
    let (given, mut known): (Vec<u64>, Vec<String>) = std::thread::scope(|threads| {
        let all: Vec<_> = (0..processes).map(|i| threads.spawn(one(i))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).unzip()
    });
    known.extend(
        hits(file, "threshold 10")
            .into_iter()
            .map(|(_, detail)| detail),
    );
    let mut times: HashMap<&str, u32> = HashMap::new();
    for name in known
        .iter()
        .flat_map(|text| text.split(['=', '"']))
        .filter_map(|text| text.split_once(';'))
    {
        *times.entry(name.0).or_default() += 1;
    }
    let (mut of_killed, mut of_others) = (0, 0);
    for (i, given) in (0..).zip(&given) {
        for event in 0..*given {
            match times.get(format!("{i}-{event}").as_str()) {
                Some(once) => assert_eq!(*once, 1, "{i}-{event} is known twice"),
                None if i < killed => of_killed += 1,
                None => of_others += 1,
            }
        }
    }
    assert!(of_killed > 0, "none was killed at work");
    // Each record has ten events, one of them of the process that was to print it.
    let most = (9 * of_killed).min(killed * ADDRESSES * (THRESHOLD - 1));
    assert!(of_others <= most, "{of_others} missing, {of_killed}");
}

#[test]
fn killed_at_any_moment() {
    kill_some(64, 1000, 20);
}

/// A long-running process writes its events to the state file after a while, also when no further
/// event comes. A record that it prints is in the file by then, with the events of other processes.
#[test]
fn a_long_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let file = &directory.path().join("state.db");
    let mut child = spawn(file, &["-n", "4"]);
    let mut pipe = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let wait_for = |count| {
        while remaining(file, "threshold 4") != count {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    pipe.write_all(b"203.0.113.7\n").unwrap();
    wait_for(1);
    pipe.write_all(b"203.0.113.7\n").unwrap();
    wait_for(2);
    for _ in 0..2 {
        pipe.write_all(b"203.0.113.7\n").unwrap();
    }
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("203.0.113.7\tcount=4\t"), "{line}");
    assert_eq!(remaining(file, "threshold 4"), 0);
    let arguments = ["-n", "4", "--state-file", file.to_str().unwrap()];
    count_ip(&arguments, b"203.0.113.7\n203.0.113.7\n203.0.113.7\n");
    pipe.write_all(b"203.0.113.7\n").unwrap();
    line.clear();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("203.0.113.7\tcount=4\t"), "{line}");
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[test]
fn one_process_for_each_event() {
    let directory = tempfile::tempdir().unwrap();
    let file = &directory.path().join("state.db");
    let printed: usize = std::thread::scope(|threads| {
        let one = || {
            let mut lines = 0;
            for _ in 0..25 {
                let file = file.to_str().unwrap();
                let (output, error, _) =
                    count_ip(&["-n", "5", "--state-file", file], b"203.0.113.7");
                assert_eq!(error, "");
                lines += output.lines().count();
            }
            lines
        };
        let all: Vec<_> = (0..4).map(|_| threads.spawn(one)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(printed, 4 * 25 / 5);
}

/// The next run goes on with the counts of a long one that was killed in a pause.
#[test]
fn a_killed_pipe_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let mut child = spawn(&file, &["-n", "3", "--evidence", "-w", "1h"]);
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"203.0.113.7\tline=one\\t1\n203.0.113.7\tline=\xfftwo\n")
        .unwrap();
    while remaining(&file, "threshold 3, within 1h") < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let arguments = [
        "-n",
        "3",
        "--evidence",
        "-w",
        "1h",
        "--json",
        "--state-file",
        file.to_str().unwrap(),
    ];
    let (output, error, status) = count_ip(&arguments, b"203.0.113.7\tline=three");
    assert!(
        output.ends_with("\"line\":[\"one\\t1\",\"\u{fffd}two\",\"three\"]}\n"),
        "{output}"
    );
    assert_eq!((error.as_str(), status), ("", 0));
}

/// A flood of addresses does not fill the disk.
#[test]
fn the_state_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let arguments = [
        "-n",
        "3",
        "--max-addresses",
        "16",
        "--state-file",
        file.to_str().unwrap(),
    ];
    let mut said = 0;
    for i in 0..50 {
        let (_, error, _) = count_ip(&arguments, format!("203.0.113.{i}\n192.0.2.1\n").as_bytes());
        said += error
            .matches("count-ip: state: 16 addresses are held")
            .count();
    }
    assert!(said > 20, "{said}");
    assert!(remaining(&file, "threshold 3") <= 16 + 2);
    // The one that goes on is not among those let go.
    let (output, _, _) = count_ip(&arguments, b"192.0.2.1");
    assert!(output.starts_with("192.0.2.1\tcount=3\t"), "{output}");
}

#[test]
fn lines_of_evidence_have_a_bound() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let count = |arguments: &[&str], input: &str| {
        let path = file.to_str().unwrap();
        let arguments = [arguments, &["--evidence", "--state-file", path]].concat();
        count_ip(&arguments, input.as_bytes())
    };
    // Of one address.
    let long = "x".repeat(8 << 10);
    let event = |n: usize| format!("203.0.113.7\tline={n} {long}\n");
    let input: String = (0..100).map(event).collect();
    let (output, _, _) = count(&["--threshold", "100"], &input);
    assert!(
        (32 << 10..66 << 10).contains(&output.len()),
        "{}",
        output.len()
    );
    assert!(output.contains("line=99 x") && !output.contains("line=9 x"));
    // Of all together: as many addresses as were counted before by others.
    let one = "203.0.113.7\tline=a\n";
    count(&["--threshold", "50"], one);
    let db = Connection::open(&file).unwrap();
    let fill = "INSERT INTO hit SELECT scope, 'address ' || value, 1, 1, 1, zeroblob(65536)
                FROM hit, json_each('[' || substr(replace(hex(zeroblob(4200)), '00', ',1'), 2) || ']')
                WHERE address = '203.0.113.7'";
    let fill = fill.replace("' || value", "' || key");
    assert_eq!(db.execute(&fill, []).unwrap(), 4_200);
    let many: String = (0..300)
        .map(|n| format!("2001:db8::{n:x}\tline=a\n"))
        .collect();
    let (_, err, _) = count(&["--threshold", "50"], &many);
    assert!(err.contains("silent for longest were let go"), "{err}");
    let sum = "SELECT sum(length(detail)), count(*) FILTER (WHERE address LIKE '2001:%') FROM hit";
    let (bytes, news): (i64, i64) = db
        .query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert!(bytes <= 256 << 20 && news == 300, "{bytes} {news}");
}
