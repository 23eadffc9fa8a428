//! Files that real tools compress in parts: unpacked by several threads, they have the output, the
//! messages and the status of one.

use std::fmt::Write;
use std::fs;

use crate::common::{Shell, run};

/// Each file, and the commands that write it from `log`.
const FILES: [(&str, &str); 6] = [
    ("log.gz", "bgzip -c log >log.gz"),
    ("log.zst", "pzstd -q -p 3 -c log >log.zst"),
    (
        "frames.zst",
        "split -b 300k log part.; zstd -q part.*; cat part.*.zst >frames.zst",
    ),
    ("log.xz", "xz -1 -T2 --block-size=300KiB -c log >log.xz"),
    ("log.tpxz", "pixz -1 -p 2 log log.tpxz"),
    (
        "mixed.gz",
        "bgzip -c log >mixed.gz; gzip -c log >>mixed.gz; echo end >>mixed.gz",
    ),
];

/// Lines that are cut anywhere by the ends of the parts; each word is hard to compress.
fn log(random: &mut fastrand::Rng) -> String {
    let mut log = String::new();
    for i in 0..40_000 {
        let id = random.u64(..);
        let host = random.u8(..);
        let _ = match i % 1000 {
            0 => writeln!(log, "{}", "x".repeat(20_000)),
            1 => writeln!(log),
            _ => writeln!(
                log,
                "Failed password from 192.0.2.{host} port {i} id {id:016x}"
            ),
        };
    }
    log + "Failed password from 203.0.113.7"
}

#[test]
fn as_one_thread() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(18);
    fs::write(shell.path("log"), log(&mut random)).unwrap();
    let [from, to] = ["log", "log.tpxz"].map(|name| shell.path(name).display().to_string());
    let tools = [
        run("bgzip", &["--version"]),
        run("pzstd", &["-V"]),
        run("zstd", &["-V"]),
        run("xz", &["-V"]),
        run("pixz", &["-1", &from, &to]),
    ];
    if tools.contains(&None) {
        return;
    }
    let here = shell.directory.path().display();
    let records = shell.run(&format!("cd {here}; extract-ip log")).out;
    for (name, command) in FILES {
        let made = shell.run(&format!("cd {here}; {command}"));
        assert_eq!(made.err, "", "{command}");
        let good = fs::read(shell.path(name)).unwrap();
        let flags = ["", "--preset sshd", "--line"];
        for (number, flags) in flags.iter().chain(&[""; 4]).enumerate() {
            let mut packed = good.clone();
            // The first ones are good; then some are cut, and some damaged.
            if number >= 3 {
                let at = random.usize(..packed.len());
                match number % 2 {
                    0 => packed.truncate(at),
                    _ => packed[at] ^= 1 << random.u8(..8),
                }
            }
            fs::write(shell.path(name), packed).unwrap();
            let all = |threads: u32| {
                shell.run(&format!(
                    "cd {here}; extract-ip {flags} --threads {threads} {name}; echo $?;
                     count-ip --by user --threads {threads} {name} 2>/dev/null | tail -n 3"
                ))
            };
            let one = all(1);
            if number == 0 && name != "mixed.gz" {
                assert!(one.out.starts_with(&(records.clone() + "0\n")), "{name}");
            }
            for threads in [2, 3, 8] {
                let several = all(threads);
                assert_eq!(several.err, one.err, "{name} {flags}, change {number}");
                assert!(several == one, "{name} {flags}, change {number}");
            }
        }
    }
}

/// Files of records, counted.
#[test]
fn totals() {
    if run("bgzip", &["--version"]).is_none() {
        return;
    }
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(19);
    let mut records = String::new();
    for _ in 0..300_000 {
        let _ = writeln!(records, "10.{}.{}.7", random.u8(..), random.u8(..));
    }
    fs::write(shell.path("records"), records).unwrap();
    let here = shell.directory.path().display();
    let count = |threads: u32, file: &str| {
        shell.run(&format!("cd {here}; count-ip --threads {threads} {file}"))
    };
    let made = shell.run(&format!("cd {here}; bgzip -c records >packed"));
    assert_eq!(made.err, "");
    let plain = count(1, "records");
    assert!(plain.out.len() > 1_000_000);
    for threads in [1, 2, 3, 8] {
        assert!(count(threads, "packed") == plain, "{threads} threads");
    }
}
