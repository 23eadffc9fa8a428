//! ipset, iptables and commands of one's own, against the real kernel.

use std::time::Duration;

use crate::backends::{HOUR, MIXED, about, address, banned, names, open_backend};
use crate::common::{in_namespace, run, wait_until};
use pipeban_ban::firewall::{Backend, Firewall};

/// Runs `body` with each of the older backends that is installed, in a namespace.
fn with_older_backends(test: &str, body: impl Fn(&str, Box<dyn Firewall>)) {
    in_namespace(test, || {
        for (name, program) in [("ipset", "ipset"), ("iptables", "iptables-restore")] {
            if run(program, &["--version"]).is_some() {
                body(name, open_backend(name));
            }
        }
    });
}

#[test]
fn older_backends_hold_overlapping_networks() {
    with_older_backends(
        "older_backends_hold_overlapping_networks",
        |name, mut firewall| {
            let bans: Vec<_> = MIXED.iter().map(|a| (address(a), HOUR)).collect();
            let mut expected = MIXED.map(String::from);
            expected.sort();
            for _ in 0..2 {
                firewall.ban(&bans).unwrap();
                assert_eq!(names(&mut *firewall), expected, "{name}");
            }
            let lifted = ["198.51.100.8", "2001:db8::/64", "203.0.113.9"];
            firewall.lift(&lifted.map(address)).unwrap();
            let left: Vec<_> = expected
                .iter()
                .filter(|a| !lifted.contains(&a.as_str()))
                .collect();
            assert_eq!(
                names(&mut *firewall).iter().collect::<Vec<_>>(),
                left,
                "{name}"
            );
            assert!(!firewall.ensure().unwrap(), "{name}: still complete");
        },
    );
}

#[test]
fn older_backends_keep_times_if_they_have_them() {
    with_older_backends(
        "older_backends_keep_times_if_they_have_them",
        |name, mut firewall| {
            let one = address("203.0.113.7");
            for seconds in [3_600, 7_200, 600, 2_147_483, 2_147_484, u64::MAX] {
                let time = Duration::from_secs(seconds);
                firewall.ban(&[(one, Some(time))]).unwrap();
                let left = banned(&mut *firewall)["203.0.113.7"];
                if firewall.expires(time) {
                    assert!(about(left, seconds), "{name}: {left:?} for {seconds}");
                } else {
                    assert_eq!(left, None, "{name}: {seconds}");
                }
            }
            if name == "ipset" {
                let short = Some(Duration::from_millis(300));
                firewall.ban(&[(one, short)]).unwrap();
                wait_until("it ends", || names(&mut *firewall).is_empty());
            }
        },
    );
}

#[test]
fn older_backends_notice_a_flush() {
    let flushes = [
        ("ipset", "iptables -t raw -F; ipset flush"),
        (
            "ipset",
            "iptables -t raw -F; ip6tables -t raw -F; ipset destroy",
        ),
        ("iptables", "iptables -t raw -F"),
        (
            "iptables",
            "iptables -t raw -F; iptables -t raw -X; ip6tables -t raw -F",
        ),
    ];
    with_older_backends("older_backends_notice_a_flush", |name, firewall| {
        drop(firewall);
        for (_, commands) in flushes.iter().filter(|f| f.0 == name) {
            run("sh", &["-c", commands]);
            let mut firewall = open_backend(name);
            firewall.ban(&[(address("203.0.113.7"), HOUR)]).unwrap();
            let rules = run("iptables-save", &["-t", "raw"]).unwrap();
            assert_eq!(
                rules.matches("-A PREROUTING").count(),
                1,
                "{commands}: {rules}"
            );
            assert_eq!(names(&mut *firewall), ["203.0.113.7"], "{commands}");
        }
    });
}

#[test]
fn older_backends_tell_what_lets_packets_through() {
    with_older_backends(
        "older_backends_tell_what_lets_packets_through",
        |name, mut firewall| {
            let ours = |rule: &str| {
                rule.replace(
                    "OURS",
                    if name == "ipset" {
                        "PREROUTING"
                    } else {
                        "PIPEBAN"
                    },
                )
            };
            assert_eq!(firewall.verify().unwrap(), [""; 0], "{name}");
            for (harm, mend, found) in [
                (
                    "-I PREROUTING -s 203.0.113.9/32 -j DROP",
                    "-D PREROUTING -s 203.0.113.9/32 -j DROP",
                    0,
                ),
                ("-A PREROUTING -j ACCEPT", "-D PREROUTING -j ACCEPT", 0),
                ("-I PREROUTING -j ACCEPT", "-D PREROUTING -j ACCEPT", 1),
                ("-I OURS -p tcp -j RETURN", "-D OURS -p tcp -j RETURN", 1),
            ] {
                run("sh", &["-ec", &ours(&format!("iptables -t raw {harm}"))]);
                let told = firewall.verify().unwrap();
                assert_eq!(told.len(), found, "{name}: {harm}: {told:?}");
                run("sh", &["-ec", &ours(&format!("iptables -t raw {mend}"))]);
            }
            run("iptables", &["-t", "raw", "-F"]);
            assert!(
                firewall.verify().unwrap()[0].contains("is missing: PREROUTING"),
                "{name}"
            );
        },
    );
}

#[test]
fn exec_runs_what_it_is_told_without_a_shell() {
    let directory = tempfile::tempdir().unwrap();
    let touch = |name: &str| format!("touch {}/{name}", directory.path().display());
    let exec = |ban: &str, lift: &str| Backend::exec(ban, lift).map(|b| b.open().ok().unwrap());
    let mut firewall = exec(
        &touch("{address}-{family}-$HOME;x"),
        &touch("{address}.lifted"),
    )
    .unwrap();
    firewall
        .ban(&[
            (address("203.0.113.7"), HOUR),
            (address("2001:db8::1"), None),
        ])
        .unwrap();
    firewall.lift(&[address("203.0.113.7")]).unwrap();
    let mut made: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    let expected = [
        "2001:db8::1-ipv6-$HOME;x",
        "203.0.113.7-ipv4-$HOME;x",
        "203.0.113.7.lifted",
    ];
    assert_eq!(made, expected);

    for wrong in ["", "touch", "{address}", "touch x"] {
        assert!(exec(wrong, "true {address}").is_err(), "{wrong}");
    }
    let failing = |ban: &str| {
        let mut firewall = exec(ban, "true {address}").unwrap();
        firewall
            .ban(&[(address("203.0.113.7"), HOUR)])
            .unwrap_err()
            .to_string()
    };
    let said = failing("ls /nonexistent/{address}");
    assert!(
        said.starts_with("203.0.113.7: ls: exit status: 2: ls: cannot access"),
        "{said}"
    );
    assert_eq!(
        failing("/nonexistent {address}"),
        "203.0.113.7: /nonexistent: no such program"
    );
}
