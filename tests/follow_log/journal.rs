//! The journal of systemd: real files of systemd 252, as they are and as they grow.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::common::wait_until;
use crate::{Follower, follow_log, once};

/// Makes a directory with a journal of 60 entries, of which the first `entries` are written, every
/// second one of ssh.service. All of them call themselves sshd.
fn journal(home: &Path, entries: u8) -> PathBuf {
    let sample = "lib/journal/tests/samples/systemd-252-compact.journal.zst";
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(sample);
    let mut bytes = zstd::decode_all(std::fs::File::open(sample).unwrap()).unwrap();
    bytes[152] = entries;
    let directory = home.join("j/0123456789abcdef0123456789abcdef");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("system.journal");
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Adds entries as journald does: they stand in the file before their number is written.
fn grow(file: &Path, entries: u8) {
    let file = OpenOptions::new().write(true).open(file).unwrap();
    file.write_all_at(&[entries], 152).unwrap();
}

#[test]
fn entries_of_a_unit() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = journal(home, 60).display().to_string();
    let count = |arguments: &[&str]| {
        let (out, error, _) = once(home, &[&["--from", "start"], arguments].concat());
        assert_eq!(error, "");
        out.lines().count()
    };
    for (arguments, expected) in [
        (&["-D", "j", "--journal"][..], 60),
        (&["-D", "j", "--unit", "ssh"], 30),
        (&["-D", "j", "-u", "ssh.service", "-u", "cron"], 60),
        (&["-D", "j", "-u", "s?h*"], 30),
        // The name that a client gave itself is not believed.
        (&["-D", "j", "-u", "sshd"], 0),
        (&[file.as_str()], 60),
        (&["-u", "ssh", file.as_str()], 30),
    ] {
        assert_eq!(count(arguments), expected, "{arguments:?}");
    }
    let (out, _, _) = once(home, &["--from", "start", "-D", "j", "--prefix"]);
    let first = "journal\t2026-03-29T17:16:17.123456+00:00 host sshd[100]: \
                 Failed password for root from 203.0.113.7 port 40222 ssh2";
    assert_eq!(out.lines().next(), Some(first));
}

#[test]
fn a_journal_goes_on_where_it_was_left() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = journal(home, 20);
    let run = |arguments: &[&str]| {
        let all = [&["--from", "resume", "-D", "j", "-u", "ssh"], arguments].concat();
        once(home, &all).0.lines().count()
    };
    assert_eq!(run(&[]), 10);
    assert_eq!(run(&[]), 0);
    grow(&file, 30);
    assert_eq!(run(&[]), 5);
    // The file that was rotated, and the new one.
    grow(&file, 40);
    std::fs::rename(&file, file.with_file_name("system@1.journal")).unwrap();
    assert_eq!(run(&[]), 5);
    assert_eq!(run(&[]), 0);
    // Each entry is 1.5 s after the one before.
    assert_eq!(run(&["--replay", "5s"]), 2);
    assert_eq!(run(&[]), 0);
    // Long ago.
    assert_eq!(run(&["--state-file", "new", "--replay", "1h"]), 0);
    assert_eq!(run(&["--state-file", "other"]), 20);
}

#[test]
fn a_growing_journal_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = journal(home, 20);
    let follower = Follower::start(home, &["--from", "start", "-D", "j", "-u", "ssh"]);
    let lines = || follower.printed().lines().count();
    for entries in [20, 21, 22, 40, 60] {
        grow(&file, entries);
        wait_until(&format!("{entries}"), || {
            lines() >= usize::from(entries / 2)
        });
        assert_eq!(lines(), usize::from(entries / 2));
    }
}

#[test]
fn a_journal_that_comes_later() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let error = home.join("error");
    let mut command = follow_log(home, &["-D", "j", "-u", "ssh"]);
    command.stderr(std::fs::File::create(&error).unwrap());
    let follower = Follower::spawn(command);
    wait_until("told", || {
        let told = std::fs::read_to_string(&error).unwrap();
        told.contains("no journal there yet")
    });
    journal(home, 60);
    wait_until("30", || follower.printed().lines().count() == 30);
}
