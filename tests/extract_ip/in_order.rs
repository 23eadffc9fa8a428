//! `--threads` where lines are judged by those before them: whatever the number of threads, output
//! and messages are those of one.

use std::fmt::Write as _;
use std::fs;

use crate::common::Shell;

/// A log of lines that depend on each other, in segments of different kinds.
struct Log {
    random: fastrand::Rng,
    text: String,
    /// Seconds since 1970.
    now: i64,
    /// The form of stamps, and whether it changes.
    form: u8,
    changes: bool,
    /// Lines of daemons that belong together, to be written one after the other.
    daemons: Vec<Vec<String>>,
    /// The rest of those that are begun.
    begun: Vec<Vec<String>>,
}

/// The examples of presets, lines of one session together; with or without those of presets into
/// whose logs clients can write lines.
fn examples(with_marked: bool) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/lib/log/presets");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
    paths.sort_by_key(|path| path.path());
    for path in paths.iter().map(fs::DirEntry::path) {
        if path.extension().is_none_or(|e| e != "txt") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        // Two have a line of such a log.
        let is_marked = ["\nstops ", "title ProFTPD", "title PostgreSQL"];
        if !with_marked && is_marked.iter().any(|mark| text.contains(mark)) {
            continue;
        }
        let mut lines = Vec::new();
        for line in text.lines() {
            let marks = ['«', '»', '‹', '›', '⟨', '⟩', '⟪', '⟫'];
            let line = line.replace(marks, "");
            match line.split_once(' ') {
                Some((">", rest)) => lines.push(rest.to_string()),
                Some(("-", rest)) => {
                    lines.push(rest.to_string());
                    all.push(std::mem::take(&mut lines));
                }
                Some(("+", rest)) => {
                    lines.push(rest.split_once(' ').unwrap().1.to_string());
                    all.push(std::mem::take(&mut lines));
                }
                _ => {}
            }
        }
    }
    all
}

