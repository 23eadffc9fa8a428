//! Sixteen processes at once on one ledger and one firewall, killed, flushed and synced at random,
//! while the ruleset is loaded anew, the disk is full and the clock is set. In the end, after one
//! further ban, the firewall holds the bans of the ledger.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::common::{Outcome, Shell, run, unshared, wait_until};
use pipeban::time::Time;
use pipeban_ban::firewall::{Backend, Firewall};

/// The seconds that a storm lasts, with the clock set; else it is a short one.
const SECONDS: &str = "PIPEBAN_TEST_STORM";
/// A number that gives the same commands again; else a long storm draws one.
const SEED: &str = "PIPEBAN_TEST_STORM_SEED";
/// The number of commands of each of the sixteen, between two looks at the result.
const COMMANDS: u64 = 8;
/// How far the clock is set after each round, in seconds; in the end it is right again.
const CLOCKS: [i64; 6] = [
    9 * 3_600,
    -9 * 3_600,
    -9 * 3_600,
    400 * 86_400,
    -3,
    3 + 9 * 3_600 - 400 * 86_400,
];

/// Addresses and networks that overlap, among few, so that processes meet.
fn addresses(random: &mut Rng) -> String {
    let one = |n: u64| match n % 8 {
        0 => format!("203.0.113.{}/31", n / 8 % 16 * 2),
        1 => format!("203.0.{}.0/24", n / 8 % 8),
        2 => format!("2001:db8::{:x}", n / 8 % 16),
        3 => format!("2001:db8:{:x}::/48", n / 8 % 8),
        _ => format!("203.0.113.{}", n / 8 % 32),
    };
    (0..12).map(|_| one(random.u64(..1 << 20)) + "\n").collect()
}

/// One of the firewalls.
struct Storm {
    shell: Shell,
    backend: &'static str,
    /// Commands that remove all bans.
    flush: &'static [&'static str],
    is_long: bool,
    seed: u64,
    begun: Instant,
    /// The commands of this round with their times and outputs: kept if it fails.
    trace: PathBuf,
}

