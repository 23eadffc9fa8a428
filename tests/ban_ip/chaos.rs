//! Sixteen processes at once on one ledger and one firewall, killed, flushed and synced at random.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use fastrand::Rng;

use crate::common::{Shell, in_namespace, run};
use pipeban_ban::firewall::{Backend, Firewall};

/// The number of commands of each of the sixteen; this variable raises it.
const ROUNDS: &str = "PIPEBAN_CHAOS_ROUNDS";

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

/// A firewall by the name of its backend.
fn open(backend: &str) -> Box<dyn Firewall> {
    Backend::parse(backend).unwrap().open().ok().unwrap()
}

fn chaos(test: &str, backend: &'static str, flush: &'static [&'static str]) {
    in_namespace(test, || {
        if flush.iter().any(|f| run("sh", &["-c", f]).is_none())
            || run(backend, &["--version"]).is_none()
        {
            return;
        }
        let shell = Shell::new();
        let rounds: u64 = std::env::var(ROUNDS).map_or(8, |r| r.parse().unwrap());
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let shell = &shell;
                scope.spawn(move || {
                    let mut random = Rng::with_seed(thread);
                    for _ in 0..rounds {
                        let script = match random.u8(..16) {
                            0 => flush[random.usize(..flush.len())].to_owned(),
                            1 => format!("ban-ip --sync --backend {backend}"),
                            2..5 => "unban-at now".into(),
                            5 => "unban-at now+1hour".into(),
                            6 => format!("ban-ip --backend {backend}"),
                            n => format!("ban-ip --backend {backend} --for {n}h"),
                        };
                        // The killed one must be the tool, not a shell before it.
                        let mut child = shell
                            .command("sh")
                            .args(["-c", &format!("exec {script}")])
                            .stdin(Stdio::piped())
                            .stdout(Stdio::null())
                            .stderr(Stdio::null())
                            .spawn()
                            .unwrap();
                        // It may be gone, or never ask.
                        let _ = child
                            .stdin
                            .take()
                            .unwrap()
                            .write_all(addresses(&mut random).as_bytes());
                        if random.u8(..3) == 0 {
                            std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
                            let _ = child.kill();
                        }
                        child.wait().unwrap();
                    }
                });
            }
        });
        let agree = |when: &str| {
            let list = shell.run(&format!("ban-ip --list --backend {backend}"));
            assert_eq!(list.err, "", "{when}");
            assert!(
                !list.out.contains("\tonly=") && !list.out.contains("\tfirewall-until="),
                "{when}: {}",
                list.out
            );
            list
        };
        // The next run does the rest, and it notices a flush.
        let next = shell.run(&format!("ban-ip --backend {backend} --for 1h 198.51.100.1"));
        assert_eq!((next.err.as_str(), next.status), ("", Some(0)));
        agree("after the next run");
        assert_eq!(
            shell
                .run(&format!("ban-ip --sync --backend {backend}"))
                .status,
            Some(0)
        );
        let list = agree("after a sync");

        // The firewall's own word, without the tool.
        let mut firewall = open(backend);
        let held: BTreeSet<String> = firewall
            .list()
            .unwrap()
            .unwrap()
            .iter()
            .map(|b| b.0.to_string())
            .collect();
        let listed: BTreeSet<String> = list.addresses().iter().map(|a| a.to_string()).collect();
        assert!(held.len() > 1, "{held:?}");
        assert_eq!(held, listed);
        // No rule stands twice.
        if backend != "nft" {
            let rules = run("iptables-save", &["-t", "raw"]).unwrap();
            let rules: Vec<&str> = rules.lines().filter(|l| l.starts_with("-A")).collect();
            let different: BTreeSet<&&str> = rules.iter().collect();
            assert_eq!(rules.len(), different.len(), "{rules:?}");
        }
        // Nobody is left waiting.
        let all = list.addresses().join("\n");
        shell.feed("unban-at now", all.as_bytes());
        let waiters = || {
            let state = shell.path("state.db").display().to_string();
            let found = Command::new("pgrep")
                .args(["-f", &format!("unban-at.*{state}")])
                .output();
            found.is_ok_and(|o| o.status.success())
        };
        crate::common::wait_until("nobody waits", || !waiters());
    });
}

#[test]
fn sixteen_on_nft() {
    chaos(
        "sixteen_on_nft",
        "nft",
        &[
            "nft flush ruleset",
            "nft flush chain inet pipeban prerouting || true",
        ],
    );
}

#[test]
fn sixteen_on_ipset() {
    chaos(
        "sixteen_on_ipset",
        "ipset",
        &[
            "iptables -t raw -F",
            "sh -c 'iptables -t raw -F; ip6tables -t raw -F; ipset flush; ipset destroy; true'",
        ],
    );
}

#[test]
fn sixteen_on_iptables() {
    chaos(
        "sixteen_on_iptables",
        "iptables",
        &["iptables -t raw -F", "ip6tables -t raw -F"],
    );
}
