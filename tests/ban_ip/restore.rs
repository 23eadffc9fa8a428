//! Bans that are lost while they are restored.

use pipeban_ban::firewall::Firewall;

use crate::backends::{HOUR, address, connect};
use crate::both::ended;
use crate::common::{Shell, in_namespace, run};

/// The number of bans, and that of pairs of loads; tests/long.sh has more.
fn fire() -> (usize, usize) {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let bans = number("PIPEBAN_TEST_BANS").unwrap_or(20_000);
    (bans, number("PIPEBAN_TEST_LOADS").unwrap_or(15))
}

#[test]
fn bans_are_restored_under_fire() {
    in_namespace("bans_are_restored_under_fire", || {
        let shell = Shell::new();
        let (bans, loads) = fire();
        let many: String = (0..bans)
            .map(|n| format!("198.18.{}.{}\n", n / 250, n % 250))
            .collect();
        let banned = shell.feed("ban-ip --for 1d | wc -l", many.as_bytes());
        assert_eq!(banned.out.trim(), bans.to_string());
        let conf = shell.path("conf");
        let rules =
            "add table inet host; add chain inet host c { type filter hook input priority 0; }\n";
        std::fs::write(&conf, format!("flush ruleset\n{rules}")).unwrap();
        // Bans come one by one, while others load their ruleset at any moment.
        let script = format!(
            "seq -f 203.0.113.%g 1 200 | while read a; do echo $a; sleep 0.02; done |
                 ban-ip --for 1d > $HOME/out &
             for n in $(seq {loads}); do
                 nft -f {0}; sleep 0.0$((n * 7 % 10)); nft -f {0}
             done; wait; echo $?",
            conf.display()
        );
        let home = tempfile::tempdir().unwrap();
        let mut sh = shell.command("sh");
        sh.args(["-c", &script]).env("HOME", home.path());
        let outcome = crate::common::feed(&mut sh, b"");
        assert_eq!((outcome.err.as_str(), outcome.out.as_str()), ("", "0\n"));
        let printed = std::fs::read_to_string(home.path().join("out")).unwrap();
        assert_eq!(printed.lines().count(), 200);
        ended(
            &shell.run("ban-ip --for 1d 192.0.2.1"),
            0,
            &["192.0.2.1"],
            "one more",
        );
        let list = shell.run("ban-ip --list");
        assert_eq!(list.addresses().len(), bans + 201);
        assert!(
            !list.out.contains("only="),
            "{}",
            list.out.lines().find(|l| l.contains("only=")).unwrap_or("")
        );
    });
}

#[test]
fn bans_that_are_lost_while_they_are_restored_are_not_complete() {
    in_namespace(
        "bans_that_are_lost_while_they_are_restored_are_not_complete",
        || {
            let other = "flush ruleset; add table inet host; add chain inet host c";
            for (name, flush) in [
                ("nft", format!("nft '{other}'")),
                ("ipset", "ipset flush".into()),
                ("iptables", "iptables -t raw -F; ip6tables -t raw -F".into()),
            ] {
                if run(name, &["--version"]).is_none() {
                    continue;
                }
                let ban = |firewall: &mut dyn Firewall, last: u8| {
                    let text = format!("203.0.113.{last}");
                    firewall.ban(&[(address(&text), HOUR)]).unwrap();
                };
                let mut firewall = connect(name);
                assert!(firewall.ensure().unwrap(), "{name}");
                ban(&mut *firewall, 1);
                run("sh", &["-c", &flush]);
                ban(&mut *firewall, 2);
                assert!(
                    !firewall.restored().unwrap(),
                    "{name}: the first one is lost"
                );
                assert!(connect(name).ensure().unwrap(), "{name}: all see that");
                assert!(firewall.ensure().unwrap(), "{name}");
                ban(&mut *firewall, 1);
                ban(&mut *firewall, 2);
                assert!(
                    firewall.restored().unwrap(),
                    "{name}: now they are complete"
                );
                assert!(!connect(name).ensure().unwrap(), "{name}");
                run("sh", &["-c", &flush]);
                assert!(firewall.lost_again().unwrap(), "{name}");
            }
        },
    );
}

/// Firewall and ledger agree: that is well, and the status says so.
#[test]
fn a_sync_without_work_is_well() {
    in_namespace("a_sync_without_work_is_well", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 203.0.113.7");
        for flags in ["", "--dry-run"] {
            let sync = shell.run(&format!("ban-ip --sync {flags}"));
            assert_eq!((sync.out.as_str(), sync.status), ("", Some(0)), "{sync:?}");
        }
    });
}