impl Storm {
    /// Writes a line of the trace: all that one process did.
    fn note(&self, begun: Instant, text: &str) {
        let [begun, ended] = [begun, Instant::now()].map(|t| t.duration_since(self.begun));
        let line = format!("{begun:.4?} {ended:.4?} {text}\n");
        let opened = File::options().create(true).append(true).open(&self.trace);
        opened.unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// The lines of the trace that name one of the differing targets.
    fn traced(&self, differ: &[&str]) -> String {
        let targets = differ.iter().filter_map(|line| line.split('\t').next());
        let targets: Vec<&str> = targets.collect();
        let files = [self.trace.with_extension("before"), self.trace.clone()];
        let text = files.map(|file| std::fs::read_to_string(file).unwrap_or_default());
        let text = text.concat();
        let names = |line: &&str| {
            let mut words = line.split(|c: char| c.is_whitespace() || "\"\\".contains(c));
            words.any(|word| targets.contains(&word))
        };
        let lines = text.lines().filter(names);
        let lines: Vec<&str> = lines.collect();
        format!(
            "seed {}, trace {}\n{}",
            self.seed,
            self.trace.display(),
            lines.join("\n")
        )
    }

    /// One command at random, which may be killed.
    fn one(&self, random: &mut Rng) {
        let begun = Instant::now();
        let Storm { backend, flush, .. } = self;
        let directory = self.shell.directory.path().display();
        let script = match random.u8(..20) {
            0 => flush[random.usize(..flush.len())].to_owned(),
            1 => format!("ban-ip --sync --backend {backend}"),
            2..5 => "unban-at now".into(),
            5 => "unban-at now+1hour".into(),
            6 => format!("ban-ip --backend {backend}"),
            7 => format!("ban-ip --list --backend {backend}"),
            8 => "unban-at --due".into(),
            9 if self.is_long => format!("ban-ip --backend {backend} --for 1s"),
            10 if self.is_long && random.u8(..8) == 0 => {
                let big = format!("{directory}/big");
                let full = format!("cat /dev/zero >{big} 2>/dev/null; sleep 1; rm -f {big}");
                self.shell.run(&full);
                self.note(begun, "full disk");
                return;
            }
            n => format!("ban-ip --backend {backend} --for {n}h"),
        };
        // The killed one must be the tool, not a shell before it.
        let mut child = self
            .shell
            .command("sh")
            .args(["-c", &format!("exec {script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = addresses(random);
        let kill = random.u8(..3) == 0;
        let pause = Duration::from_micros(if kill { random.u64(..20_000) } else { 0 });
        let (mut stdin, given) = (child.stdin.take().unwrap(), input.clone());
        let outputs = std::thread::scope(|scope| {
            // It may be gone, or never ask.
            scope.spawn(move || _ = stdin.write_all(given.as_bytes()));
            if kill {
                std::thread::sleep(pause);
                let _ = child.kill();
            }
            child.wait_with_output().unwrap()
        });
        let [out, err] = [&outputs.stdout, &outputs.stderr].map(|o| String::from_utf8_lossy(o));
        let text = format!(
            "{script} {} < {} > {:?} {:?}",
            outputs.status,
            input.replace('\n', " "),
            out,
            err
        );
        self.note(begun, &text);
    }

    fn round(&self, round: u64) {
        std::thread::scope(|scope| {
            for thread in 0..16 {
                scope.spawn(move || {
                    let seed = self.seed << 32 | round << 8 | thread;
                    let mut random = Rng::with_seed(seed);
                    (0..COMMANDS).for_each(|_| self.one(&mut random));
                });
            }
        });
        if self.is_long {
            // Short bans are over.
            std::thread::sleep(Duration::from_millis(1_500));
            self.shell.run("unban-at --due");
        }
    }

    /// Ledger and firewall agree. Of a ban that began in the future, by a clock that was set back
    /// since then, its whole length is left as long as that lasts: such bans are passed over.
    fn agree(&self, when: &str) -> Outcome {
        let mut list = self
            .shell
            .run(&format!("ban-ip --list --backend {}", self.backend));
        assert_eq!(list.err, "", "{when}");
        let differs = |l: &&str| l.contains("\tonly=") || l.contains("\tfirewall-until=");
        let now = Time::now();
        let is_ahead = |l: &&str| {
            let since = l.split('\t').find_map(|field| field.strip_prefix("since="));
            let since = since.and_then(|since| Time::parse(since.as_bytes()));
            since.is_some_and(|since| since > now)
        };
        let differ = list.out.lines().filter(differs);
        let differ: Vec<&str> = differ.filter(|l| !is_ahead(l)).collect();
        assert!(
            differ.is_empty(),
            "{when}: {differ:?}\n{}",
            self.traced(&differ)
        );
        // The firewall has let go of these.
        let left = |l: &&str| !(is_ahead(l) && l.contains("\tonly=ledger"));
        let held: Vec<&str> = list.out.lines().filter(left).collect();
        list.out = held.join("\n");
        list
    }

    /// The next run does the rest, and it notices a flush.
    fn check(&self, round: u64) -> Outcome {
        let Storm { backend, .. } = self;
        let (a, b) = (round / 250 % 250, round % 250);
        let next = self.shell.run(&format!(
            "ban-ip --backend {backend} --for 1h 198.18.{a}.{b}"
        ));
        assert_eq!(
            (next.err.as_str(), next.status),
            ("", Some(0)),
            "round {round}"
        );
        self.agree(&format!("round {round}, after the next run"));
        let sync = self
            .shell
            .run(&format!("ban-ip --sync --backend {backend}"));
        assert_eq!(sync.status, Some(0), "{sync:?}");
        let list = self.agree(&format!("round {round}, after a sync"));

        // The firewall's own word, without the tool.
        let mut firewall: Box<dyn Firewall> = Backend::parse(backend).unwrap().open().ok().unwrap();
        let held = firewall.list().unwrap().unwrap();
        let held: BTreeSet<String> = held.iter().map(|b| b.0.to_string()).collect();
        let listed: BTreeSet<String> = list.addresses().iter().map(|a| a.to_string()).collect();
        assert!(held.len() > 1, "{held:?}");
        assert_eq!(held, listed, "round {round}");
        // No rule stands twice.
        if *backend != "nft" {
            let rules = run("iptables-save", &["-t", "raw"]).unwrap();
            let rules: Vec<&str> = rules.lines().filter(|l| l.starts_with("-A")).collect();
            let different: BTreeSet<&&str> = rules.iter().collect();
            assert_eq!(rules.len(), different.len(), "{rules:?}");
        }
        list
    }

    /// Sets the clock: a timer synchronises then. All times of the ledger are set the other way,
    /// which is the same. Short bans are over: where the clock is behind, the ledger would have
    /// them last for their length again and again.
    fn set_clock(&self, round: u64) {
        let seconds = CLOCKS[usize::try_from(round).unwrap() % CLOCKS.len()];
        let state = self.shell.path("state.db").display().to_string();
        let shift = format!("- {seconds} * 1000000");
        let rows = format!(
            "PRAGMA busy_timeout = 60000; BEGIN IMMEDIATE;
             DELETE FROM ban WHERE until - since < 5000000;
             UPDATE ban SET since = since {shift}, until = until {shift}, ends = ends {shift};
             UPDATE past SET since = since {shift}, until = until {shift}, ends = ends {shift};
             UPDATE lifted SET at = at {shift}; UPDATE later SET due = due {shift};
             UPDATE unprinted SET at = at {shift}; UPDATE state SET clock = clock {shift}; COMMIT"
        );
        run("sqlite3", &[&state, &rows]);
        let back = Duration::from_secs(seconds.min(0).unsigned_abs());
        if back < Duration::from_secs(60) {
            // Of a ban that begins in a moment, its whole length is left until then: that is less
            // than its end says then. It is not passed over in the next round.
            std::thread::sleep(back);
        }
        let sync = format!("ban-ip --sync --backend {}", self.backend);
        let sync = self.shell.run(&sync);
        assert_eq!((sync.err.as_str(), sync.status), ("", Some(0)));
        self.agree(&format!("round {round}, when the clock was set"));
    }
}

fn storm(test: &str, backend: &'static str, flush: &'static [&'static str]) {
    unshared("-rnm", test, || {
        if flush.iter().any(|f| run("sh", &["-c", f]).is_none())
            || run(backend, &["--version"]).is_none()
        {
            return;
        }
        let shell = Shell::new();
        let directory = shell.directory.path().display().to_string();
        run(
            "mount",
            &["-t", "tmpfs", "-o", "size=8m", "none", &directory],
        );
        let seconds: Option<u64> = std::env::var(SECONDS).ok().map(|s| s.parse().unwrap());
        let seed = std::env::var(SEED).map(|s| s.parse().unwrap());
        let seed =
            seed.unwrap_or_else(|_| u64::from(seconds.is_some()) * fastrand::u64(1..1 << 20));
        println!("{backend}: seed {seed}");
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let storm = Storm {
            shell,
            backend,
            flush,
            is_long: seconds.is_some(),
            seed,
            begun: Instant::now(),
            trace: folder.join(format!("storm-{backend}-{}", std::process::id())),
        };
        let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
        let mut last = None;
        for round in 0.. {
            storm.round(round);
            last = Some(storm.check(round));
            if Instant::now() >= end {
                println!("{backend}: {} rounds", round + 1);
                break;
            }
            // The next one ends what this one has begun.
            let last = storm.trace.with_extension("before");
            std::fs::rename(&storm.trace, last).unwrap();
            if storm.is_long {
                storm.set_clock(round);
            }
        }
        let _ = std::fs::remove_file(storm.trace.with_extension("before"));
        let _ = std::fs::remove_file(&storm.trace);
        // Nobody is left waiting.
        let all = last
            .map(|list| list.addresses().join("\n"))
            .unwrap_or_default();
        storm.shell.feed("unban-at now", all.as_bytes());
        let waiters = || {
            let state = storm.shell.path("state.db").display().to_string();
            let found = Command::new("pgrep")
                .args(["-f", &format!("unban-at.*{state}")])
                .output();
            found.is_ok_and(|o| o.status.success())
        };
        wait_until("nobody waits", || !waiters());
    });
}

#[test]
fn sixteen_on_nft() {
    storm(
        "sixteen_on_nft",
        "nft",
        &[
            "nft flush ruleset",
            "nft flush chain inet pipeban prerouting || true",
            "nft 'flush ruleset; add table inet filter; \
             add chain inet filter input { type filter hook input priority 0; }'",
        ],
    );
}

#[test]
fn sixteen_on_ipset() {
    storm(
        "sixteen_on_ipset",
        "ipset",
        &[
            "iptables -t raw -F",
            "sh -c 'iptables -t raw -F; ip6tables -t raw -F; ipset flush; ipset destroy; true'",
            "sh -c 'printf \"*raw\\n:PREROUTING ACCEPT\\nCOMMIT\\n\" | iptables-restore'",
        ],
    );
}

#[test]
fn sixteen_on_iptables() {
    storm(
        "sixteen_on_iptables",
        "iptables",
        &[
            "iptables -t raw -F",
            "ip6tables -t raw -F",
            "sh -c 'printf \"*raw\\n:PREROUTING ACCEPT\\nCOMMIT\\n\" | iptables-restore'",
        ],
    );
}
