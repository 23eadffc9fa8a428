//! Whom it does not ban, and what it may do while it reads.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::common::{Shell, in_namespace, run};

/// A length that is written without its flag bans nobody: not until lifted, either.
#[test]
fn a_length_is_no_operand() {
    let shell = Shell::new();
    for operands in ["203.0.113.7 1h", "203.0.113.7 for 10m", "3600 203.0.113.7"] {
        let ban = shell.run(&format!("ban-ip --backend none {operands}"));
        assert_eq!((ban.out.as_str(), ban.status), ("", Some(2)), "{ban:?}");
        assert!(ban.err.contains("the length of bans is --for "), "{ban:?}");
    }
    assert_eq!(shell.run("ban-ip --backend none --list").out, "");
    // In a list it is a line like any other that is none.
    let list = shell.feed("ban-ip --backend none --for 1h", b"1h\n203.0.113.7\n");
    assert_eq!(list.addresses(), ["203.0.113.7"], "{list:?}");
}

#[test]
fn nobody_locks_himself_out() {
    in_namespace("refusals::nobody_locks_himself_out", || {
        let shell = Shell::new();
        let network = "ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && \
                       ip addr add 192.0.2.10/24 dev v0 && ip -6 addr add 2001:db8:5::10/64 dev v0 nodad && \
                       ip route add default via 192.0.2.1 && ip -6 route add default via 2001:db8:5::1";
        if run("ip", &["-V"]).is_none() || run("sh", &["-c", network]).is_none() {
            return;
        }
        std::fs::write(
            shell.path("list"),
            "# ours\n198.51.100.0/28 ; office\n2001:db8:6::/48\n",
        )
        .unwrap();
        let list = shell.path("list").display().to_string();
        let ssh = "SSH_CONNECTION='203.0.113.50 50000 192.0.2.10 22'";
        // The environment that sudo leaves.
        let sudo = "env -i PATH=$PATH PIPEBAN_STATE=$PIPEBAN_STATE";
        for (command, why) in [
            ("ban-ip 127.0.0.1".to_owned(), "a special-purpose address"),
            ("ban-ip 0.0.0.0".into(), "a special-purpose address"),
            ("ban-ip ::1".into(), "a special-purpose address"),
            (
                "ban-ip ::ffff:127.0.0.1".into(),
                "a special-purpose address",
            ),
            ("ban-ip 224.0.0.5".into(), "a special-purpose address"),
            ("ban-ip fe80::1".into(), "a special-purpose address"),
            ("ban-ip 169.254.1.0/24".into(), "a special-purpose address"),
            ("ban-ip 192.0.2.10".into(), "an address of this host"),
            ("ban-ip 192.0.2.8/30".into(), "an address of this host"),
            ("ban-ip 2001:db8:5::10".into(), "an address of this host"),
            ("ban-ip 2001:db8::/32".into(), "an address of this host"),
            ("ban-ip 192.0.2.1".into(), "a default gateway"),
            ("ban-ip 2001:db8:5::1".into(), "a default gateway"),
            (
                "ban-ip --never 198.51.100.7 198.51.100.7".into(),
                "on the list of --never",
            ),
            (
                format!("ban-ip --never {list} 198.51.100.7"),
                "on the list of --never",
            ),
            (
                format!("ban-ip --never {list} 198.51.100.0/24"),
                "on the list of --never",
            ),
            (
                format!("ban-ip --never {list} --even-me 2001:db8:6::1"),
                "on the list of --never",
            ),
            (
                format!("{ssh} ban-ip 203.0.113.50"),
                "the peer of this SSH session",
            ),
            (
                format!("echo 203.0.113.50 | {ssh} ban-ip"),
                "the peer of this SSH session",
            ),
            (
                format!("{ssh} ban-ip 203.0.113.0/24"),
                "the peer of this SSH session",
            ),
            // The second shell stands for sudo: it keeps the first one as its parent.
            (
                format!("{ssh} sh -c '{sudo} sh -c \"ban-ip 203.0.113.50; exit \\$?\"; exit $?'"),
                "the peer of this SSH session",
            ),
            ("ban-ip 10.0.0.0/15".into(), "wider than /16"),
            ("ban-ip 2002::/31".into(), "wider than /32"),
            (
                "ban-ip --max-prefix4 24 10.0.0.0/23".into(),
                "wider than /24",
            ),
        ] {
            let outcome = shell.run(&command);
            assert_eq!(
                (outcome.out.as_str(), outcome.status),
                ("", Some(2)),
                "{command}"
            );
            assert!(outcome.err.contains(why), "{command}: {}", outcome.err);
            assert_eq!(outcome.err.lines().count(), 1, "{command}: {}", outcome.err);
        }
        assert_eq!(
            shell.run("ban-ip --list").status,
            Some(1),
            "nothing was banned"
        );
        for command in [
            format!("{ssh} ban-ip --even-me 203.0.113.50"),
            "ban-ip --even-me 192.0.2.1".into(),
            "ban-ip --max-prefix4 15 10.0.0.0/15".into(),
            "ban-ip 192.0.2.12/30".into(),
        ] {
            let outcome = shell.run(&command);
            assert_eq!(
                (outcome.err.as_str(), outcome.status),
                ("", Some(0)),
                "{command}"
            );
        }
    });
}