impl Log {
    fn new(seed: u64) -> Log {
        let random = fastrand::Rng::with_seed(seed);
        let text = String::new();
        // Clocks in Berlin showed an hour twice soon after that.
        let now = 1_761_430_000;
        Log {
            random,
            text,
            now,
            form: 0,
            changes: true,
            daemons: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// The same, with lines of these daemons among the others.
    fn of(seed: u64, daemons: &[Vec<String>]) -> Log {
        Log {
            daemons: daemons.to_vec(),
            ..Log::new(seed)
        }
    }

    /// The same, with stamps of one form.
    fn ordered(self) -> Log {
        let (form, changes) = (4, false);
        Log {
            form,
            changes,
            ..self
        }
    }

    /// The next line of a daemon.
    fn daemon(&mut self) -> String {
        if self.begun.len() < 20 {
            let next = self.daemons[self.random.usize(..self.daemons.len())].clone();
            let (pid, ip) = (self.random.u16(..3000).to_string(), self.address());
            let change = |line: &String| {
                let line = line
                    .replace("4242", &pid)
                    .replace("[99]", &format!("[{pid}]"));
                line.replace("203.0.113.7", &ip)
            };
            let mut lines: Vec<_> = next.iter().rev().map(change).collect();
            if self.random.u8(..10) == 0 {
                let (count, last) = (self.random.u8(..4), lines[0].clone());
                let host = if self.random.u8(..3) == 0 {
                    "other"
                } else {
                    "host"
                };
                let again = format!("Mar 30 02:16:18 {host} last message repeated {count} times");
                let head = last.split_once("]: ").map(|(head, words)| {
                    format!("{head}]: message repeated {count} times: [ {words}]")
                });
                lines.insert(0, again.clone());
                lines.insert(0, again);
                lines.extend(head);
            }
            self.begun.push(lines);
        }
        let at = match self.random.u8(..3) {
            0 => self.random.usize(..self.begun.len()),
            _ => self.begun.len() - 1,
        };
        let line = self.begun[at].pop().unwrap();
        if self.begun[at].is_empty() {
            self.begun.swap_remove(at);
        }
        let stamp = self.stamp();
        match line.strip_prefix("Mar 30 02:16:1") {
            Some(rest) => format!("{stamp}{}", &rest[1..]),
            None => line,
        }
    }

    fn address(&mut self) -> String {
        match self.random.u8(..4) {
            0 => format!("2001:db8::{:x}", self.random.u16(1..)),
            _ => format!("198.51.100.{}", self.random.u8(..)),
        }
    }

    /// A stamp in the form of this segment.
    fn stamp(&mut self) -> String {
        self.now += self.random.i64(0..2) * self.random.i64(0..3);
        // To days that could be months, too.
        if self.changes && self.random.u16(..10_000) == 0 {
            self.now += self.random.i64(0..3) * 86_400;
        }
        let time = chrono::DateTime::from_timestamp(self.now, 0).unwrap();
        let form = match self.form {
            0 => "%b %e %H:%M:%S",
            1 => "%Y-%m-%dT%H:%M:%S.000Z",
            2 => "%d/%m/%Y %H:%M:%S",
            3 => "%m/%d/%Y %H:%M:%S",
            _ => "%Y-%m-%d %H:%M:%S",
        };
        time.format(form).to_string()
    }

    /// Words of some length, seldom a long one.
    fn words(&mut self) -> String {
        let length = match self.random.u32(..100_000) {
            0 => self.random.usize(..3_000_000),
            1..10 => self.random.usize(1000..70_000),
            _ => self.random.usize(..120),
        };
        let signs: &[u8] = b"abc xyz 019.:[]{}\"'\\/;,|=-_";
        let sign = |_| signs[self.random.usize(..signs.len())] as char;
        (0..length).map(sign).collect()
    }

    /// The words of a daemon, with its name and process.
    fn message(&mut self) -> String {
        let (ip, words) = (self.address(), self.words());
        match self.random.u8(..6) {
            0 => format!("host app[{}]: {words}", self.random.u8(..)),
            1 => format!("host app: refused {ip} {words}"),
            _ => format!("host sshd[1]: Failed password for root from {ip} port 22 ssh2"),
        }
    }

    /// A line, in a carrier of this number.
    fn line(&mut self, carrier: u8) {
        let (stamp, message) = (self.stamp(), self.message());
        let bare = match self.random.u8(..20) {
            3.. if !self.daemons.is_empty() => self.daemon(),
            0 => message,
            1 => String::new(),
            _ => format!("{stamp} {message}"),
        };
        let time = chrono::DateTime::from_timestamp(self.now, 0).unwrap();
        let time = time.format("%Y-%m-%dT%H:%M:%S.5Z");
        let (cut, ip) = (self.random.u8(..30) == 0, self.address());
        let out = &mut self.text;
        let _ = match carrier {
            0 => writeln!(out, "{bare}"),
            1 => writeln!(out, "/var/log/x.log\t{bare}"),
            2 => {
                let tag = if cut { "P" } else { "F" };
                writeln!(out, "{time} stderr {tag} {bare}")
            }
            3 => {
                let text = bare.replace('\\', r"\\").replace('"', "\\\"");
                let end = if cut { "" } else { "\\n" };
                let stream = if text.len() % 2 == 0 {
                    "stdout"
                } else {
                    "stderr"
                };
                writeln!(
                    out,
                    r#"{{"log":"{text}{end}","stream":"{stream}","time":"{time}"}}"#
                )
            }
            _ if cut => writeln!(out, "{{\"ip\":{bare}"),
            _ => {
                let user = bare.len() % 7;
                writeln!(out, r#"{{"t":"{time}","ip":"{ip}","user":"u{user}"}}"#)
            }
        };
    }

    /// Segments of these carriers, in all so many bytes.
    fn segments(mut self, carriers: &[u8], bytes: usize) -> String {
        while self.text.len() < bytes {
            let carrier = carriers[self.random.usize(..carriers.len())];
            if self.changes && self.random.u8(..3) == 0 {
                self.form = self.random.u8(..5);
            }
            let end = self.text.len() + self.random.usize(..5_000_000);
            while self.text.len() < end.min(bytes) {
                self.line(carrier);
            }
        }
        // The last line lacks its newline.
        self.text.pop();
        self.text
    }
}

/// Runs a command by 1, 2, 3 and 8 threads; output, messages and status must be the same.
fn compare(shell: &Shell, command: &str) {
    let here = shell.directory.path().display();
    let run = |threads: u8| {
        let script = format!(
            "cd {here}; export TZ=Europe/Berlin; \
             {command} --threads {threads} >out; echo $?; sha256sum <out"
        );
        let outcome = shell.run(&script);
        (outcome.out, outcome.err)
    };
    let one = run(1);
    let printed = fs::metadata(shell.path("out")).unwrap().len();
    assert!(printed > 0, "{command}: {}", one.1);
    for threads in [2, 3, 8] {
        assert_eq!(run(threads), one, "{command} --threads {threads}");
    }
}

const FILTER: &str = "[Definition]
failregex = ^\\S+ sshd\\[\\d+\\]: Failed \\S+ for <F-USER>.*</F-USER> from <HOST> port \\d+
";

#[test]
fn times_and_keys() {
    let shell = Shell::new();
    let write = |name: &str, text: String| fs::write(shell.path(name), text).unwrap();
    write("plain", Log::new(1).segments(&[0], 15 << 20));
    write("ordered", Log::new(7).ordered().segments(&[0], 14 << 20));
    write("mixed", Log::new(2).segments(&[0, 1, 2, 3], 15 << 20));
    write("pieces", Log::new(3).segments(&[2, 3], 15 << 20));
    write("objects", Log::new(4).segments(&[4], 14 << 20));
    write("small", Log::new(5).segments(&[0, 4], 100_000));
    write("filter.conf", FILTER.into());
    let packed = zstd::encode_all(Log::new(6).segments(&[0], 6 << 20).as_bytes(), 1).unwrap();
    fs::write(shell.path("packed"), packed).unwrap();
    for command in [
        "extract-ip --time plain",
        "extract-ip --time -l --json mixed",
        "extract-ip --time --first -e 'password for (?P<user>.*) from <IP>' --with user,host mixed",
        "extract-ip --time -6 pieces",
        "extract-ip --with host,pid,file small none plain packed pieces",
        "extract-ip --since 2025-10-26T00:30:00Z --until 2025-10-26T01:10:00Z ordered",
        "extract-ip -c --since 2025-10-26T00:30:00Z mixed ordered",
        "extract-ip --whole --until 2025-10-26T00:30:00Z -e Failed ordered mixed",
        "extract-ip --key ip small objects plain",
        "extract-ip --key ip --where user=u1 --time --with user -l objects",
        "extract-ip --filter ./filter.conf --with user plain small mixed packed",
        "extract-ip --filter ./filter.conf --time mixed",
    ] {
        compare(&shell, command);
    }
}

#[test]
fn presets() {
    let shell = Shell::new();
    let write = |name: &str, text: String| fs::write(shell.path(name), text).unwrap();
    let (believed, all) = (examples(false), examples(true));
    let mut sshd = all.clone();
    sshd.retain(|lines| lines.iter().any(|line| line.contains("sshd")));
    write("sshd", Log::of(11, &sshd).segments(&[0], 14 << 20));
    let ordered = Log::of(18, &sshd).ordered();
    write("ordered", ordered.segments(&[0], 14 << 20));
    write(
        "mixed",
        Log::of(12, &believed).segments(&[0, 0, 1], 15 << 20),
    );
    write(
        "carried",
        Log::of(13, &believed).segments(&[0, 1, 2, 3], 15 << 20),
    );
    write("stopped", Log::of(14, &all).segments(&[1, 0], 15 << 20));
    write("small", Log::of(15, &sshd).segments(&[0, 4], 100_000));
    write("strange", Log::new(16).segments(&[4], 9 << 20));
    let packed = Log::of(17, &believed).segments(&[0], 6 << 20);
    let packed = zstd::encode_all(packed.as_bytes(), 1).unwrap();
    fs::write(shell.path("packed"), packed).unwrap();
    let names =
        "sshd,pam-generic,dovecot,postfix,proftpd,postgresql,mysqld,slapd,sendmail,dropbear";
    for options in [
        "sshd sshd",
        "sshd -l --time --json sshd",
        "sshd,pam-generic --with user,host,pid,file --time mixed",
        "sshd -v 'root|[1-4]$' --whole sshd",
        "sshd -c --only 198.51.100.0/25 sshd small",
        "all mixed",
        "all --time --json --with user,path carried",
        "all -6 stopped mixed",
        "all -c packed stopped small none mixed",
        "sshd strange small mixed",
        "sshd --since 2025-10-26T00:30:00Z --until 2025-10-26T09:00:00Z ordered",
        "all --until 2025-10-26T05:00:00Z carried packed",
        "sshd -e 'refused <IP>' -e ': Failed .* for root from <IP>' -l mixed",
        "sshd --whole --since 2025-10-26T00:30:00Z ordered small",
    ] {
        compare(&shell, &format!("extract-ip --preset {options}"));
    }
    for options in ["-l stopped mixed", "--time --with user mixed carried"] {
        compare(&shell, &format!("extract-ip --preset {names} {options}"));
    }
}

/// More output than may wait, and without the memory for threads.
#[test]
fn much_output_and_little_memory() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(19);
    let mut long = String::new();
    while long.len() < 10 << 20 {
        let addresses = (0..20).map(|_| format!("192.0.2.{} ", random.u8(..)));
        let addresses: String = addresses.collect();
        writeln!(long, "2026-03-30 02:16:17 {addresses}{}", "x".repeat(9000)).unwrap();
        for _ in 0..random.usize(..300) {
            writeln!(long, "2026-03-30 02:16:17 192.0.2.1").unwrap();
        }
    }
    fs::write(shell.path("long"), long).unwrap();
    compare(&shell, "extract-ip --time --line long");
    let sshd: Vec<_> = examples(true)
        .into_iter()
        .filter(|lines| lines.iter().any(|line| line.contains("sshd")))
        .collect();
    let log = Log::of(20, &sshd).segments(&[0], 10 << 20);
    fs::write(shell.path("log"), log).unwrap();
    let here = shell.directory.path().display();
    let sum = |limit: &str, threads: u8| {
        shell.run(&format!(
            "cd {here}; ulimit -v {limit}; \
             extract-ip --preset all --time --threads {threads} log | sha256sum"
        ))
    };
    let expected = sum("unlimited", 1);
    for limit in ["40000", "70000", "300000"] {
        for threads in [8, 64] {
            let limited = sum(limit, threads);
            assert_eq!(limited, expected, "{limit} KiB, {threads} threads");
        }
    }
}
