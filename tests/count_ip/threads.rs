//! `--threads`: whatever their number, the totals and messages are those of one.

use std::fmt::Write;
use std::fs;

use crate::common::Shell;

/// Records of many forms, a few of them bad.
fn records(random: &mut fastrand::Rng, lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        let n = random.u32(..300_000);
        let _ = match random.u32(..1000) {
            0..100 => write!(text, "2001:db8:{:x}::{:x}", n & 7, n >> 4),
            100..150 => write!(text, "10.{}.0.0/16", n % 256),
            _ => write!(text, "10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
        };
        let _ = match random.u32(..1000) {
            0..50 => write!(text, "\tat=2026-03-30T{:02}:{:02}:17Z", n % 24, n % 60),
            50..100 => write!(text, "\tcount={}\tuser=x", n % 10),
            100 => write!(text, " ; a word\r"),
            101 if line % 7 == 0 => write!(text, ".nobody"),
            102 => write!(text, "\n\n# a comment"),
            103 => write!(text, "\tcount=18446744073709551615"),
            _ => Ok(()),
        };
        text.push('\n');
    }
    text + "192.0.2.1"
}

#[test]
fn as_one_thread() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(18);
    fs::write(shell.path("big"), records(&mut random, 700_000)).unwrap();
    fs::write(shell.path("small"), records(&mut random, 1_000)).unwrap();
    let packed = zstd::encode_all(records(&mut random, 50_000).as_bytes(), 1).unwrap();
    fs::write(shell.path("packed"), packed).unwrap();
    let here = shell.directory.path().display();
    for flags in [
        "",
        "--plain --top 1000",
        "--min 4 --json",
        "--prefix4 24 --prefix6 48",
        "--prefix4 0",
        "--merge",
    ] {
        let run = |threads: usize| {
            shell.run(&format!(
                "cd {here}; count-ip {flags} --threads {threads} small big packed"
            ))
        };
        let one = run(1);
        assert!(one.out.len() > 5 && one.err.contains("big:"), "{flags}");
        for threads in [2, 3, 8] {
            let several = run(threads);
            assert_eq!(several.err, one.err, "{flags} --threads {threads}");
            assert!(several == one, "{flags} --threads {threads}");
        }
        let limited = shell.run(&format!(
            "cd {here}; ulimit -v 500000; count-ip {flags} --threads 4 small big packed"
        ));
        assert!(limited == one, "{flags}");
    }
}

/// Whichever thread finds that nothing can be printed, all end, and it is told once.
#[test]
fn a_full_disk() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(22);
    fs::write(shell.path("big"), records(&mut random, 700_000)).unwrap();
    let here = shell.directory.path().display();
    for threads in [1, 2, 8] {
        let full = shell.run(&format!(
            "cd {here}; count-ip --threads {threads} big >/dev/full"
        ));
        let told = full.err.matches("standard output: No space left").count();
        assert_eq!((told, full.status), (1, Some(2)), "{}", full.err);
        let head = shell.run(&format!(
            "cd {here}; count-ip --threads {threads} big 2>/dev/null | head -n 1 | wc -l"
        ));
        assert_eq!(head.out, "1\n", "{threads} threads");
    }
}

/// More addresses than the tables of several threads may hold; a file that is not there; a line
/// that is too long: one thread does it, and says what is wrong with which line.
#[test]
fn one_thread_in_the_end() {
    let shell = Shell::new();
    let mut many = String::new();
    for n in 0..1_000_000 {
        let _ = writeln!(
            many,
            "10.{}.{}.{}\tat=2026-03-30T02:16:17Z",
            n >> 16,
            n >> 8 & 255,
            n & 255
        );
    }
    fs::write(shell.path("many"), &many).unwrap();
    many.truncate(9 << 20);
    let long = format!("192.0.2.1\n192.0.2.7 {}\nnothing\n", "x".repeat(2 << 20));
    fs::write(shell.path("long"), many + "1\n" + &long).unwrap();
    let here = shell.directory.path().display();
    for files in ["many", "long", "none long"] {
        let run =
            |threads: usize| shell.run(&format!("cd {here}; count-ip --threads {threads} {files}"));
        let (one, three) = (run(1), run(3));
        assert_eq!(one.err, three.err, "{files}");
        assert!(one == three, "{files}");
    }
}