#[test]
fn one_that_is_refused_does_not_hold_up_the_others() {
    let shell = Shell::new();
    let refuse = shell.path("refuse");
    let script = "#!/bin/sh\n[ $1 != 203.0.113.2 ] || { echo no, not that >&2; exit 1; }\n";
    std::fs::write(&refuse, script).unwrap();
    run("chmod", &["+x", refuse.to_str().unwrap()]);
    let ban = format!(
        "ban-ip --backend exec --ban-command '{} {{address}}' --unban-command 'true {{address}}'",
        refuse.display()
    );
    let outcome = shell.run(&format!("{ban} 203.0.113.1 203.0.113.2 203.0.113.3"));
    assert_eq!(outcome.addresses(), ["203.0.113.1", "203.0.113.3"]);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.err.starts_with("ban-ip: exec: 203.0.113.2: ")
            && outcome.err.ends_with("no, not that\n"),
        "{}",
        outcome.err
    );
    let outcome = shell.run(&format!("{ban} 203.0.113.4"));
    assert_eq!((outcome.err.as_str(), outcome.status), ("", Some(0)));
    assert_eq!(shell.run(&format!("{ban} 203.0.113.2")).status, Some(2));
}

#[test]
fn privileges_are_given_up_before_input_is_read() {
    in_namespace(
        "refusals::privileges_are_given_up_before_input_is_read",
        || {
            let shell = Shell::new();
            for (tool, argument) in [("ban-ip", "--for=1h"), ("unban-at", "now+1hour")] {
                let mut child = shell
                    .command(tool)
                    .arg(argument)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut input = child.stdin.take().unwrap();
                input.write_all(b"203.0.113.7\n").unwrap();
                let mut line = String::new();
                BufReader::new(child.stdout.take().unwrap())
                    .read_line(&mut line)
                    .unwrap();
                let status =
                    std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
                let set = |name: &str| {
                    let line = status.lines().find(|l| l.starts_with(name)).unwrap();
                    u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
                };
                const NET_ADMIN: u64 = 1 << 12;
                assert_eq!(
                    (set("CapEff"), set("CapPrm")),
                    (NET_ADMIN, NET_ADMIN),
                    "{tool}"
                );
                drop(input);
                assert!(child.wait().unwrap().success());
            }
        },
    );
}

#[test]
fn a_success_bans_nobody() {
    let records = "203.0.113.7\\tsuccess=yes\\n203.0.113.8\\tsuccess=no\\n";
    let shell = Shell::new();
    let done = shell.run(&format!("printf '{records}' | ban-ip --backend none"));
    assert!(done.out.starts_with("203.0.113.8\t"), "{}", done.out);
    assert_eq!(done.out.lines().count(), 1);
    assert!(done.err.contains("not banned: 203.0.113.7"), "{}", done.err);
    assert_eq!(done.status, Some(2));
}
