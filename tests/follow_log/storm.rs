//! follow-log under load: four writers write numbered lines to three files, which are rotated in
//! every way meanwhile.
//!
//! `PIPEBAN_STORM=2000000` sets the number of lines; 200 rotations fall on as many. The default is
//! smaller.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal::SIGTERM, kill};
use nix::unistd::Pid;

/// Followed by link, by name in a directory that moves, and by a name that keeps its file.
const LOGS: [&str; 3] = ["link.log", "d/name.log", "copied.log"];

/// A writer goes on with the old file for at most this many lines after a rotation.
const REOPEN: usize = 97;

fn write_lines(home: &Path, writer: usize, lines: usize, written: &AtomicUsize) {
    let mut files: Vec<Option<File>> = vec![None, None, None];
    for n in 0..lines {
        let log = n % LOGS.len();
        // No two logs, and no two writers, reopen at the same line.
        if n / LOGS.len() % REOPEN == 31 * log + 7 * writer {
            files[log] = None;
        }
        while files[log].is_none() {
            let mut options = OpenOptions::new();
            // Between the move of a directory and its making anew there is nothing to open.
            files[log] = options
                .append(true)
                .create(true)
                .open(home.join(LOGS[log]))
                .ok();
        }
        let file = files[log].as_mut().unwrap();
        file.write_all(format!("{log} {writer} {n}\n").as_bytes())
            .unwrap();
        written.fetch_add(1, SeqCst);
    }
}

/// Renames the old logs of `log` by one and makes room for `log.1`.
fn shift(log: &Path) {
    let old = |n: usize| PathBuf::from(format!("{}.{n}", log.display()));
    let last = (1..).find(|n| !old(*n).exists()).unwrap();
    for n in (1..last).rev() {
        fs::rename(old(n), old(n + 1)).unwrap();
    }
}

fn create(log: &Path) {
    // A writer may have been quicker.
    append(log, "");
}

fn append(log: &Path, text: &str) {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Whether this line stands near the end of the printed text.
fn holds(printed: &[u8], line: &str) -> bool {
    let end = &printed[printed.len().saturating_sub(64 << 20)..];
    memchr::memmem::rfind(end, line.as_bytes()).is_some()
}

/// Whether the `n`th rotation takes a file away from where it could be found.
fn is_final(n: usize) -> bool {
    matches!((n % 8, n % 16), (5, _) | (7, 15))
}

/// Rotates `log` by the real logrotate, by name or by copy; `false` if it is not installed.
fn logrotate(home: &Path, log: &str, how: &str) -> bool {
    let config = home.join("logrotate.conf");
    let text = format!(
        "\"{}\" {{\n rotate 10000\n {how}\n}}\n",
        home.join(log).display()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("logrotate");
    command
        .arg("-f")
        .arg("-s")
        .arg(home.join("logrotate.state"))
        .arg(config);
    match command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
    {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "logrotate: {error}");
            true
        }
        Err(_) => false,
    }
}

/// The `n`th rotation; the ways take turns. `false` if logrotate is needed and is not installed.
fn rotate(home: &Path, n: usize) -> bool {
    let name = home.join(LOGS[1]);
    let copied = home.join(LOGS[2]);
    match n % 8 {
        0 | 4 => {
            let target = format!("data-{n}.log");
            create(&home.join(&target));
            symlink(&target, home.join("new")).unwrap();
            fs::rename(home.join("new"), home.join(LOGS[0])).unwrap();
        }
        1 => {
            shift(&name);
            fs::rename(&name, home.join("d/name.log.1")).unwrap();
            create(&name);
        }
        2 | 6 => {
            shift(&copied);
            fs::copy(&copied, home.join("copied.log.1")).unwrap();
            OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(&copied)
                .unwrap();
        }
        // Not "create": logrotate fails if a writer was quicker.
        3 => return logrotate(home, LOGS[1], "nocreate"),
        5 => {
            fs::remove_file(&name).unwrap();
            create(&name);
        }
        7 if n % 16 == 7 => return logrotate(home, LOGS[2], "copytruncate"),
        _ => {
            fs::rename(home.join("d"), home.join(format!("d.{n}"))).unwrap();
            fs::create_dir(home.join("d")).unwrap();
            create(&name);
        }
    }
    true
}

