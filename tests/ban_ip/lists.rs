//! Lists of many bans are true while other processes ban and lift, and bans run out.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::both::with_each;
use crate::common::Shell;

/// Addresses of a /8, all over it.
fn addresses(network: u8, first: usize, number: usize) -> String {
    let address = |n: usize| {
        let n = (n * 2_654_435) % (1 << 24);
        format!("{network}.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255)
    };
    (first..first + number).map(address).collect()
}

/// The greatest number of times that each of the others bans, while three lists are read.
const ROUNDS: usize = 60;

/// With `PIPEBAN_TEST_BANS` more bans stand.
#[test]
fn lists_are_true_while_others_ban() {
    let standing = std::env::var("PIPEBAN_TEST_BANS");
    let standing = standing.ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    with_each("lists_are_true_while_others_ban", |backend, _, _| {
        // Each ban of iptables takes a look at all rules.
        let (standing, step) = match backend {
            "iptables" => (100, 5),
            _ => (standing, 60),
        };
        let shell = Shell::new();
        let tool = format!("ban-ip --backend {backend}");
        let ban = |time: &str, list: String| {
            let outcome = shell.feed(&format!("{tool} --for {time}"), list.as_bytes());
            assert_eq!(outcome.err, "", "{backend}");
        };
        ban("1d", addresses(11, 0, standing));
        let stop = AtomicBool::new(false);
        let until_stopped = |work: &dyn Fn(usize)| {
            for round in 0..ROUNDS {
                if !stop.load(Ordering::Relaxed) {
                    work(round * step);
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| until_stopped(&|n| ban("1d", addresses(12, n, step))));
            scope.spawn(|| until_stopped(&|n| ban("2s", addresses(13, n, step))));
            scope.spawn(|| {
                until_stopped(&|n| {
                    let list = addresses(14, n, step / 4);
                    ban("1d", list.clone());
                    shell.feed("unban-at now", list.as_bytes());
                });
            });
            let stopped = Stop(&stop);
            for round in 0..3 {
                let about = format!("{backend}, round {round}");
                let list = shell.run(&format!("{tool} --list"));
                assert_eq!(list.err, "", "{about}");
                let wrong =
                    |line: &&str| line.contains("only=") || line.contains("firewall-until=");
                let wrong: Vec<&str> = list.out.lines().filter(wrong).take(3).collect();
                assert!(wrong.is_empty(), "{about}: {wrong:?}");
                let found = list.out.lines().filter(|line| line.starts_with("11."));
                assert_eq!(found.count(), standing, "{about}");
                let verify = shell.run(&format!("{tool} --verify"));
                assert_eq!(
                    (verify.out.as_str(), verify.status),
                    ("", Some(0)),
                    "{about}"
                );
                let sync = shell.run(&format!("{tool} --sync"));
                // A lift that is entered and not yet told is done by whoever comes first.
                let wrong = |line: &&str| !line.starts_with("14.") || !line.contains("lifted=");
                let wrong: Vec<&str> = sync.out.lines().filter(wrong).take(3).collect();
                let said = (wrong.join("\n"), sync.err.as_str(), sync.status);
                assert_eq!(said, (String::new(), "", Some(0)), "{about}");
            }
            drop(stopped);
        });
        shell.run("rm $PIPEBAN_STATE*");
    });
}

/// Stops the others also after a failure: else nobody would hear of it.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
