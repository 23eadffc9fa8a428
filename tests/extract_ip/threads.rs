//! `--threads`: whatever their number, the output is that of one.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::common::{Shell, run};

/// A log of lines of all lengths: empty, short, longer than the longest line that is read, longer
/// than a part of the file; the last without a newline.
fn hostile(random: &mut fastrand::Rng, bytes: usize) -> Vec<u8> {
    let mut log = Vec::new();
    while log.len() < bytes {
        let length = match random.u32(..1_000_000) {
            0..10 => random.usize(..9_000_000),
            10..100 => random.usize((1 << 20) - 40..(1 << 20) + 40),
            100..10_000 => random.usize(..70_000),
            10_000..100_000 => 0,
            _ => random.usize(..200),
        };
        let end = log.len() + length;
        if random.bool() {
            log.extend_from_slice(b"Failed password for root from ");
        }
        while log.len() < end {
            let address = match random.u8(..4) {
                0 => format!("2001:db8::{:x}", random.u16(1..)),
                1 => format!("10.{}.0.0/16", random.u8(..)),
                _ => format!("192.0.2.{}", random.u8(..)),
            };
            log.extend_from_slice(address.as_bytes());
            let filler = random.usize(..80).min(end.saturating_sub(log.len()));
            log.extend((0..=filler).map(|_| b" \tx;\r\0\xff"[random.usize(..7)]));
        }
        log.push(b'\n');
    }
    log.extend_from_slice(b"from 198.51.100.77");
    log
}

const FLAGS: [&str; 9] = [
    "",
    "--first -6",
    "--field 3",
    "-e 'from <IP>' -v ';;;'",
    "-e Failed --json",
    "-e 'for (?P<user>.*) from <IP>' -e xx",
    "--whole --only 192.0.2.0/29",
    "-c --only 10.0.0.0/8",
    "--whole -e 'x;x' --not 192.0.2.0/24",
];

#[test]
fn as_one_thread() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(18);
    fs::write(shell.path("big"), hostile(&mut random, 14 << 20)).unwrap();
    fs::write(shell.path("small"), hostile(&mut random, 100_000)).unwrap();
    let packed = zstd::encode_all(&hostile(&mut random, 5 << 20)[..], 1).unwrap();
    fs::write(shell.path("packed"), packed).unwrap();
    let here = shell.directory.path().display();
    for flags in FLAGS {
        let run = |threads: usize| {
            let files = "small big none packed big";
            shell.run(&format!(
                "cd {here}; extract-ip {flags} --threads {threads} {files} | sha256sum"
            ))
        };
        let one = run(1);
        assert!(one.err.contains("than 1 MiB was cut"), "{}", one.err);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), one, "{flags} --threads {threads}");
        }
    }
}

/// A file that is cut has the output of the same bytes in a pipe, which is not.
#[test]
fn as_a_pipe() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(19);
    fs::write(shell.path("big"), hostile(&mut random, 10 << 20)).unwrap();
    let here = shell.directory.path().display();
    for flags in FLAGS {
        let sum = |command: &str| shell.run(&format!("cd {here}; {command} | sha256sum")).out;
        let cut = sum(&format!("extract-ip {flags} --threads 3 big"));
        let whole = sum(&format!("cat big | extract-ip {flags}"));
        assert_eq!(cut, whole, "{flags}");
    }
}

/// Without the memory for threads the output is the same.
#[test]
fn under_a_limit_of_memory() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(20);
    fs::write(shell.path("big"), hostile(&mut random, 10 << 20)).unwrap();
    let here = shell.directory.path().display();
    let sum = |limit: &str, threads: u32| {
        shell.run(&format!(
            "cd {here}; ulimit -v {limit}; extract-ip --threads {threads} big | sha256sum"
        ))
    };
    let expected = sum("unlimited", 1);
    for limit in ["100000", "300000", "1000000"] {
        for threads in [1, 8] {
            let limited = sum(limit, threads);
            assert_eq!(limited, expected, "{limit} KiB, {threads} threads");
        }
    }
}