#[test]
fn no_line_is_lost_or_doubled() {
    let lines: usize = std::env::var("PIPEBAN_STORM").map_or(100_000, |n| n.parse().unwrap());
    let rotations = (lines / 10_000).max(16);
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("d")).unwrap();
    fs::write(home.join("data.log"), "").unwrap();
    symlink("data.log", home.join(LOGS[0])).unwrap();
    LOGS.iter()
        .for_each(|log| fs::write(home.join(log), "begin\n").unwrap());

    let mut follower = Command::new(env!("CARGO_BIN_EXE_follow-log"))
        .args(["--from", "start"])
        .args(LOGS)
        .current_dir(home)
        .env("PIPEBAN_STATE", home.join("state.db"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Only kept: any work on a line here would hold up the follower.
    let printed: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (all, mut output) = (printed.clone(), follower.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut piece = vec![0; 1 << 20];
        while let Ok(n @ 1..) = output.read(&mut piece) {
            all.lock().unwrap().extend_from_slice(&piece[..n]);
        }
    });
    let begun = b"begin\n".repeat(3);
    crate::common::wait_until("begin, three times", || *printed.lock().unwrap() == begun);

    let (written, finished) = (AtomicUsize::new(0), AtomicBool::new(false));
    let start = Instant::now();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let written = &written;
                scope.spawn(move || write_lines(home, writer, lines / 4, written))
            })
            .collect();
        let (written, finished) = (&written, &finished);
        let printed = &printed;
        scope.spawn(move || {
            let mut by_logrotate = true;
            let mut last = 0;
            for n in 0..rotations {
                while written.load(SeqCst) < last + lines / rotations && !finished.load(SeqCst) {
                    std::thread::sleep(Duration::from_micros(200));
                }
                last = written.load(SeqCst);
                if is_final(n) {
                    // A file that is gone before anybody could open it is lost to everybody.
                    let mark = format!("mark {n}\n");
                    append(&home.join(LOGS[1]), &mark);
                    crate::common::wait_until(&mark, || holds(&printed.lock().unwrap(), &mark));
                }
                by_logrotate &= rotate(home, n);
            }
            if !by_logrotate {
                crate::common::left_out("logrotate is not installed");
            }
        });
        writers.into_iter().for_each(|w| w.join().unwrap());
        finished.store(true, SeqCst);
    });
    eprintln!(
        "{lines} lines and {rotations} rotations in {:.1?}",
        start.elapsed()
    );

    // Lines between the end of a copy and the truncation were lost before anybody could read them.
    let mut expected: Vec<String> = (0..4 * (lines / 4))
        .map(|i| (i / (lines / 4), i % (lines / 4)))
        .filter(|(_, n)| n % 3 != 2)
        .map(|(writer, n)| format!("{} {writer} {n}", n % 3))
        .collect();
    let kept = fs::read_dir(home).unwrap().flatten().map(|e| e.path());
    for path in kept.filter(|p| p.to_string_lossy().contains("copied.log")) {
        expected.extend(
            fs::read_to_string(path)
                .unwrap()
                .lines()
                .filter(|l| *l != "begin")
                .map(String::from),
        );
    }
    // It is at the end when nothing more comes for two seconds.
    let (mut length, mut quiet) = (0, 0);
    while quiet < 20 {
        std::thread::sleep(Duration::from_millis(100));
        let now = printed.lock().unwrap().len();
        quiet = if now == length { quiet + 1 } else { 0 };
        length = now;
    }
    eprintln!("all read after {:.1?}", start.elapsed());
    kill(Pid::from_raw(follower.id() as i32), SIGTERM).unwrap();
    follower.wait().unwrap();
    reader.join().unwrap();
    let text = String::from_utf8(printed.lock().unwrap().split_off(begun.len())).unwrap();
    let mut printed: HashMap<&str, u32> = HashMap::new();
    let lines_of_storm = text.lines().filter(|l| !l.starts_with("mark"));
    lines_of_storm.for_each(|line| *printed.entry(line).or_default() += 1);

    let missing = |line: &&String| !printed.contains_key(line.as_str());
    let missing: Vec<_> = expected.iter().filter(missing).collect();
    let place = |line: &&String| {
        let mut grep = Command::new("grep");
        let output = grep.args(["-rlx", line]).arg(home).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (lost, first) = (missing.len(), missing.first());
    assert!(
        lost == 0,
        "{lost} lost, {first:?} from {:?}",
        first.map(place)
    );
    let doubled: Vec<_> = printed.iter().filter(|(_, n)| **n > 1).collect();
    assert!(
        doubled.is_empty(),
        "{} doubled: {:?}",
        doubled.len(),
        &doubled[..doubled.len().min(10)]
    );
    let strange = |line: &&&str| {
        let numbers: Vec<usize> = line.split(' ').filter_map(|w| w.parse().ok()).collect();
        !matches!(numbers[..], [log, writer, n] if writer < 4 && n < lines / 4 && n % 3 == log)
    };
    let strange: Vec<_> = printed.keys().filter(strange).take(10).collect();
    assert!(strange.is_empty(), "never written: {strange:?}");
    let extra = printed.len() - expected.len();
    eprintln!(
        "{} printed, of which {extra} stand in no copy",
        printed.len()
    );
}