/// Where the system allows no more threads the output is the same: an ordinary user's processes are
/// limited, which root's are not.
#[test]
fn without_threads() {
    // prlimit is in the same package.
    if run("setpriv", &["--version"]).is_none() {
        return;
    }
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(23);
    let log = hostile(&mut random, 6 << 20);
    fs::write(shell.path("log"), &log).unwrap();
    fs::write(
        shell.path("log.zst"),
        zstd::encode_all(&log[..], 1).unwrap(),
    )
    .unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&log).unwrap();
    fs::write(shell.path("log.gz"), gzip.finish().unwrap()).unwrap();
    fs::write(shell.path("cut.gz"), b"\x1f\x8b\x08\0\0\0\0\0\0\x03").unwrap();
    let here = shell.directory.path().display();
    let reads = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search";
    let user = match nix::unistd::getuid().is_root() {
        true => format!("setpriv --reuid=64321 --clear-groups {reads}"),
        false => String::new(),
    };
    for command in [
        "extract-ip log log.gz cut.gz log.zst",
        "extract-ip --with file log.gz log log.zst",
        "extract-ip --time log.gz log log.zst",
        "extract-ip /dev/stdin <log.gz",
        "count-ip log.gz log log.zst",
    ] {
        let run = |limit: &str| shell.run(&format!("cd {here}; {limit} {command} --threads 8"));
        let free = run("");
        assert!(!free.out.is_empty(), "{command}");
        assert_eq!(run(&format!("{user} prlimit --nproc=1")), free, "{command}");
    }
}

/// Waiting output is bounded, however late it is read; a reader that leaves ends all threads.
#[test]
fn a_reader_that_leaves() {
    let shell = Shell::new();
    let log = fs::File::create(shell.path("big")).unwrap();
    for i in 0..400 {
        let line = format!("{} 192.0.2.1 203.0.113.7\n", "x".repeat(100_000));
        log.write_all_at(line.as_bytes(), i * line.len() as u64)
            .unwrap();
    }
    let here = shell.directory.path().display();
    let head = shell.run(&format!(
        "cd {here}; extract-ip --line --threads 4 big big big | head -c 20 | cut -f 1"
    ));
    assert_eq!((head.out.as_str(), head.err.as_str()), ("192.0.2.1\n", ""));
}

/// Whichever thread finds that nothing can be printed, all end, and it is told once.
#[test]
fn a_full_disk() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(22);
    fs::write(shell.path("big"), hostile(&mut random, 14 << 20)).unwrap();
    let here = shell.directory.path().display();
    for threads in [1, 2, 8] {
        let full = shell.run(&format!(
            "cd {here}; extract-ip --threads {threads} big big none >/dev/full"
        ));
        let told = full.err.matches("standard output: No space left").count();
        assert_eq!((told, full.status), (1, Some(2)), "{}", full.err);
    }
}

/// Text of a later file waits in bounded memory, also while another thread prints what has waited.
#[test]
fn waiting_text_is_bounded() {
    let shell = Shell::new();
    let line = format!("{} 192.0.2.1\n", "x".repeat(1000));
    for (name, lines) in [("a", 3_000), ("b", 500_000)] {
        let packed = zstd::encode_all(line.repeat(lines).as_bytes(), 1).unwrap();
        fs::write(shell.path(name), packed).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_extract-ip"))
        .args(["--line", "--threads", "2"])
        .args([shell.path("a"), shell.path("b")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let highest = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB"));
        kilobytes.unwrap().parse::<u32>().unwrap()
    };
    // It grows until it waits for its reader.
    let settled = || {
        let mut before = 0;
        while highest() > before {
            before = highest();
            thread::sleep(Duration::from_millis(1500));
        }
        before
    };
    settled();
    // The text of the first file, and a part of the other's.
    let mut some = vec![0; 5 << 20];
    out.read_exact(&mut some).unwrap();
    let kilobytes = settled();
    assert!((64_000..200_000).contains(&kilobytes), "{kilobytes} kB");
    let rest = io::copy(&mut out, &mut io::sink()).unwrap();
    let text = "192.0.2.1\tline=".len() + line.len();
    assert_eq!(rest + some.len() as u64, text as u64 * 503_000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Compressed data behind text are told once, in whatever part of the file they begin.
#[test]
fn compressed_data_amid() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(21);
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03 192.0.2.1\n";
    let log = [
        hostile(&mut random, 9 << 20),
        b"\n".to_vec(),
        gzip.repeat(400_000),
    ]
    .concat();
    fs::write(shell.path("big"), log).unwrap();
    let here = shell.directory.path().display();
    for threads in [1, 3] {
        let outcome = shell.run(&format!(
            "cd {here}; extract-ip --threads {threads} big >/dev/null"
        ));
        let told = outcome.err.matches("gzip data behind plain text").count();
        assert_eq!((told, outcome.status), (1, Some(2)), "{}", outcome.err);
    }
}
